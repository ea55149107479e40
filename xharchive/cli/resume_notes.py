"""The run of `xharchive resume`: unfinished notes, each with the options that it was asked for with."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes, PendingNotes, pending
from xharchive.cli.confirm import confirm
from xharchive.cli.existing_archive import existing_store
from xharchive.cli.list_runner import ListRun
from xharchive.cli.runner import looked_into, opened
from xharchive.cli.saved_options import options_text, resume_command, with_kept
from xharchive.config import archive_options
from xharchive.errors import ExitCode
from xharchive.filters import NoteFilter
from xharchive.inputs import NoteList, spool
from xharchive.sanitize import counted, printable

__all__ = ["resume"]


@dataclass(slots=True)
class _Group:
    """Notes with the same options, which `args` has; `kept`: how the archive has them, () for any."""

    args: argparse.Namespace
    kept: tuple[str | None, ...]


def resume(args: argparse.Namespace) -> int:
    """Archive what earlier runs left; return the exit code.

    Raises:
        UsageError: there is no archive, a setting is wrong, or the user must say where requests go.
        Refused: the user says no.
        ArchiveError: the archive cannot be read or written.
        KeyboardInterrupt, Terminated: a signal came.
    """
    store = existing_store(Path(args.directory))
    if args.dry_run:
        with looked_into(store, trust_index=args.trust_index) as known:
            if known is not None:
                _plan(args, store, known)
        return int(ExitCode.OK)
    with opened(store, trust_index=args.trust_index) as holdings:
        return int(_archive(args, store, holdings))


def _plan(args: argparse.Namespace, store: ArchiveFolder, holdings: ArchivedNotes) -> None:
    with pending(holdings.leftovers(recheck_empty=args.recheck_empty)) as found:
        groups = _groups(args, found)
        for group in groups:
            with _notes(found, group) as notes:
                _announce(group, len(notes), among=len(groups))
                ListRun(group.args, store, notes, NoteFilter()).plan(holdings)


def _archive(args: argparse.Namespace, store: ArchiveFolder, holdings: ArchivedNotes) -> ExitCode:
    code = ExitCode.OK
    spent = 0
    with pending(holdings.leftovers(recheck_empty=args.recheck_empty)) as found:
        groups = _groups(args, found)
        settings = [archive_options(group.args, os.environ) for group in groups]
        args.secret = settings[0].transport.token  # for the last sentence, should there be one
        for group in groups:  # an interruption leaves notes of all groups, so it names no group's own options
            group.args.go_on = resume_command(args, os.environ, with_result=True)
        if len(groups) > 1:
            _confirm_all(store, holdings, found, groups)
        for group, options in zip(groups, settings, strict=True):
            with _notes(found, group) as notes:
                _announce(group, len(notes), among=len(groups))
                run = ListRun(group.args, store, notes, NoteFilter())
                code = max(code, run.archive(holdings, replace(options, spent=spent)))
            spent = run.spent
            if run.stopped:
                break
    return code


def _groups(args: argparse.Namespace, found: PendingNotes) -> list[_Group]:
    """Return the runs to make; one without notes if nothing is pending.

    Raises:
        UsageError: kept options are not valid, or the user must say where requests go.
    """
    if args.no_kept_options:
        return [_Group(with_kept(args, None, os.environ), ())]
    groups: list[_Group] = []
    for kept in found.limited_option_sets() or [None]:
        completed = with_kept(args, kept, os.environ)
        same = next((group for group in groups if vars(group.args) == vars(completed)), None)
        if same is None:
            groups.append(_Group(completed, (kept,)))
        else:
            same.kept += (kept,)
    return groups


@contextmanager
def _notes(found: PendingNotes, group: _Group) -> Iterator[NoteList]:
    with spool() as notes:
        parts = map(found.with_options, group.kept) if group.kept else (found,)
        for want in chain.from_iterable(parts):
            notes.want(want, "asked for in an earlier run")
        yield notes


def _confirm_all(
    store: ArchiveFolder, holdings: ArchivedNotes, found: PendingNotes, groups: list[_Group]
) -> None:
    """Ask once for the calls of all groups together.

    Raises:
        Refused: the user says no, or cannot be asked.
        ArchiveError: the archive cannot be read.
    """
    first = groups[0].args
    with _notes(found, _Group(first, ())) as notes:
        confirm(first, store, holdings, notes, archive_options(first, os.environ))
    for group in groups:
        group.args.confirm_above = None


def _announce(group: _Group, notes: int, *, among: int) -> None:
    """Say which notes come now, where there are several groups."""
    if among > 1 and not group.args.quiet:
        many = counted(notes, "note")
        sys.stderr.write(printable(f"{many} asked for with {options_text(group.args, os.environ)}") + "\n")
