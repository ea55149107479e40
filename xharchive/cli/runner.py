"""Runs over a list of notes: follow short links, get approval, archive with progress, report."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from xharchive.api.ledger import CutOff, cut_off_calls
from xharchive.archive import Archive
from xharchive.cli.confirm import approve, calls_to_skip, plan_text
from xharchive.cli.console import Console
from xharchive.cli.failed_list import write_failed
from xharchive.cli.saved_options import resume_command, saved_text
from xharchive.config import RunSettings, plain_http_warning, progress_options
from xharchive.errors import ArchiveError, ExitCode
from xharchive.events import RunFinished, Warned, as_json
from xharchive.models import NoteId, ShortLink
from xharchive.parsers import parse_endpoint_order
from xharchive.progress import (
    ProgressOptions,
    billing_text,
    bottleneck_text,
    event_printer,
    json_line,
    report_text,
)
from xharchive.run import Archiver
from xharchive.run.archiver import plan_run
from xharchive.sanitize import counted, printable
from xharchive.sources.links import NotANote, note_of_url
from xharchive.sources.requested_notes import NoteFilter, NoteList

if TYPE_CHECKING:
    from xharchive.run.find_notes import FollowedLinks


async def print_plan(
    settings: RunSettings,
    store: Archive,
    notes: NoteList,
    note_filter: NoteFilter | None = None,
) -> None:
    """Print what a run would do and pay.

    Args:
        settings: the options of the run.
        store: the archive; it is not open if it does not exist yet.
        notes: the notes asked for.
        note_filter: the filter for notes of short links.

    Raises:
        UsageError: the order of endpoints is wrong.
        ArchiveError: the archive cannot be read.
    """
    if store.is_open:
        await _apply_known_links(store, notes, note_filter)
    cut_off: CutOff = {} if settings.on_unknown == "pay" else cut_off_calls(store.ledger)
    endpoints = parse_endpoint_order(settings.endpoints)
    recheck = settings.recheck_empty
    plan = await plan_run(notes, store, endpoints, recheck_empty=recheck, cut_off=cut_off)
    plan = replace(plan, links=len(notes.links))
    sys.stdout.write(json_line(as_json(plan)) if settings.json else plan_text(plan))


async def run_notes(
    archiver: Archiver,
    notes: NoteList,
    settings: RunSettings,
    console: Console,
    *,
    note_filter: NoteFilter | None = None,
    failed_out: str | None = None,
) -> ExitCode:
    """Archive the notes of a list and return the exit code, which counts short links that lead to no note.

    Args:
        archiver: the archive and the settings of the run.
        notes: the notes; short links are replaced by their notes.
        settings: the options, for output and for `resume`.
        console: is told how to continue.
        note_filter: the filter for notes of short links.
        failed_out: where to write the notes that need another run.

    Raises:
        Refused: the user does not confirm the cost.
        ArchiveError: the archive cannot be read or written.
    """
    undecided_links = 0
    await _apply_known_links(archiver.store, notes, note_filter)
    archiver.skip(await calls_to_skip(archiver, notes, settings.on_unknown))
    await approve(archiver, notes, settings.confirm_above)
    try:
        save_pending(archiver, notes, settings)
        if notes.links:
            try:
                undecided_links = (await _follow_links(archiver, notes, settings, note_filter)).held_back
            finally:  # an interruption may come between a target and its note
                await _apply_known_links(archiver.store, notes, note_filter)
                save_pending(archiver, notes, settings)
        finished = await archive_and_report(archiver, notes, settings, console)
    finally:
        write_failed(failed_out, notes, archiver.store)
    code = exit_code(finished, strict_empty=settings.strict_empty)
    if undecided_links:
        return max(code, ExitCode.REFUSED)
    return max(code, ExitCode.INCOMPLETE) if notes.links else code


async def _apply_known_links(store: Archive, notes: NoteList, note_filter: NoteFilter | None) -> None:
    """Replace the short links that an earlier run followed by their notes; send nothing."""
    if not notes.links:
        return
    from xharchive.run.find_notes import target_in_archive

    found: dict[ShortLink, NoteId | None] = {}
    for link in notes.links:
        with suppress(NotANote):
            found[link] = _accepted_note(notes, link, await target_in_archive(link, store), note_filter)
    notes.replace_links(found)


def _accepted_note(
    notes: NoteList, link: ShortLink, target: str, note_filter: NoteFilter | None
) -> NoteId | None:
    """Return the note that a target is the URL of, None if the filter excludes it.

    Raises:
        NotANote: the target is a profile.
    """
    note_id = note_of_url(target)
    return note_id if note_filter is None or note_filter.accepts(note_id, notes.hint(link)) else None


def save_pending(archiver: Archiver, notes: NoteList, settings: RunSettings) -> None:
    """Save the notes of a run that are not archived completely, with its options, for `resume`."""
    archiver.store.add_pending(notes.pending_notes(), saved_text(settings, os.environ))


async def _follow_links(
    archiver: Archiver, notes: NoteList, settings: RunSettings, note_filter: NoteFilter | None
) -> "FollowedLinks":
    """Replace short links by notes. Links that cannot be followed are printed, and stay in the list."""
    links = list(notes.links)
    found: dict[ShortLink, NoteId | None] = {}
    with event_printer(_shown(archiver, settings), out=sys.stdout, err=sys.stderr) as on_event:
        followed = await archiver.follow(links, on_event, pay=settings.resolve_links)
    problems = dict(followed.problems)
    for link, target in followed.targets.items():
        try:
            found[link] = _accepted_note(notes, link, target, note_filter)
        except NotANote as problem:
            problems[link] = str(problem)
    for link, why in problems.items():
        sys.stderr.write(printable(f"  {notes.links[link]}: {link}: {why}") + "\n")
    notes.replace_links(found)
    if not settings.quiet:
        bills = billing_text(followed.billed, followed.perhaps_billed, followed.free)
        calls = f"{counted(followed.calls, 'API call')} ({bills})"
        done = f"{len(found)} followed, {len(notes.links)} not; {calls}"
        sys.stderr.write(f"{counted(len(links), 'short link')}: {done}\n")
    return followed


def _shown(archiver: Archiver, settings: RunSettings) -> ProgressOptions:
    return progress_options(settings, archiver.options.transport.token)


async def archive_and_report(
    archiver: Archiver, notes: NoteList, settings: RunSettings, console: Console
) -> RunFinished:
    """Archive notes with progress, print the report with the places to look at, and return it.

    Raises:
        ArchiveError: the archive can no longer be read or written; the report so far is printed.
    """
    store = archiver.store
    try:
        finished = await archive_with_progress(archiver, notes, _shown(archiver, settings))
    except (asyncio.CancelledError, ArchiveError):
        with suppress(ArchiveError):  # an unreadable list must not hide the reason
            console.continue_with = console.continue_with or _resume_command(store, settings)
        raise
    folder, hints = store.root.resolve(), []
    if not settings.no_gallery and (store.folder / "index.html").is_file():
        hints.append(f"browse: {folder / 'index.html'}")
    if finished.left or finished.notes.get("partial") or finished.notes.get("failed"):
        hints.append(f"continue with: {_resume_command(store, settings)}")
    print_report(finished, [f"archive: {folder}"], hints, quiet=settings.quiet)
    return finished


async def archive_with_progress(archiver: Archiver, notes: NoteList, shown: ProgressOptions) -> RunFinished:
    """Archive notes, print the events, and return the report.

    Raises:
        ArchiveError: the archive can no longer be read or written; the report so far is printed.
    """
    try:
        with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
            for text in filter(None, (plain_http_warning(archiver.options), archiver.store.lock_warning)):
                on_event(Warned(text))
            return await archiver.archive(notes, on_event)
    except (asyncio.CancelledError, ArchiveError):
        if archiver.report is not None and not shown.quiet:
            sys.stderr.write(f"{report_text(archiver.report)}\n")
        raise


def print_report(
    finished: RunFinished, places: Sequence[str] = (), hints: Sequence[str] = (), *, quiet: bool
) -> None:
    """Print the report, places, what stopped the run, and hints; if `quiet` only what stopped it."""
    lines = [f"stopped: {finished.stopped}"] if finished.stopped else []
    if finished.held_back:
        undecided = counted(finished.held_back, "note")
        lines.append(
            f"undecided: {undecided}, for which a call of an earlier run was cut off and may have been "
            "billed; to ask again: --on-unknown pay"
        )
    if not quiet:
        report = filter(None, (report_text(finished), bottleneck_text(finished)))
        lines = [*report, *places, *lines, *hints]
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


def _resume_command(store: Archive, settings: RunSettings) -> str:
    """Return the command that continues this run.

    It names saved options too, unless notes with other options are pending.
    """
    own = saved_text(settings, os.environ)
    others = any(options != own for options in store.pending.options())
    return resume_command(str(store.root), settings, os.environ, include_saved=not others)


def exit_code(finished: RunFinished, *, strict_empty: bool = False) -> ExitCode:
    """Return the exit code of a run: 0 only if all notes that it was asked for are archived.

    Notes that an earlier run found empty count only with `strict_empty`.
    """
    if finished.stopped or finished.held_back:
        return ExitCode.REFUSED
    if finished.left:
        return ExitCode.INCOMPLETE
    missing = sum(finished.notes.get(outcome, 0) for outcome in ("partial", "empty", "failed"))
    expected = 0 if strict_empty else finished.known_empty
    return ExitCode.INCOMPLETE if missing > expected else ExitCode.OK
