"""`xharchive get`: archive the notes that the user names."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.console import Console, run_until_signal
from xharchive.cli.options import (
    DAYS,
    DIRECTORY,
    RUN_OPTIONS,
    limit,
    resolve_links,
    text_of_argument,
    user_path,
)
from xharchive.cli.parser import Verb, argument, option
from xharchive.errors import ExitCode, Refused, UsageError
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.archive import Archive
    from xharchive.cli.settings import RunSettings
    from xharchive.sources.requested_notes import InputReport, NoteFilter, NoteList


VERBS = {
    "get": Verb(
        "Archive notes, each in a folder of its own. A note that is archived already\n"
        "costs nothing. All input is read and checked before the first call is paid.",
        """\
  xharchive get 69aed4e2000000000e00c358 698ab064000000001503876d
  xharchive get -i notes.txt -d ~/notes --image-format keep
  xharchive get http://xhslink.com/a/AbCdEf
  xharchive search 豫园 --limit 50 | xharchive get - -d ~/notes
  xharchive get 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358?xsec_token=…'
  xharchive get -i notes.csv --column 笔记链接 --after 2026-01-01 --failed-out again.txt
  xharchive get -i again.txt
  cat ids.txt | xharchive get - -d ~/notes --json > events.jsonl
  xharchive get -i notes.txt --api-base http://127.0.0.1:8080 --resolve '*=127.0.0.1:8080'""",
        (
            argument(
                "notes",
                "NOTE",
                "a note id, link, short link, or share text in quotes; -: standard input",
                brief="id, link or share text of a note; -: standard input",
                nargs="*",
                type=text_of_argument,
            ),
            option(
                "input: -i, --input FILE",
                "file with a note per line, or a table; blank lines and # comments are skipped "
                "(repeatable; -: standard input)",
                brief="list or table of notes (-: standard input)",
                type=user_path,
                action="append",
                default=[],
            ),
            option(
                "input: --column NAME",
                "column of a table that names the notes: its heading (in JSON lines: the key), or its "
                "number from 1 (default: guessed from English and Chinese headings)",
                type=text_of_argument,
                default="",
            ),
            option(
                "input: --strict",
                "stop at a bad row before anything is paid, or skip it (default: stop in lists, skip in "
                "tables)",
                action=argparse.BooleanOptionalAction,
            ),
            *DAYS,
            option(
                "selection: --type",
                "leave out notes for which the input names the other type",
                brief="only notes of this type, where the input names it",
                choices=("image", "video"),
            ),
            limit("only the first N notes"),
            DIRECTORY,
            resolve_links("short links that cannot be followed: a paid call each"),
            option(
                "output: --failed-out FILE",
                "write the notes that need another run to a file, which -i reads (-: standard output)",
                type=user_path,
            ),
            *RUN_OPTIONS,
        ),
        details="One malformed id in a list stops the run before it pays. In a table (CSV, TSV,\n"
        "JSON lines, a spreadsheet column below its heading) a bad row is reported and\n"
        "skipped. Short links (xhslink.com, xhslink.cn) are followed to their notes.",
        has_brief_help=True,
    )
}


@dataclass(frozen=True, slots=True)
class GetCommand:
    """What `get` was asked for; the options of its run are `settings`."""

    notes: tuple[str, ...]
    input: tuple[str, ...]
    column: str
    strict: bool | None
    note_filter: "NoteFilter"
    limit: int | None
    failed_out: str | None
    directory: str
    settings: "RunSettings"


def run(args: argparse.Namespace, console: Console) -> int:
    """Archive the notes that the user names; return the exit code."""
    import asyncio

    from xharchive.archive import Archive
    from xharchive.cli.open_archive import open_to_read
    from xharchive.cli.runner import opened_archiver, print_plan, run_notes
    from xharchive.cli.settings import (
        RunSettings,
        archive_options,
        from_arguments,
        note_filter,
        resume_command,
    )
    from xharchive.sources.requested_notes import NoteList

    if not args.notes and not args.input:
        raise UsageError(
            "no notes named: give ids or links, or a list with -i FILE (see xharchive get --help)"
        )
    settings = from_arguments(RunSettings, args)
    command = from_arguments(GetCommand, args, note_filter=note_filter(args), settings=settings)
    console.resume = resume_command(command.directory, settings, os.environ, include_saved=True)
    if command.failed_out is not None:
        from xharchive.cli.failed_list import check_failed_out

        check_failed_out(command.failed_out, as_json=settings.json)
    store = Archive(Path(command.directory))
    with NoteList() as notes:
        reading = _read_input(command, notes)
        if settings.dry_run:
            with open_to_read(store, trust_index=settings.trust_index):
                asyncio.run(print_plan(settings, store, notes, command.note_filter))
            return ExitCode.OK
        options = archive_options(settings, os.environ)
        console.hide(options.transport.token)
        with (
            opened_archiver(store, options, settings) as archiver,
            _failed_list(command.failed_out, notes, store),
        ):
            work = run_notes(archiver, notes, settings, console, command.note_filter)
            code = run_until_signal(work, console)
        return max(code, ExitCode.INCOMPLETE) if reading.bad_rows else code


@contextmanager
def _failed_list(path: str | None, notes: "NoteList", store: "Archive") -> Iterator[None]:
    """Write the list of --failed-out after the block, unless the user did not confirm the run."""
    try:
        yield
    finally:
        if path is not None and not isinstance(sys.exception(), Refused):
            from xharchive.cli.failed_list import write_failed

            write_failed(path, notes, store)


def _read_input(command: GetCommand, notes: "NoteList") -> "InputReport":
    """Read the input, and print what is skipped."""
    from xharchive.sources.requested_notes import read_notes

    reading = read_notes(
        notes,
        command.notes,
        command.input,
        column=command.column,
        strict=command.strict,
        note_filter=command.note_filter,
    )
    cut = notes.truncate(command.limit) if command.limit else 0
    if command.failed_out is not None:
        from xharchive.cli.failed_list import check_not_input

        files = [*(text for text in command.notes if text == "-"), *command.input]
        cut_off = dict.fromkeys(files, "--limit leaves out notes") if cut else {}
        check_not_input(command.failed_out, cut_off | reading.losses)
    filtered_out = reading.filtered_out + cut
    lines = _report_lines(reading, 0 if command.settings.quiet else filtered_out)
    sys.stderr.write("".join(f"{printable(line)}\n" for text in lines for line in text.split("\n")))
    if not len(notes) and not notes.links:
        raise UsageError(f"the input names no notes: {_why_empty(reading, filtered_out)}")
    return reading


def _report_lines(reading: "InputReport", filtered_out: int) -> Iterator[str]:
    if reading.bad_rows:
        rows = counted(reading.bad_rows, "row skipped, because it names", "rows skipped, because they name")
        yield f"{rows} no note (--strict stops instead):\n  {reading}"
    if filtered_out:
        yield f"{counted(filtered_out, 'note')} of the input left out by --after, --before, --type or --limit"


def _why_empty(reading: "InputReport", filtered_out: int) -> str:
    if filtered_out:
        return "the filters leave none"
    if reading.bad_rows:
        return "only bad rows"
    return ", ".join(reading.empty_sources) or "only blank lines and comments"
