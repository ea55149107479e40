"""`xharchive verify`: whether every byte is still there."""

import argparse
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb
from xharchive.errors import ExitCode

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "verify",
        run,
        summary="check every file against its manifest",
        description="Read every manifest, hash every file it names, look for files it does not name.\n"
        "Changes nothing. Exit code 5 if anything is wrong. Delete what is damaged: `xharchive resume`\n"
        "fetches missing files again, without paying.",
        examples="""\
  xharchive verify
  xharchive verify -d ~/notes
  xharchive verify -d ~/notes --json | jq .problem
""",
    )
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="findings as JSON lines on standard output")


def run(args: argparse.Namespace) -> int:
    """Print what is wrong; return 0 or 5."""
    from xharchive.cli.standing import existing_store, print_passed_over
    from xharchive.holdings import open_holdings
    from xharchive.inspection import Finding, inspect
    from xharchive.printing import printable
    from xharchive.progress import json_line

    store = existing_store(Path(args.directory))
    notes = files = findings = 0
    with open_holdings(store, to_read=True) as holdings:
        print_passed_over(store)
        for result in inspect(store, holdings):
            if not isinstance(result, Finding):
                notes, files = notes + 1, files + result.files
                continue
            findings += 1
            if args.json:
                record = {name: getattr(result, name) for name in ("folder", "path", "problem", "detail")}
                sys.stdout.write(json_line(record))
            else:
                sys.stdout.write(printable(f"{result.folder}/{result.path}: {result.detail}") + "\n")
    verdict = f"{findings} found wrong" if findings else "all as archived"
    sys.stderr.write(f"{notes} notes, {files} files checked: {verdict}\n")
    if findings:
        sys.stderr.write("missing files come back with `xharchive resume`; delete damaged ones first\n")
    return int(ExitCode.ARCHIVE if findings else ExitCode.OK)
