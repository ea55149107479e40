"""`xharchive find`: the notes of the archive that have some words."""

import argparse

from xharchive.cli.filter_options import add_choice
from xharchive.cli.options import add_verb
from xharchive.errors import UsageError
from xharchive.utf8_mode import text_of_argument

__all__ = ["add", "run"]

_LONGEST = 2000  # twice the longest note; a pasted file would be looked for all day


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "find",
        run,
        summary="find notes of the archive by their words",
        description="Find notes by title, text, tags, author and place, the best first. One Chinese\n"
        "character is enough. What is written together is found together; of words with spaces between\n"
        "them all must be there. Latin words are found whole, whatever their case. Signs mean nothing.",
        examples="""\
  xharchive find 豫园
  xharchive find 灯 上海 --limit 10
  xharchive find citywalk --author 小满 --json
  xharchive find 夜 -d ~/notes --ids
""",
    )
    parser.add_argument("text", nargs="+", metavar="TEXT", type=text_of_argument, help="what to look for")
    add_choice(parser)


def run(args: argparse.Namespace) -> int:
    """Print the notes; return 0.

    Raises:
        UsageError: there is nothing to look for, or no archive.
        ArchiveError: it cannot be read.
    """
    from xharchive.cli.note_list import print_notes
    from xharchive.index import has_tokens

    text = " ".join(args.text)
    if len(text) > _LONGEST:
        raise UsageError(f"too long to look for: {len(text)} characters, at most {_LONGEST}")
    if not has_tokens(text):
        raise UsageError("nothing to look for: name a character or a word; signs alone mean nothing")
    return print_notes(args, text)
