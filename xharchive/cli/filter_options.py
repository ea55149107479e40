"""What the verbs that list the archive's notes share: which notes, how many, in which form."""

import argparse

from xharchive.cli.listing_options import MOST, add_selection
from xharchive.cli.options import add_directory, number
from xharchive.utf8_mode import text_of_argument

__all__ = ["add_choice"]


def add_choice(parser: argparse.ArgumentParser) -> None:
    """Add the filters, the forms of output, and the archive's folder."""
    group = parser.add_argument_group("which notes")
    group.add_argument(
        "--author",
        metavar="WHO",
        type=text_of_argument,
        default="",
        help="only notes by this author: a part of the name, or an id",
    )
    group.add_argument("--type", choices=("image", "video"), help="only notes of this type")
    group.add_argument("--state", choices=("complete", "partial", "empty"), help="only notes in this state")
    add_selection(group)
    group.add_argument(
        "--tag", metavar="TAG", type=text_of_argument, default="", help="only notes with this tag"
    )
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="only the first N notes")
    forms = parser.add_argument_group("output").add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="JSON lines, each with the note's folder")
    forms.add_argument("--ids", action="store_true", help="bare ids, one a line, as `get -` takes them")
    forms.add_argument("--folders", action="store_true", help="the notes' folders, one a line")
    add_directory(parser)
