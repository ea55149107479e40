"""`xharchive reparse`: read the kept replies again, as this version reads them."""

import argparse
import json
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "reparse",
        run,
        summary="read kept replies again, as this version reads them",
        description="After an update: read every kept reply again, and renew the manifests that change.\n"
        "A note.md that differs from its manifest is written again. Nothing is asked or paid, and no media\n"
        "file is touched; what is declared and not there, `resume` fetches.",
        examples="""\
  xharchive reparse
  xharchive reparse -d ~/notes
  xharchive reparse -d ~/notes --json
""",
    )
    add_directory(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    """Renew the manifests, say how many; return 0."""
    import asyncio
    import shlex
    from dataclasses import asdict
    from datetime import UTC, datetime

    from xharchive.cli.existing_archive import existing_store
    from xharchive.cli.runner import opened
    from xharchive.run.reparse_notes import reparse
    from xharchive.sanitize import counted

    store = existing_store(Path(args.directory))
    with opened(store) as holdings:
        done = asyncio.run(reparse(store, holdings, lambda: datetime.now(UTC)))
    if args.json:
        sys.stdout.write(json.dumps(asdict(done)) + "\n")
        return 0
    sys.stdout.write(
        f"{counted(done.notes, 'note')} read again, {counted(done.changed, 'manifest')} renewed\n"
    )
    if done.skipped:
        why = "unfinished or damaged, or a kept reply is lost (`xharchive verify` tells which)"
        sys.stdout.write(f"{counted(done.skipped, 'note')} left out: {why}\n")
    if done.wanted or done.skipped:
        where = shlex.quote(args.directory)
        files = counted(done.wanted, "file")
        sys.stdout.write(f"{files} to fetch; go on with: xharchive resume -d {where}\n")
    return 0
