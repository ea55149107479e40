"""`xharchive find`: find archived notes by their words."""

import argparse

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory
from xharchive.cli.selection_options import add_note_filters
from xharchive.errors import UsageError
from xharchive.utf8_mode import text_of_argument

_LONGEST = 2000  # characters, twice the longest note; a search for a pasted file would take hours


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Find archived notes by title, text, tags, author and place, best match first.\n"
        "One Chinese character is enough. Characters without a space between them match\n"
        "as a phrase; of several words all must match. Latin words match as complete\n"
        "words. Case and punctuation do not count.",
        examples="""\
  xharchive find 豫园
  xharchive find 灯 上海 --limit 10
  xharchive find citywalk --author 小满 --json
  xharchive find 夜 -d ~/notes --ids
""",
    )
    parser.add_argument("text", nargs="+", metavar="TEXT", type=text_of_argument, help="words to find")
    add_note_filters(parser)
    add_directory(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print the notes; return 0."""
    from xharchive.archive import has_tokens
    from xharchive.cli.note_list import note_filters, note_form, print_notes

    text = " ".join(args.text)
    if len(text) > _LONGEST:
        raise UsageError(f"the text to find is too long: {len(text)} characters, at most {_LONGEST}")
    if not has_tokens(text):
        raise UsageError("nothing to find: give a character or a word; punctuation alone is ignored")
    return print_notes(args.directory, note_filters(args), note_form(args), text)
