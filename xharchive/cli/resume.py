"""`xharchive resume`: go on with everything that earlier runs left."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.options import add_directory, add_run_options, add_verb

if TYPE_CHECKING:
    from xharchive.holdings import Holdings

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "resume",
        run,
        summary="go on with what an earlier run left",
        description="Go on with the notes that earlier runs were asked for and did not finish: interrupted,\n"
        "failed, partial. Replies that were paid for are used again; only missing bytes travel.",
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
    add_directory(parser)
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """Archive what is left; return the exit code."""
    from xharchive.cli.list_run import ListRun
    from xharchive.cli.standing import existing_store
    from xharchive.inputs import spool
    from xharchive.selection import Selection

    store = existing_store(Path(args.directory))
    with spool() as notes:

        def fill(holdings: "Holdings") -> None:
            for want in holdings.leftovers(recheck_empty=args.recheck_empty):
                notes.want(want, "asked for in an earlier run")

        return int(ListRun(args, store, notes, Selection(), fill).run())
