"""`xharchive resume`: go on with everything that earlier runs left."""

import argparse

from xharchive.cli.options import add_directory, add_run_options, add_verb
from xharchive.cli.saved_options import leave_open

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "resume",
        run,
        summary="go on with what an earlier run left",
        description="Go on with the notes that earlier runs were asked for and did not finish: interrupted,\n"
        "failed, partial. Replies that were paid for are used again; only missing bytes travel.\n"
        "Formats, endpoints and time-outs are those that the notes were asked for with, unless you give\n"
        "others here; the API's address and hosts of your own must be given again.",
        examples="""\
  xharchive resume
  xharchive resume -d ~/notes --jobs 32
  XHARCHIVE_TOKEN=… xharchive resume -d ~/notes --endpoints v1,v6,pgy
""",
    )
    parser.add_argument(
        "--resolve-links",
        action="store_true",
        help="ask the API about short links that cannot be followed: a paid call each",
    )
    parser.add_argument(
        "--no-kept-options",
        action="store_true",
        help="use only the options given here and the defaults, not those the notes were asked for with",
    )
    add_directory(parser)
    add_run_options(parser)
    leave_open(parser)


def run(args: argparse.Namespace) -> int:
    """Archive what is left; return the exit code."""
    from xharchive.cli.resume_notes import resume

    return resume(args)
