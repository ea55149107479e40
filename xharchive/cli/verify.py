"""`xharchive verify`: whether every byte is still there."""

import argparse
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.options import add_directory, add_verb
from xharchive.errors import ExitCode

if TYPE_CHECKING:
    from xharchive.archive import ArchiveFolder
    from xharchive.verification import Finding, FindingKind, UnexpectedFile

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "verify",
        run,
        summary="check every file against its manifest",
        description="Read every manifest, hash every file it names, compare note.md. Exit code 5 if any is\n"
        "damaged; what helps is printed for each kind of damage. Files that are not the archive's, such as\n"
        "those of a NAS, a sync program or your own, are counted apart. Changes nothing, unless\n"
        "--accept-lost-replies is given.",
        examples="""\
  xharchive verify
  xharchive verify -d ~/notes -v
  xharchive verify -d ~/notes --strict
  xharchive verify -d ~/notes --json | jq .problem
""",
    )
    add_directory(parser)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="list the files that are not the archive's"
    )
    parser.add_argument("--strict", action="store_true", help="such files are wrong too: exit code 5")
    parser.add_argument(
        "--accept-lost-replies",
        action="store_true",
        help="record kept replies that are missing or damaged as lost, so that they are no longer reported",
    )
    parser.add_argument("--json", action="store_true", help="findings as JSON lines on standard output")


def run(args: argparse.Namespace) -> int:
    """Print what is wrong; return 0 or 5."""
    from xharchive.archived_notes import open_archived_notes
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.verification import CheckedFolder, Finding, FindingKind, verify

    store = existing_store(Path(args.directory))
    if args.accept_lost_replies:
        _accept(store)
    notes = files = foreign = 0
    damage: Counter[FindingKind] = Counter()
    with open_archived_notes(store, read_only=True) as holdings:
        print_passed_over(store)
        for result in verify(store, holdings):
            if isinstance(result, CheckedFolder):
                notes, files = notes + 1, files + result.files
            elif isinstance(result, Finding):
                damage[result.kind] += 1
                _show(result, as_json=args.json)
            else:
                foreign += 1
                if args.verbose or args.strict:
                    _show(result, as_json=args.json)
    closed = store.skipped.closed
    is_wrong = bool(damage or closed or (args.strict and foreign))
    sys.stderr.write(_summary(notes, files, damage.total() + len(closed), foreign))
    for kind in dict.fromkeys((*damage, *([FindingKind.CLOSED] if closed else []))):
        sys.stderr.write(f"{_advice(kind, shlex.quote(args.directory))}\n")
    return int(ExitCode.ARCHIVE if is_wrong else ExitCode.OK)


def _accept(store: "ArchiveFolder") -> None:
    from xharchive.cli.runner import opened
    from xharchive.verification import accept_lost_replies

    with opened(store) as holdings:
        accepted = accept_lost_replies(store, holdings)
    sys.stderr.write(f"kept replies recorded as lost: {accepted}\n")


def _show(result: "Finding | UnexpectedFile", *, as_json: bool) -> None:
    from xharchive.progress import json_line
    from xharchive.sanitize import printable

    record = _record(result)
    if as_json:
        sys.stdout.write(json_line(record))
    else:
        sys.stdout.write(printable("{folder}/{path}: {detail}".format(**record)) + "\n")


def _record(result: "Finding | UnexpectedFile") -> dict[str, object]:
    from xharchive.verification import Finding

    if isinstance(result, Finding):
        problem, detail, kind = result.problem, result.detail, result.kind.value
    else:
        problem, detail, kind = "foreign", "it is not the archive's", "foreign"
    return {
        "folder": result.folder,
        "path": result.path,
        "problem": problem,
        "detail": detail,
        "kind": kind,
    }


def _summary(notes: int, files: int, damaged: int, foreign: int) -> str:
    from xharchive.sanitize import counted

    verdict = f"{damaged} found wrong" if damaged else "all as archived"
    text = f"{counted(notes, 'note')}, {counted(files, 'file')} checked: {verdict}\n"
    if foreign:
        others = counted(foreign, "file or folder", "files or folders")
        text += f"also there, and not the archive's: {others} (-v lists them)\n"
    return text


def _advice(kind: "FindingKind", where: str) -> str:
    """Return what helps against damage of a kind, in the archive that is named as a shell takes it."""
    from xharchive.verification import FindingKind

    match kind:
        case FindingKind.ORIGINAL:
            return (
                f"missing files come back with `xharchive resume -d {where}`; delete damaged ones first\n"
                "(nothing is paid for that, unless a note's kept reply is lost too)"
            )
        case FindingKind.DERIVATIVE:
            return (
                f"converted pictures are made again by `xharchive resume -d {where}`;\n"
                "delete damaged ones first"
            )
        case FindingKind.TEXT:
            return f"note.md is written again by `xharchive reparse -d {where}`"
        case FindingKind.REPLY:
            return (
                "kept replies do not come back by themselves: copy them from a backup, or accept the loss:\n"
                f"`xharchive verify --accept-lost-replies -d {where}`;\n"
                "no picture or film is lost with them"
            )
        case FindingKind.MANIFEST:
            return (
                f"the manifest is written again by `xharchive resume -d {where}`,\n"
                "from the kept replies in the folder; a note without them is paid for again"
            )
        case FindingKind.CLOSED:
            return (
                "what this user may not read was not checked:\n"
                "change its owner or mode, or run verify as its owner"
            )
