"""`xharchive resume`: continue what earlier runs did not finish."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory, add_resolve_links, add_run_options
from xharchive.cli.saved_options import (
    default_to_none,
    options_text,
    resume_command,
    settings_given,
    with_saved,
)
from xharchive.errors import ExitCode
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.archive import Archive, PendingNotes
    from xharchive.config import RunSettings
    from xharchive.sources.requested_notes import NoteList


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Archive the notes that earlier runs were asked for and did not finish:\n"
        "interrupted, failed, partial. Saved replies are used again, and part files are\n"
        "continued.",
        details="Formats, endpoints and time-outs are those of the earlier run, unless you give\n"
        "others here. An --api-base and hosts of your own must be given again.",
        examples="""\
  xharchive resume
  xharchive resume -d ~/notes --jobs 32
  XHARCHIVE_TOKEN=… xharchive resume -d ~/notes --endpoints v1,v6,pgy
""",
    )
    add_directory(parser)
    parser.group("archive").add_argument(
        "--no-kept-options",
        action="store_true",
        help="use the options given here and the defaults, not the options of the earlier runs",
    )
    add_resolve_links(parser, "short links that cannot be followed: a paid call each")
    add_run_options(parser)
    default_to_none(parser)


@dataclass(frozen=True, slots=True)
class ResumeCommand:
    """What `resume` was asked for.

    Attributes:
        settings: the options given, and the defaults of the others.
        given: the names of the saved options that were given.
        keep_options: use the options of the earlier runs where none is given.
    """

    directory: str
    settings: "RunSettings"
    given: frozenset[str]
    keep_options: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """Notes to archive with the same options.

    Attributes:
        settings: these options.
        saved: the texts in which the archive has these options; () stands for any text.
    """

    settings: "RunSettings"
    saved: tuple[str | None, ...]

    @contextmanager
    def notes(self, found: "PendingNotes") -> "Iterator[NoteList]":
        """Yield those of the pending notes that have these options."""
        from xharchive.sources.requested_notes import NoteList

        with NoteList() as notes:
            parts = map(found.with_options, self.saved) if self.saved else (found,)
            for want in chain.from_iterable(parts):
                notes.add(want.target, want.hint, "asked for in an earlier run")
            yield notes

    def announce(self, notes: int) -> None:
        """Print how many notes come next, and their options."""
        if not self.settings.quiet:
            many = counted(notes, "note")
            text = f"{many} asked for with {options_text(self.settings, os.environ)}"
            sys.stderr.write(f"{printable(text)}\n")


def run(args: argparse.Namespace, console: Console) -> int:
    """Archive the notes that earlier runs did not finish; return the exit code."""
    import asyncio

    from xharchive.archive import collect_pending
    from xharchive.cli.open_archive import existing_archive, open_to_read, open_to_write
    from xharchive.cli.signals import run_until_signal

    settings, given = settings_given(args)
    command = ResumeCommand(args.directory, settings, given, keep_options=not args.no_kept_options)
    # An interruption leaves notes of all groups; their options differ, so the command names only those given.
    console.continue_with = resume_command(command.directory, settings, os.environ, include_saved=True)
    store = existing_archive(command.directory)
    if settings.dry_run:
        with open_to_read(store, trust_index=settings.trust_index):
            asyncio.run(_plan(command, store))
        return ExitCode.OK
    with (
        open_to_write(store, trust_index=settings.trust_index),
        # Before the event loop runs, because this may take minutes, and Ctrl-C must end it at once.
        collect_pending(store.notes_to_resume(recheck_empty=settings.recheck_empty)) as found,
    ):
        return run_until_signal(_archive(command, store, found, console), console)


async def _plan(command: ResumeCommand, store: "Archive") -> None:
    from xharchive.archive import collect_pending
    from xharchive.cli.runner import print_plan

    with collect_pending(store.notes_to_resume(recheck_empty=command.settings.recheck_empty)) as found:
        groups = _groups(command, found)
        for group in groups:
            with group.notes(found) as notes:
                if len(groups) > 1:
                    group.announce(len(notes))
                await print_plan(group.settings, store, notes)


async def _archive(
    command: ResumeCommand, store: "Archive", found: "PendingNotes", console: Console
) -> ExitCode:
    from xharchive.cli.confirm import approve
    from xharchive.cli.runner import run_notes
    from xharchive.config import archive_options
    from xharchive.run import Archiver

    code = ExitCode.OK
    spent = 0
    groups = _groups(command, found)
    archivers = [Archiver(store, archive_options(group.settings, os.environ)) for group in groups]
    console.hide(archivers[0].options.transport.token)
    if len(groups) > 1:  # ask once about the calls of all groups together
        with _Group(groups[0].settings, ()).notes(found) as notes:
            await approve(archivers[0], notes, groups[0].settings.confirm_above)
        groups = [replace(group, settings=replace(group.settings, confirm_above=None)) for group in groups]
    for group, archiver in zip(groups, archivers, strict=True):
        archiver.options = replace(archiver.options, spent=spent)
        with group.notes(found) as notes:
            if len(groups) > 1:
                group.announce(len(notes))
            code = max(code, await run_notes(archiver, notes, group.settings, console))
        spent = archiver.options.spent
        if archiver.options.refused:
            break
    return code


def _groups(command: ResumeCommand, found: "PendingNotes") -> list[_Group]:
    """Return the groups of notes to run, at least one, which may be empty."""
    if not command.keep_options:
        return [_Group(_with_saved(command, None), ())]
    texts: dict[RunSettings, tuple[str | None, ...]] = {}
    for saved in found.limited_option_sets() or [None]:
        settings = _with_saved(command, saved)
        texts[settings] = (*texts.get(settings, ()), saved)
    return [_Group(settings, saved) for settings, saved in texts.items()]


def _with_saved(command: ResumeCommand, saved: str | None) -> "RunSettings":
    return with_saved(command.directory, command.settings, command.given, saved, os.environ)
