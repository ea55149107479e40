"""`xharchive get`: archive the notes that the user names."""

import argparse

from xharchive.cli.help import CommandParser
from xharchive.cli.listing_options import MOST, add_days
from xharchive.cli.option_values import number, user_path
from xharchive.cli.options import add_directory, add_resolve_links, add_run_options
from xharchive.utf8_mode import text_of_argument

__all__ = ["configure", "run"]


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


def run(args: argparse.Namespace) -> int:
    """Archive the notes that the user names; return the exit code."""
    from xharchive.cli.get_notes import get

    return get(args)
