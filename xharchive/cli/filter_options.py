"""Options of the commands that list archived notes (ls, find): filters and forms of output."""

import argparse

from xharchive.cli.help import CommandParser
from xharchive.cli.listing_options import MOST, add_days, add_type
from xharchive.cli.option_values import number
from xharchive.cli.options import add_directory
from xharchive.utf8_mode import text_of_argument

__all__ = ["add_note_filters"]


def add_note_filters(parser: CommandParser) -> None:
    """Add the filters, the forms of output, and the folder of the archive."""
    _add_filters(parser.group("selection"))
    _add_forms(parser.group("output").add_mutually_exclusive_group())
    add_directory(parser)


def _add_filters(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--author",
        metavar="WHO",
        type=text_of_argument,
        default="",
        help="only notes by this author: part of the name, or an id",
    )
    add_type(group)
    group.add_argument(
        "--state",
        metavar="STATE",
        choices=("complete", "partial", "empty"),
        help="only notes in this state: complete, partial, empty",
    )
    add_days(group)
    group.add_argument(
        "--tag", metavar="TAG", type=text_of_argument, default="", help="only notes with this tag"
    )
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="only the first N notes")


def _add_forms(group: "argparse._MutuallyExclusiveGroup") -> None:
    group.add_argument("--json", action="store_true", help="print JSON lines, each with the note's folder")
    group.add_argument("--ids", action="store_true", help="print an id per line, as `get -` reads them")
    group.add_argument("--folders", action="store_true", help="print a folder per line")
