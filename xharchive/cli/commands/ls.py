"""`xharchive ls` and `xharchive find`: list archived notes, or those with some words."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.options import DAYS, DIRECTORY, TYPE, limit, text_of_argument
from xharchive.cli.parser import Verb, argument, option
from xharchive.errors import UsageError

_LONGEST = 2000  # characters, twice the longest note; a search for a pasted file would take hours
_OPTIONS = (
    option(
        "selection: --author WHO",
        "only notes by this author: part of the name, or an id",
        type=text_of_argument,
        default="",
    ),
    TYPE,
    option(
        "selection: --state STATE",
        "only notes in this state: complete, partial, empty",
        choices=("complete", "partial", "empty"),
    ),
    *DAYS,
    option("selection: --tag TAG", "only notes with this tag", type=text_of_argument, default=""),
    limit("only the first N notes"),
    DIRECTORY,
    (
        option("output: --json", "print JSON lines, each with the note's folder"),
        option("output: --ids", "print an id per line, as `get -` reads them"),
        option("output: --folders", "print a folder per line"),
    ),
)

VERBS = {
    "ls": Verb(
        "List archived notes, newest first: date, id, state, type, files, author, title.\n"
        "A terminal gets the columns that fit; a pipe or a file gets all. Sends nothing.",
        """\
  xharchive ls
  xharchive ls --author 小满 --after 2026-01-01
  xharchive ls --state partial --ids | xharchive get -
  xharchive ls -d ~/notes --type video --json
  xharchive ls --tag 豫园 --folders""",
        _OPTIONS,
    ),
    "find": Verb(
        "Find archived notes by title, text, tags, author and place, best match first.\n"
        "One Chinese character is enough. Characters without a space between them match\n"
        "as a phrase; of several words all must match. Latin words match as complete\n"
        "words. Case and punctuation do not count.",
        """\
  xharchive find 豫园
  xharchive find 灯 上海 --limit 10
  xharchive find citywalk --author 小满 --json
  xharchive find 夜 -d ~/notes --ids""",
        (argument("text", "TEXT", "words to find", nargs="+", type=text_of_argument), *_OPTIONS),
    ),
}


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the notes; return 0, or 5 if this user may not read some."""
    from xharchive.archive import IndexFilter, has_tokens
    from xharchive.cli.print_notes import Form, print_notes
    from xharchive.manifest import State

    text = " ".join(args.text) if args.verb == "find" else ""
    if len(text) > _LONGEST:
        raise UsageError(f"the text to find is too long: {len(text)} characters, at most {_LONGEST}")
    if args.verb == "find" and not has_tokens(text):
        raise UsageError("nothing to find: give a character or a word; punctuation alone is ignored")
    filters = IndexFilter(
        author=args.author,
        type=args.type or "",
        state=State(args.state) if args.state else None,
        after=args.after,
        before=args.before,
        tag=args.tag,
        limit=args.limit,
    )
    form: Form = "json" if args.json else "ids" if args.ids else "folders" if args.folders else "table"
    return print_notes(args.directory, filters, form, text)
