"""`xharchive verify`: check every file against its manifest."""

import argparse
import shlex
import sys
from collections import Counter
from typing import TYPE_CHECKING

from xharchive.cli.console import Console
from xharchive.cli.options import DIRECTORY
from xharchive.cli.parser import Verb, option
from xharchive.errors import ExitCode
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.archive import Archive
    from xharchive.archive.verification import Finding, UnexpectedFile

_ADVICE = {
    "original": "missing files come back with `xharchive resume -d {where}`; delete damaged ones first\n"
    "(nothing is paid for that, unless a note's saved reply is lost too)",
    "derivative": "converted pictures are made again by `xharchive resume -d {where}`;\n"
    "delete damaged ones first",
    "text": "note.md is written again by `xharchive reparse -d {where}`",
    "reply": "saved replies do not come back by themselves: copy them from a backup, or accept the loss:\n"
    "`xharchive verify --accept-lost-replies -d {where}`;\n"
    "no picture or video is lost with them",
    "manifest": "the manifest is written again by `xharchive resume -d {where}`,\n"
    "from the saved replies in the folder; a note without them is paid for again",
    "closed": "what this user may not read was not checked:\n"
    "change its owner or mode, or run verify as its owner",
}
"""What helps, by kind of damage; `where` is the archive, quoted for a shell."""


VERBS = {
    "verify": Verb(
        "Read each manifest, hash each file that it names, and compare note.md.\n"
        "Exit code 5 if something is damaged; a line per kind of damage says what helps.\n"
        "Files that are not the archive's, such as those of a NAS, a sync program or\n"
        "your own, are counted separately. Changes nothing without --accept-lost-replies.",
        """\
  xharchive verify
  xharchive verify -d ~/notes -v
  xharchive verify -d ~/notes --strict
  xharchive verify -d ~/notes --json | jq .problem""",
        (
            DIRECTORY,
            option("archive: --strict", "treat files that are not the archive's as damage: exit code 5"),
            option(
                "archive: --accept-lost-replies",
                "record saved replies that are missing or damaged as lost, so that they are no longer "
                "reported",
            ),
            option("output: -v, --verbose", "list the files that are not the archive's"),
            option("output: --json", "print findings as JSON lines on standard output"),
        ),
    )
}


def run(args: argparse.Namespace, _console: Console) -> int:
    """Print each problem; return 0, or 5 if there is damage."""
    from xharchive.archive.verification import CheckedFolder, Finding, FindingKind, verify
    from xharchive.cli.open_archive import existing_archive, print_skipped_folders

    strict, shows_foreign, as_json = bool(args.strict), bool(args.verbose or args.strict), bool(args.json)
    store = existing_archive(args.directory)
    if args.accept_lost_replies:
        _accept(store)
    notes = files = foreign = 0
    damage: Counter[FindingKind] = Counter()
    with store.opened(read_only=True):
        print_skipped_folders(store)
        for result in verify(store):
            if isinstance(result, CheckedFolder):
                notes, files = notes + 1, files + result.files
            elif isinstance(result, Finding):
                damage[result.kind] += 1
                _print_finding(result, result.problem, result.detail, result.kind.value, as_json=as_json)
            else:
                foreign += 1
                if shows_foreign:
                    _print_finding(result, "foreign", "it is not the archive's", "foreign", as_json=as_json)
    closed = store.skipped.closed
    sys.stderr.write(_summary(notes, files, damage.total() + len(closed), foreign))
    for kind in dict.fromkeys((*damage, *([FindingKind.CLOSED] if closed else []))):
        sys.stderr.write(f"{_ADVICE[kind].format(where=shlex.quote(args.directory))}\n")
    return int(ExitCode.ARCHIVE if damage or closed or (strict and foreign) else ExitCode.OK)


def _accept(store: "Archive") -> None:
    from xharchive.archive.verification import accept_lost_replies
    from xharchive.cli.open_archive import open_to_write

    with open_to_write(store):
        accepted = accept_lost_replies(store)
    sys.stderr.write(f"saved replies recorded as lost: {accepted}\n")


def _print_finding(
    found: "Finding | UnexpectedFile", problem: str, detail: str, kind: str, *, as_json: bool
) -> None:
    from xharchive.progress import json_line

    if as_json:
        where = {"folder": found.folder, "path": found.path}
        sys.stdout.write(json_line({**where, "problem": problem, "detail": detail, "kind": kind}))
    else:
        sys.stdout.write(printable(f"{found.folder}/{found.path}: {detail}") + "\n")


def _summary(notes: int, files: int, damaged: int, foreign: int) -> str:
    verdict = counted(damaged, "problem") if damaged else "all as archived"
    text = f"{counted(notes, 'note')}, {counted(files, 'file')} checked: {verdict}\n"
    if foreign:
        others = counted(foreign, "file or folder", "files or folders")
        text += f"also there, and not the archive's: {others} (-v lists them)\n"
    return text
