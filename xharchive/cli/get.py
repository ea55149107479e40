"""`xharchive get`: note ids in, finished note folders out."""

import argparse

from xharchive.cli.listing_options import MOST, add_selection
from xharchive.cli.options import add_directory, add_run_options, add_verb, number, user_path
from xharchive.utf8_mode import text_of_argument

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "get",
        run,
        summary="archive notes: ids, links or pasted share texts",
        description="Archive notes. What is in the archive already is left alone and costs nothing.\n"
        "All input is read and checked first. With one malformed id in a list nothing is asked or paid;\n"
        "of a table (CSV, TSV, JSON lines, a spreadsheet's column under its heading) a bad row is named\n"
        "and passed over. Short links (xhslink.com, .cn) are followed to their notes.",
        examples="""\
  xharchive get 69aed4e2000000000e00c358 698ab064000000001503876d
  xharchive get 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358?xsec_token=…'
  xharchive get -i notes.txt -d ~/notes --image-format keep
  xharchive get http://xhslink.com/a/AbCdEf
  xharchive get -i notes.csv --column 笔记链接 --after 2026-01-01 --failed-out again.txt
  xharchive get -i again.txt
  xharchive search 豫园 --limit 50 | xharchive get - -d ~/notes
  cat ids.txt | xharchive get - -d ~/notes --json > events.jsonl
  xharchive get -i notes.txt --api-base http://127.0.0.1:8080 --resolve '*=127.0.0.1:8080'
""",
    )
    parser.add_argument(
        "notes",
        nargs="*",
        metavar="NOTE",
        type=text_of_argument,
        help="a note id, a link, a short link, a share text in quotes; -: read standard input",
    )
    parser.add_argument(
        "-i",
        "--input",
        metavar="FILE",
        type=user_path,
        action="append",
        default=[],
        help="file with one of these a line, or a table; blank lines and # comments are skipped "
        "(repeatable; -: standard input)",
    )
    _add_input(parser.add_argument_group("input"))
    add_directory(parser)
    add_run_options(parser)


def _add_input(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--column",
        metavar="NAME",
        type=text_of_argument,
        default="",
        help="the column of a table that names the notes: its heading (of JSON lines: the key), or its "
        "number from 1 (default: guessed from English and Chinese headings)",
    )
    group.add_argument(
        "--strict",
        action=argparse.BooleanOptionalAction,
        help="with a bad row stop before anything is paid, or pass it over (default: stop for lists, pass "
        "over in tables)",
    )
    group.add_argument(
        "--resolve-links",
        action="store_true",
        help="ask the API about short links that cannot be followed: a paid call each",
    )
    add_selection(group)
    group.add_argument("--type", choices=("image", "video"), help="no notes that the input says are others")
    group.add_argument("--limit", metavar="N", type=number(1, MOST), help="only the first N notes")
    group.add_argument(
        "--failed-out",
        metavar="FILE",
        type=user_path,
        help="write the notes that need another run into a file, which -i takes (-: standard output)",
    )


def run(args: argparse.Namespace) -> int:
    """Archive what was named; return the exit code."""
    from xharchive.cli.get_notes import get

    return get(args)
