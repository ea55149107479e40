"""`xharchive resume`: continue what earlier runs did not finish."""

import argparse

from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_resolve_links, add_run_options
from xharchive.cli.saved_options import default_to_none

__all__ = ["configure", "run"]


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Archive the notes that earlier runs were asked for and did not finish:\n"
        "interrupted, failed, partial. Saved replies are used again, and part files are\n"
        "continued.",
        details="Formats, endpoints and time-outs are those of the earlier run, unless you give\n"
        "others here. An --api-base and hosts of your own must be given again.",
        examples="""\
  xharchive resume
  xharchive resume -d ~/notes --jobs 32
  XHARCHIVE_TOKEN=… xharchive resume -d ~/notes --endpoints v1,v6,pgy
""",
    )
    add_directory(parser)
    parser.group("archive").add_argument(
        "--no-kept-options",
        action="store_true",
        help="use the options given here and the defaults, not the options of the earlier runs",
    )
    add_resolve_links(parser, "short links that cannot be followed: a paid call each")
    add_run_options(parser)
    default_to_none(parser)


def run(args: argparse.Namespace) -> int:
    """Archive the unfinished notes; return the exit code."""
    from xharchive.cli.resume_notes import resume

    return resume(args)
