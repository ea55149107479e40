"""Runs `xharchive resume`: archives unfinished notes with the options of the run that asked for them."""

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
from xharchive.cli.input_runner import ListRun
from xharchive.cli.open_archive import existing_archive
from xharchive.cli.runner import open_to_read, open_to_write
from xharchive.cli.saved_options import options_text, resume_command, with_saved
from xharchive.config import archive_options
from xharchive.errors import ExitCode
from xharchive.filters import NoteFilter
from xharchive.inputs import NoteList, spool
from xharchive.sanitize import counted, printable

__all__ = ["resume"]


@dataclass(slots=True)
class _Group:
    """Notes with the same options.

    Attributes:
        args: these options.
        saved: the texts in which the archive has these options; () stands for any text.
    """

    args: argparse.Namespace
    saved: tuple[str | None, ...]


def resume(args: argparse.Namespace) -> int:
    """Archive the notes that earlier runs did not finish; return the exit code.

    Raises:
        UsageError: there is no archive, a setting is wrong, or the user must confirm where requests go.
        Refused: the user does not confirm the cost.
        ArchiveError: the archive cannot be read or written.
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    store = existing_archive(Path(args.directory))
    if args.dry_run:
        with open_to_read(store, trust_index=args.trust_index) as known:
            if known is not None:
                _plan(args, store, known)
        return int(ExitCode.OK)
    with open_to_write(store, trust_index=args.trust_index) as archived:
        return int(_archive(args, store, archived))


def _plan(args: argparse.Namespace, store: ArchiveFolder, archived: ArchivedNotes) -> None:
    with pending(archived.notes_to_resume(recheck_empty=args.recheck_empty)) as found:
        groups = _groups(args, found)
        for group in groups:
            with _notes(found, group) as notes:
                _announce(group, len(notes), among=len(groups))
                ListRun(group.args, store, notes, NoteFilter()).plan(archived)


def _archive(args: argparse.Namespace, store: ArchiveFolder, archived: ArchivedNotes) -> ExitCode:
    code = ExitCode.OK
    spent = 0
    with pending(archived.notes_to_resume(recheck_empty=args.recheck_empty)) as found:
        groups = _groups(args, found)
        settings = [archive_options(group.args, os.environ) for group in groups]
        args.secret = settings[0].transport.token  # for the message of an early end
        for group in groups:  # an interruption leaves notes of all groups; their options differ
            group.args.continue_with = resume_command(args, os.environ, include_saved=True)
        if len(groups) > 1:
            _confirm_total(store, archived, found, groups)
        for group, options in zip(groups, settings, strict=True):
            with _notes(found, group) as notes:
                _announce(group, len(notes), among=len(groups))
                run = ListRun(group.args, store, notes, NoteFilter())
                code = max(code, run.archive(archived, replace(options, spent=spent)))
            spent = run.spent
            if run.stopped:
                break
    return code


def _groups(args: argparse.Namespace, found: PendingNotes) -> list[_Group]:
    """Return the groups of notes to run, at least one, which may be empty.

    Raises:
        UsageError: saved options are not valid, or the user must confirm where requests go.
    """
    if args.no_kept_options:
        return [_Group(with_saved(args, None, os.environ), ())]
    groups: list[_Group] = []
    for saved in found.limited_option_sets() or [None]:
        completed = with_saved(args, saved, os.environ)
        same = next((group for group in groups if vars(group.args) == vars(completed)), None)
        if same is None:
            groups.append(_Group(completed, (saved,)))
        else:
            same.saved += (saved,)
    return groups


@contextmanager
def _notes(found: PendingNotes, group: _Group) -> Iterator[NoteList]:
    with spool() as notes:
        parts = map(found.with_options, group.saved) if group.saved else (found,)
        for want in chain.from_iterable(parts):
            notes.add_pending(want, "asked for in an earlier run")
        yield notes


def _confirm_total(
    store: ArchiveFolder, archived: ArchivedNotes, found: PendingNotes, groups: list[_Group]
) -> None:
    """Ask the user once to approve the paid calls of all option sets together.

    Raises:
        Refused: the user says no, or there is no terminal.
        ArchiveError: the archive cannot be read.
    """
    first = groups[0].args
    with _notes(found, _Group(first, ())) as notes:
        confirm(first, store, archived, notes, archive_options(first, os.environ))
    for group in groups:
        group.args.confirm_above = None


def _announce(group: _Group, notes: int, *, among: int) -> None:
    """Print how many notes come next and their options, if there are several groups."""
    if among > 1 and not group.args.quiet:
        many = counted(notes, "note")
        sys.stderr.write(printable(f"{many} asked for with {options_text(group.args, os.environ)}") + "\n")
