"""`xharchive search`: notes by keyword."""

import argparse

from xharchive.cli.listing_options import add_listing_options, run_listing
from xharchive.cli.options import add_verb
from xharchive.utf8_mode import text_of_argument

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "search",
        run,
        summary="list notes by keyword",
        description="Search notes by keyword.\n"
        "Prints a JSON line a note, bare ids with --ids; --get archives them.",
        examples="""\
  xharchive search 豫园 --limit 50
  xharchive search 豫园 --limit 50 | xharchive get -d out -
  xharchive search 'shanghai food' --sort newest --type video --within week --ids
  xharchive search 豫园 --pages 3 --after 2026-01-01 --get -d out
""",
    )
    parser.add_argument("keyword", metavar="KEYWORD", type=text_of_argument, help="what to look for")
    parser.add_argument(
        "--sort",
        choices=("general", "popular", "newest", "comments", "collects"),
        default="general",
        help="order of the results (default: general)",
    )
    parser.add_argument("--type", choices=("image", "video"), help="only notes of this type")
    parser.add_argument(
        "--within",
        choices=("day", "week", "half-year"),
        help="only notes of that age; the vendor does not always keep to it",
    )
    add_listing_options(parser, pages=1)


def run(args: argparse.Namespace) -> int:
    """List, and archive if asked to; return the exit code."""
    from xharchive.errors import UsageError
    from xharchive.models import NoteType
    from xharchive.parsers.listing_endpoints import Sort, Within, search

    keyword = args.keyword.strip()
    if any(0xD800 <= ord(letter) < 0xE000 for letter in keyword):
        raise UsageError("the keyword is not text in the encoding of this terminal")
    if not keyword:
        raise UsageError("the keyword is empty; name what to look for, as: xharchive search 豫园")
    kind = NoteType(args.type) if args.type else NoteType.UNKNOWN
    within = Within(args.within) if args.within else None
    newest_first = args.sort == "newest"
    return run_listing(
        args, lambda: search(keyword, Sort(args.sort), kind, within), newest_first=newest_first
    )
