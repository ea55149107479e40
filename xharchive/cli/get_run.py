"""The run of `xharchive get`: input read, short links followed, notes archived, what is left written down."""

import argparse
import sys
from pathlib import Path

from xharchive.cli.failed_out import check_place
from xharchive.cli.list_run import ListRun
from xharchive.errors import ExitCode, UsageError
from xharchive.inputs import NoteList, Reading, read_notes, spool
from xharchive.models import NoteType
from xharchive.naming import printable
from xharchive.selection import Selection
from xharchive.stores import PosixStore

__all__ = ["get"]


def get(args: argparse.Namespace) -> int:
    """Archive what was named; return the exit code.

    Raises:
        UsageError: the input or a setting is wrong.
        Refused: the user says no.
        ArchiveError: the disk would not.
    """
    if not args.notes and not args.input:
        raise UsageError(
            "no notes named: give ids or links, or a list with -i FILE (see xharchive get --help)"
        )
    check_place(args.failed_out)
    selection = Selection(args.after, args.before, NoteType(args.type) if args.type else None)
    with spool() as notes:
        reading = _read(args, notes, selection)
        code = ListRun(args, PosixStore(Path(args.directory)), notes, selection).run()
        return int(max(code, ExitCode.INCOMPLETE) if reading.bad_rows and not args.dry_run else code)


def _read(args: argparse.Namespace, notes: NoteList, selection: Selection) -> Reading:
    """Read the input, and tell what of it is passed over.

    Raises:
        UsageError: it has mistakes, or names nothing.
    """
    reading = read_notes(
        notes, args.notes, args.input, column=args.column, strict=args.strict, selection=selection
    )
    lines = [f"passed over, because they name no note (--strict stops instead):\n  {reading}"]
    lines = lines if reading.bad_rows else []
    left_out = reading.left_out + (notes.keep_first(args.limit) if args.limit else 0)
    if left_out and not args.quiet:
        lines.append(f"{left_out} notes of the input left out by --after, --before, --type or --limit")
    sys.stderr.write("".join(f"{printable(line)}\n" for text in lines for line in text.split("\n")))
    if not len(notes) and not notes.links:
        what = "only bad rows" if reading.bad_rows else "only blank lines and comments"
        raise UsageError(f"the input names no notes: {'none is wanted' if left_out else what}")
    return reading
