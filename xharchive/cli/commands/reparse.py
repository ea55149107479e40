"""`xharchive reparse`: read saved replies again with this version of the parsers."""

import argparse
import json
import sys

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_json


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Read each saved reply again with this version, and renew the manifests that\n"
        "change. Also write a note.md again that differs from its manifest. Sends\n"
        "nothing, pays nothing, changes no media file. `resume` downloads assets that the\n"
        "new manifests add.",
        examples="""\
  xharchive reparse
  xharchive reparse -d ~/notes
  xharchive reparse -d ~/notes --json
""",
    )
    add_directory(parser)
    add_json(parser)


def run(args: argparse.Namespace, _console: Console) -> int:
    """Renew the manifests and print their number; return 0."""
    import asyncio
    import shlex
    from dataclasses import asdict
    from datetime import UTC, datetime

    from xharchive.cli.open_archive import existing_archive, open_to_write
    from xharchive.run.reparse_notes import reparse
    from xharchive.sanitize import counted

    directory = str(args.directory)
    store = existing_archive(directory)
    with open_to_write(store):
        done = asyncio.run(reparse(store, lambda: datetime.now(UTC)))
    if args.json:
        sys.stdout.write(json.dumps(asdict(done)) + "\n")
        return 0
    sys.stdout.write(
        f"{counted(done.notes, 'note')} read again, {counted(done.changed, 'manifest')} renewed\n"
    )
    if done.skipped:
        why = "unfinished or damaged, or a saved reply is lost (`xharchive verify` says which)"
        sys.stdout.write(f"{counted(done.skipped, 'note')} left out: {why}\n")
    if done.wanted or done.skipped:
        where = shlex.quote(directory)
        files = counted(done.wanted, "file")
        sys.stdout.write(f"{files} to fetch; continue with: xharchive resume -d {where}\n")
    return 0
