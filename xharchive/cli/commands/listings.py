"""`xharchive search`, `author`, `topic` and `feed`: list notes of the platform; --get archives them."""

import argparse
import sys

from xharchive.cli.console import Console
from xharchive.cli.options import listing_options, resolve_links, text_of_argument
from xharchive.cli.parser import Verb, argument, option
from xharchive.errors import UsageError

_PAGES = {"search": 1, "author": None, "topic": 1, "feed": 1}
"""How many pages a command reads by default; None means all."""
_FEED_MAY_BE_GONE = (
    " (the feed is not in the vendor's current specification; it may be gone; try xharchive search)"
)

VERBS = {
    "search": Verb(
        "Search notes by keyword, and print a JSON line per note. Each page is a paid\ncall.",
        """\
  xharchive search 豫园 --limit 50
  xharchive search 豫园 --limit 50 | xharchive get -d out -
  xharchive search 豫园 --pages 3 --after 2026-01-01 --get -d out
  xharchive search 'shanghai food' --sort newest --type video --within week --ids""",
        (
            argument("keyword", "KEYWORD", "text to search for", type=text_of_argument),
            option(
                "selection: --sort ORDER",
                "order of the results: general, popular, newest, comments, collects (default: general)",
                brief="general, popular, newest, comments or collects",
                choices=("general", "popular", "newest", "comments", "collects"),
                default="general",
            ),
            option(
                "selection: --within AGE",
                "only notes of this age: day, week, half-year; the vendor does not always keep to it",
                brief="only notes of this age: day, week, half-year",
                choices=("day", "week", "half-year"),
            ),
            *listing_options(_PAGES["search"]),
        ),
        has_brief_help=True,
    ),
    "author": Verb(
        "List the notes of a user, newest first, and print a JSON line per note. Each\npage is a paid call.",
        """\
  xharchive author 6276a4d10000000021026c1f
  xharchive author http://xhslink.com/m/AbCdEf --ids
  xharchive author 6276a4d10000000021026c1f --after 2026-01-01 --get -d out
  xharchive author https://www.xiaohongshu.com/user/profile/6276a4d10000000021026c1f --limit 100""",
        (
            argument(
                "user",
                "USER",
                "id of a user (24 hex digits), link to a profile, or short link to one",
                brief="id of a user, link or short link to a profile",
            ),
            resolve_links("a short link that cannot be followed: a paid call"),
            *listing_options(_PAGES["author"]),
        ),
        has_brief_help=True,
    ),
    "topic": Verb(
        "List the notes of a topic (the page of a tag), and print a JSON line per note.\n"
        "Each page is a paid call.",
        """\
  xharchive topic 5be00ef34ba51d0001c5e1d5
  xharchive topic 5be00ef34ba51d0001c5e1d5 --newest --limit 40
  xharchive topic 5be00ef34ba51d0001c5e1d5 --ids""",
        (
            argument("topic", "ID", "id of the topic (24 hex digits)"),
            option(
                "selection: --newest",
                "list the newest notes first (default: the popular ones)",
                brief="list the newest notes first (default: the popular)",
            ),
            *listing_options(_PAGES["topic"]),
        ),
        has_brief_help=True,
    ),
    "feed": Verb(
        "List the notes of a channel of the feed, and print a JSON line per note. Each\n"
        "page is a paid call. The vendor's current specification lacks this endpoint:\n"
        "it may no longer work.",
        """\
  xharchive feed food --pages 2
  xharchive feed --list-channels
  xharchive feed travel --limit 20 --ids""",
        (
            argument("channel", "CHANNEL", "channel (default: recommend)", nargs="?", default="recommend"),
            option("selection: --list-channels", "print the channels; send nothing", brief=True),
            *listing_options(_PAGES["feed"]),
        ),
        has_brief_help=True,
    ),
}


def run(args: argparse.Namespace, console: Console) -> int:
    """List the notes, and archive them with --get; return the exit code."""
    from xharchive.cli.listing_runner import ListingSource, listing_command, run_listing
    from xharchive.models import NoteType
    from xharchive.parsers.listing_endpoints import (
        CHANNELS,
        MaxAge,
        Sort,
        author_notes,
        feed,
        search,
        topic_notes,
    )
    from xharchive.sources.links import find_short_link, parse_topic_id, parse_user_id

    source: ListingSource
    newest_first, if_it_fails = False, ""
    match args.verb:
        case "search":
            kind = NoteType(args.type) if args.type else NoteType.UNKNOWN
            within = MaxAge(args.within) if args.within else None
            source = search(_keyword(args.keyword), Sort(args.sort), kind, within)
            newest_first = args.sort == "newest"
        case "author":
            source = find_short_link(args.user) or author_notes(parse_user_id(args.user))
            newest_first = True
        case "topic":
            source = topic_notes(parse_topic_id(args.topic), newest=args.newest)
            newest_first = args.newest
        case _:
            if args.list_channels:
                sys.stdout.write("\n".join(CHANNELS) + "\n")
                return 0
            if args.channel not in CHANNELS:
                shown = args.channel[:40]
                raise UsageError(f"{shown} is no channel of the feed; see xharchive feed --list-channels")
            source, if_it_fails = feed(args.channel), _FEED_MAY_BE_GONE
    pages = _PAGES[args.verb]
    command = listing_command(args, pages, source=source, newest_first=newest_first, if_it_fails=if_it_fails)
    return run_listing(command, console)


def _keyword(text: str) -> str:
    keyword = text.strip()
    if any(0xD800 <= ord(letter) < 0xE000 for letter in keyword):
        raise UsageError("the keyword is not text in the encoding of this terminal")
    if not keyword:
        raise UsageError("the keyword is empty; name what to look for, as: xharchive search 豫园")
    return keyword
