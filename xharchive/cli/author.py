"""`xharchive author`: the notes of a user."""

import argparse

from xharchive.cli.listing_options import add_listing_options, run_listing
from xharchive.cli.options import add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "author",
        run,
        summary="list the notes of a user",
        description="List a user's notes, the newest first.\n"
        "Prints a JSON line a note, bare ids with --ids; --get archives them.",
        examples="""\
  xharchive author 6276a4d10000000021026c1f
  xharchive author http://xhslink.com/m/AbCdEf --ids
  xharchive author https://www.xiaohongshu.com/user/profile/6276a4d10000000021026c1f --limit 100
  xharchive author 6276a4d10000000021026c1f --after 2026-01-01 --get -d out
""",
    )
    parser.add_argument(
        "user",
        metavar="USER",
        help="a user's id (24 hex digits), the link of a profile, or a short link to one",
    )
    parser.add_argument(
        "--resolve-links",
        action="store_true",
        help="ask the API about a short link that cannot be followed: a paid call",
    )
    parser.add_argument("--type", choices=("image", "video"), help="only notes of this type")
    add_listing_options(parser, pages=None)


def run(args: argparse.Namespace) -> int:
    """List, and archive if asked to; return the exit code."""
    from xharchive.links import find_short_link, parse_user_id
    from xharchive.parsers.listing_endpoints import author_notes

    link = find_short_link(args.user)
    if link is None:
        args.user = parse_user_id(args.user)
    return run_listing(args, lambda: author_notes(parse_user_id(args.user)), newest_first=True, link=link)
