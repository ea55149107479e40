"""Runs `xharchive get`: reads the input, archives the notes, writes the list of failed notes."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from xharchive.archive import Archive
from xharchive.cli.failed_list import check_failed_out, check_not_input
from xharchive.cli.input_runner import ListRun
from xharchive.cli.runner import open_to_read, open_to_write
from xharchive.config import archive_options
from xharchive.errors import ExitCode, UsageError
from xharchive.models import NoteType
from xharchive.sanitize import counted, printable
from xharchive.sources.read_notes import InputReport, read_notes
from xharchive.sources.requested_notes import NoteFilter, NoteList

__all__ = ["get"]


def get(args: argparse.Namespace) -> int:
    """Archive the notes that the user names; return the exit code.

    Raises:
        UsageError: the input or a setting is wrong.
        Refused: the user does not confirm the cost.
        ArchiveError: the archive cannot be read or written.
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    if not args.notes and not args.input:
        raise UsageError(
            "no notes named: give ids or links, or a list with -i FILE (see xharchive get --help)"
        )
    check_failed_out(args.failed_out, as_json=args.json)
    note_filter = NoteFilter(args.after, args.before, NoteType(args.type) if args.type else None)
    with NoteList() as notes:
        reading = _read_input(args, notes, note_filter)
        store = Archive(Path(args.directory))
        list_run = ListRun(args, store, notes, note_filter)
        if args.dry_run:
            with open_to_read(store, trust_index=args.trust_index):
                list_run.plan()
            return int(ExitCode.OK)
        options = archive_options(args, os.environ)
        with open_to_write(store, trust_index=args.trust_index):
            code = list_run.archive(options)
        return int(max(code, ExitCode.INCOMPLETE) if reading.bad_rows else code)


def _read_input(args: argparse.Namespace, notes: NoteList, note_filter: NoteFilter) -> InputReport:
    """Read the input, and print what is skipped.

    Raises:
        UsageError: the input has mistakes, or names no notes.
    """
    reading = read_notes(
        notes, args.notes, args.input, column=args.column, strict=args.strict, note_filter=note_filter
    )
    cut = notes.truncate(args.limit) if args.limit else 0
    files = [*(text for text in args.notes if text == "-"), *args.input]
    losses = {**dict.fromkeys(files, "--limit leaves out notes"), **reading.losses} if cut else reading.losses
    check_not_input(args.failed_out, files, losses)
    filtered_out = reading.filtered_out + cut
    lines = _report_lines(reading, 0 if args.quiet else filtered_out)
    sys.stderr.write("".join(f"{printable(line)}\n" for text in lines for line in text.split("\n")))
    if not len(notes) and not notes.links:
        raise UsageError(f"the input names no notes: {_why_empty(reading, filtered_out)}")
    return reading


def _report_lines(reading: InputReport, filtered_out: int) -> Iterator[str]:
    if reading.bad_rows:
        rows = counted(reading.bad_rows, "row skipped, because it names", "rows skipped, because they name")
        yield f"{rows} no note (--strict stops instead):\n  {reading}"
    if filtered_out:
        yield f"{counted(filtered_out, 'note')} of the input left out by --after, --before, --type or --limit"


def _why_empty(reading: InputReport, filtered_out: int) -> str:
    if filtered_out:
        return "the filters leave none"
    if reading.bad_rows:
        return "only bad rows"
    return ", ".join(reading.empty_sources) or "only blank lines and comments"
