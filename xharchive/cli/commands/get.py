"""`xharchive get`: archive the notes that the user names."""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_resolve_links, add_run_options
from xharchive.cli.selection_options import MOST, add_days, number, user_path
from xharchive.errors import ExitCode, UsageError
from xharchive.sanitize import counted, printable
from xharchive.utf8_mode import text_of_argument

if TYPE_CHECKING:
    from xharchive.config import RunSettings
    from xharchive.sources.read_notes import InputReport
    from xharchive.sources.requested_notes import NoteFilter, NoteList


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Archive notes, each in a folder of its own. A note that is archived already\n"
        "costs nothing. All input is read and checked before the first call is paid.",
        details="One malformed id in a list stops the run before it pays. In a table (CSV, TSV,\n"
        "JSON lines, a spreadsheet column below its heading) a bad row is reported and\n"
        "skipped. Short links (xhslink.com, xhslink.cn) are followed to their notes.",
        examples="""\
  xharchive get 69aed4e2000000000e00c358 698ab064000000001503876d
  xharchive get -i notes.txt -d ~/notes --image-format keep
  xharchive get http://xhslink.com/a/AbCdEf
  xharchive search 豫园 --limit 50 | xharchive get - -d ~/notes
  xharchive get 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358?xsec_token=…'
  xharchive get -i notes.csv --column 笔记链接 --after 2026-01-01 --failed-out again.txt
  xharchive get -i again.txt
  cat ids.txt | xharchive get - -d ~/notes --json > events.jsonl
  xharchive get -i notes.txt --api-base http://127.0.0.1:8080 --resolve '*=127.0.0.1:8080'
""",
    )
    parser.add_argument(
        "notes",
        nargs="*",
        metavar="NOTE",
        type=text_of_argument,
        help="a note id, link, short link, or share text in quotes; -: standard input",
    )
    _add_input(parser.group("input"))
    _add_selection(parser.group("selection"))
    parser.common |= {
        "notes": "id, link or share text of a note; -: standard input",
        "input": "list or table of notes (-: standard input)",
        "after": "only notes published on this day or later",
        "before": "only notes published before this day",
        "type": "only notes of this type, where the input names it",
        "limit": "only the first N notes",
    }
    add_directory(parser)
    add_resolve_links(parser, "short links that cannot be followed: a paid call each")
    parser.group("output").add_argument(
        "--failed-out",
        metavar="FILE",
        type=user_path,
        help="write the notes that need another run to a file, which -i reads (-: standard output)",
    )
    add_run_options(parser)


def _add_input(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "-i",
        "--input",
        metavar="FILE",
        type=user_path,
        action="append",
        default=[],
        help="file with a note per line, or a table; blank lines and # comments are skipped (repeatable; "
        "-: standard input)",
    )
    group.add_argument(
        "--column",
        metavar="NAME",
        type=text_of_argument,
        default="",
        help="column of a table that names the notes: its heading (in JSON lines: the key), or its number "
        "from 1 (default: guessed from English and Chinese headings)",
    )
    group.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        help="stop at a bad row before anything is paid, or skip it (default: stop in lists, skip in tables)",
    )


def _add_selection(group: "argparse._ArgumentGroup") -> None:
    add_days(group)
    group.add_argument(
        "--type",
        choices=("image", "video"),
        help="leave out notes for which the input names the other type",
    )
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="only the first N notes")


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
    from xharchive.cli.failed_list import check_failed_out
    from xharchive.cli.open_archive import open_to_read, open_to_write
    from xharchive.cli.runner import print_plan, run_notes
    from xharchive.cli.saved_options import resume_command
    from xharchive.cli.signals import run_until_signal
    from xharchive.config import RunSettings, archive_options, from_arguments, note_filter
    from xharchive.run import Archiver
    from xharchive.sources.requested_notes import NoteList

    if not args.notes and not args.input:
        raise UsageError(
            "no notes named: give ids or links, or a list with -i FILE (see xharchive get --help)"
        )
    command = from_arguments(
        GetCommand, args, note_filter=note_filter(args), settings=from_arguments(RunSettings, args)
    )
    settings = command.settings
    console.resume = resume_command(command.directory, settings, os.environ, include_saved=True)
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
        with open_to_write(store, trust_index=settings.trust_index):
            archiver = Archiver(store, options)
            work = run_notes(
                archiver,
                notes,
                settings,
                console,
                note_filter=command.note_filter,
                failed_out=command.failed_out,
            )
            code = run_until_signal(work, console)
        return max(code, ExitCode.INCOMPLETE) if reading.bad_rows else code


def _read_input(command: GetCommand, notes: "NoteList") -> "InputReport":
    """Read the input, and print what is skipped."""
    from xharchive.cli.failed_list import check_not_input
    from xharchive.sources.read_notes import read_notes

    reading = read_notes(
        notes,
        command.notes,
        command.input,
        column=command.column,
        strict=command.strict,
        note_filter=command.note_filter,
    )
    cut = notes.truncate(command.limit) if command.limit else 0
    files = [*(text for text in command.notes if text == "-"), *command.input]
    losses = {**dict.fromkeys(files, "--limit leaves out notes"), **reading.losses} if cut else reading.losses
    check_not_input(command.failed_out, files, losses)
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
