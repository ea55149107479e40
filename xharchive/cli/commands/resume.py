"""`xharchive resume`: continue what earlier runs did not finish."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from xharchive.cli.console import Console, run_until_signal
from xharchive.cli.options import DIRECTORY, RUN_OPTIONS, resolve_links
from xharchive.cli.parser import Verb, option, without_defaults
from xharchive.errors import ExitCode
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.archive import Archive, PendingNotes
    from xharchive.cli.settings import RunSettings
    from xharchive.sources.requested_notes import NoteList

VERBS = {
    "resume": Verb(
        "Archive the notes that earlier runs were asked for and did not finish:\n"
        "interrupted, failed, partial. Saved replies are used again, and part files are\n"
        "continued.",
        """\
  xharchive resume
  xharchive resume -d ~/notes --jobs 32
  XHARCHIVE_TOKEN=… xharchive resume -d ~/notes --endpoints v1,v6,pgy""",
        (
            DIRECTORY,
            option(
                "archive: --no-kept-options",
                "use the options given here and the defaults, not the options of the earlier runs",
            ),
            *without_defaults(
                (resolve_links("short links that cannot be followed: a paid call each"), *RUN_OPTIONS)
            ),
        ),
        details="Formats, endpoints and time-outs are those of the earlier run, unless you give\n"
        "others here. An --api-base and hosts of your own must be given again.",
        has_brief_help=True,
    )
}


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
        from xharchive.cli.saved_options import options_text

        if not self.settings.quiet:
            many = counted(notes, "note")
            text = f"{many} asked for with {options_text(self.settings, os.environ)}"
            sys.stderr.write(f"{printable(text)}\n")


def run(args: argparse.Namespace, console: Console) -> int:
    """Archive the notes that earlier runs did not finish; return the exit code."""
    import asyncio

    from xharchive.archive import collect_pending
    from xharchive.cli.open_archive import existing_archive, open_to_read, open_to_write
    from xharchive.cli.saved_options import settings_given
    from xharchive.cli.settings import resume_command

    settings, given = settings_given(args)
    # An interruption leaves notes of all groups; their options differ, so the command names only those given.
    console.continue_with = resume_command(args.directory, settings, os.environ, include_saved=True)
    store = existing_archive(args.directory)
    open_archive = open_to_read if settings.dry_run else open_to_write
    with (
        open_archive(store, trust_index=settings.trust_index),
        # Before the event loop runs, because this may take minutes, and Ctrl-C must end it at once.
        collect_pending(store.notes_to_resume(recheck_empty=settings.recheck_empty)) as found,
    ):
        groups = _groups(args.directory, settings, given, found, keep=not args.no_kept_options)
        if settings.dry_run:
            asyncio.run(_plan(groups, store, found))
            return ExitCode.OK
        return run_until_signal(_archive(groups, store, found, console), console)


async def _plan(groups: list[_Group], store: "Archive", found: "PendingNotes") -> None:
    from xharchive.cli.runner import print_plan

    for group in groups:
        with group.notes(found) as notes:
            if len(groups) > 1:
                group.announce(len(notes))
            await print_plan(group.settings, store, notes)


async def _archive(
    groups: list[_Group], store: "Archive", found: "PendingNotes", console: Console
) -> ExitCode:
    from xharchive.cli.runner import approve, print_warnings, run_notes
    from xharchive.cli.settings import archive_options, progress_options
    from xharchive.run import Archiver

    code = ExitCode.OK
    spent = 0
    archivers = [Archiver(store, archive_options(group.settings, os.environ)) for group in groups]
    console.hide(archivers[0].options.transport.token)
    print_warnings(archivers[0], progress_options(groups[0].settings, archivers[0].options))
    if len(groups) > 1:  # ask once about the calls of all groups together
        with replace(groups[0], saved=()).notes(found) as notes:
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


def _groups(
    directory: str, settings: "RunSettings", given: frozenset[str], found: "PendingNotes", *, keep: bool
) -> list[_Group]:
    """Return the groups of notes to run, at least one, which may be empty.

    `keep`: with the options of the earlier runs where the user gives none.
    """
    from xharchive.cli.saved_options import with_saved

    if not keep:
        return [_Group(with_saved(directory, settings, given, None, os.environ), ())]
    texts: dict[RunSettings, tuple[str | None, ...]] = {}
    for saved in found.limited_option_sets() or [None]:
        joined = with_saved(directory, settings, given, saved, os.environ)
        texts[joined] = (*texts.get(joined, ()), saved)
    return [_Group(joined, saved) for joined, saved in texts.items()]
