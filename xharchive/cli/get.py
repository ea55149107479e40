"""`xharchive get`: note ids in, finished note folders out."""

import argparse
from pathlib import Path

from xharchive.cli.options import add_directory, add_run_options, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "get",
        run,
        summary="archive notes: ids, links or pasted share texts",
        description="Archive notes. What is in the archive already is left alone and costs nothing.\n"
        "All input is read and checked first: with one malformed id nothing is asked or paid.",
        examples="""\
  xharchive get 69aed4e2000000000e00c358 698ab064000000001503876d
  xharchive get 'https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358?xsec_token=…'
  xharchive get -i notes.txt -d ~/notes --image-format keep
  cat ids.txt | xharchive get - -d ~/notes --json > events.jsonl
  xharchive get -i notes.txt --api-base http://127.0.0.1:8080 --resolve '*=127.0.0.1:8080'
""",
    )
    parser.add_argument(
        "notes",
        nargs="*",
        metavar="NOTE",
        help="a note id, a link, a share text in quotes; -: read standard input",
    )
    parser.add_argument(
        "-i",
        "--input",
        metavar="FILE",
        action="append",
        default=[],
        help="file with one of these a line; blank lines and # comments are skipped (repeatable; -: stdin)",
    )
    add_directory(parser)
    add_run_options(parser)


def run(args: argparse.Namespace) -> int:
    """Archive what was named; return the exit code."""
    from xharchive.cli.running import run_archive
    from xharchive.errors import UsageError
    from xharchive.inputs import read_notes, spool
    from xharchive.stores import PosixStore

    if not args.notes and not args.input:
        raise UsageError(
            "no notes named: give ids or links, or a list with -i FILE (see xharchive get --help)"
        )
    with spool() as notes:
        read_notes(notes, args.notes, args.input)
        if not len(notes):
            raise UsageError("the input names no notes: only blank lines and comments")
        store = PosixStore(Path(args.directory))
        return run_archive(args, store, notes, begin=lambda holdings: holdings.remember(notes))
