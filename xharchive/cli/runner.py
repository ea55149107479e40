"""Runs over a list of notes: plan, get approval, follow short links, archive with progress, report."""

import asyncio
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from xharchive.api.ledger import CutOff, cut_off_calls
from xharchive.archive import Archive
from xharchive.cli.console import Console, ask, is_terminal
from xharchive.cli.open_archive import open_to_write
from xharchive.cli.settings import (
    RunSettings,
    plain_http_warning,
    progress_options,
    resume_command,
    saved_text,
)
from xharchive.errors import ArchiveError, ExitCode, Refused
from xharchive.events import RunFinished, RunPlanned, Warned, as_json
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
from xharchive.run import ArchiveOptions, Archiver
from xharchive.run.archiver import plan_run
from xharchive.sanitize import counted, printable
from xharchive.sources.links import NotANote, note_of_url
from xharchive.sources.requested_notes import NoteFilter, NoteList


@contextmanager
def opened_archiver(store: Archive, options: ArchiveOptions, settings: RunSettings) -> Iterator[Archiver]:
    """Lock and open an archive for the block, and print what the user should know before any request."""
    with open_to_write(store, trust_index=settings.trust_index):
        archiver = Archiver(store, options)
        print_warnings(archiver, progress_options(settings, options))
        yield archiver


def print_warnings(archiver: Archiver, shown: ProgressOptions) -> None:
    """Warn about a token that travels in clear and about an archive that cannot be locked."""
    texts = filter(None, (plain_http_warning(archiver.options), archiver.store.lock_warning))
    with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
        for text in texts:
            on_event(Warned(text))


async def print_plan(
    settings: RunSettings, store: Archive, notes: NoteList, note_filter: NoteFilter | None = None
) -> None:
    """Print what a run would do and pay. `store` is not open if it does not exist yet."""
    if store.is_open:
        await _apply_known_links(store, notes, note_filter)
    cut_off: CutOff = {} if settings.on_unknown == "pay" else cut_off_calls(store.ledger)
    endpoints = parse_endpoint_order(settings.endpoints)
    plan = await plan_run(notes, store, endpoints, recheck_empty=settings.recheck_empty, cut_off=cut_off)
    plan = replace(plan, links=len(notes.links))
    sys.stdout.write(json_line(as_json(plan)) if settings.json else plan_text(plan))


def plan_text(plan: RunPlanned) -> str:
    """Return the plan as lines for people."""
    to_pay = plan.notes - plan.settled - plan.paid - plan.held_back
    lines = [
        f"notes          {plan.notes}",
        f"there already  {plan.settled}, no request",
        f"paid already   {plan.paid}, media only",
        f"to be paid     {to_pay}: {_calls_text(plan)}, and retries",
    ]
    if plan.held_back:
        lines.append(f"undecided      {plan.held_back}: a call was cut off and may be billed (--on-unknown)")
    if plan.links:
        lines.append(f"short links    {plan.links}: not followed yet, one note each")
    return "\n".join([*lines, "nothing was sent"]) + "\n"


def _calls_text(plan: RunPlanned) -> str:
    most = counted(plan.most_calls, "API call")
    return most if plan.calls == plan.most_calls else f"{plan.calls} to {most}"


async def calls_to_skip(
    archiver: Archiver, notes: NoteList, on_unknown: str, subjects: Collection[str] = ()
) -> CutOff:
    """Return the calls to skip, because an earlier run was cut off in them.

    Asks the user at a terminal, if such a call belongs to this run.

    Args:
        archiver: the archive and the settings of this run.
        notes: the notes of this run.
        on_unknown: what to do about such calls: ask, pay or skip.
        subjects: short links and listings of this run; the ledger adds " #" and a page to a listing.
    """
    cut_off: CutOff = {} if on_unknown == "pay" else cut_off_calls(archiver.store.ledger)
    if not cut_off or on_unknown == "skip" or not is_terminal():
        return cut_off
    archiver.skip(cut_off)
    plan = await archiver.plan(notes)
    asked = {*subjects, *(link.url for link in notes.links)}
    others = {about for about, _ in cut_off if about in asked or about.rpartition(" #")[0] in asked}
    waiting = plan.held_back + len(others)
    if not waiting:
        return cut_off
    several = f"{counted(waiting, 'call')} of an earlier run were"
    what = "A call of an earlier run was" if waiting == 1 else several
    question = f"{what} cut off, and may have been billed. Repeat it, and perhaps pay twice?"
    return {} if ask(question) else cut_off


async def approve(archiver: Archiver, notes: NoteList, confirm_above: int | None) -> None:
    """Ask before a run that needs more than `confirm_above` calls.

    Raises:
        Refused: the user says no, or there is no terminal.
    """
    if confirm_above is None:
        return
    plan = await archiver.plan(notes)
    links = len(notes.links)  # one note each, and perhaps a call to find it
    plan = replace(plan, calls=plan.calls + links, most_calls=plan.most_calls + 2 * links)
    if plan.calls > confirm_above:
        ask_to_pay(f"this run needs {_calls_text(plan)}", confirm_above)


def ask_to_pay(need: str, limit: int) -> None:
    """Ask before more than `limit` calls.

    Raises:
        Refused: the user says no, or there is no terminal.
    """
    needs = f"{need}, more than --confirm-above {limit}"
    if not is_terminal():
        raise Refused(f"{needs}, and there is no terminal to ask at; nothing was asked or paid")
    if not ask(f"{needs[0].upper()}{needs[1:]}. Go on?"):
        raise Refused("not confirmed; nothing was asked or paid")


async def run_notes(
    archiver: Archiver,
    notes: NoteList,
    settings: RunSettings,
    console: Console,
    note_filter: NoteFilter | None = None,
) -> ExitCode:
    """Archive the notes of a list and return the exit code, which counts short links that lead to no note.

    Short links in the list are replaced by their notes, if `note_filter` accepts them.

    Raises:
        Refused: the user does not confirm the cost.
    """
    undecided_links = 0
    await _apply_known_links(archiver.store, notes, note_filter)
    archiver.skip(await calls_to_skip(archiver, notes, settings.on_unknown))
    await approve(archiver, notes, settings.confirm_above)
    save_pending(archiver, notes, settings)
    if notes.links:
        try:
            undecided_links = await _follow_links(archiver, notes, settings, note_filter)
        finally:  # an interruption may come between a target and its note
            await _apply_known_links(archiver.store, notes, note_filter)
            save_pending(archiver, notes, settings)
    code = await archive_and_report(archiver, notes, settings, console)
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
    """Return the note that a target is the URL of, None if the filter excludes it; raise NotANote if none."""
    note_id = note_of_url(target)
    return note_id if note_filter is None or note_filter.accepts(note_id, notes.hint(link)) else None


def save_pending(archiver: Archiver, notes: NoteList, settings: RunSettings) -> None:
    """Save the notes of a run that are not archived completely, with its options, for `resume`."""
    archiver.store.add_pending(notes.pending_notes(), saved_text(settings, os.environ))


async def _follow_links(
    archiver: Archiver, notes: NoteList, settings: RunSettings, note_filter: NoteFilter | None
) -> int:
    """Replace short links by notes; return how many need a decision about an interrupted call.

    Links that cannot be followed are printed, and stay in the list.
    """
    links = list(notes.links)
    found: dict[ShortLink, NoteId | None] = {}
    with event_printer(
        progress_options(settings, archiver.options), out=sys.stdout, err=sys.stderr
    ) as on_event:
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
    return followed.held_back


async def archive_and_report(
    archiver: Archiver, notes: NoteList, settings: RunSettings, console: Console
) -> ExitCode:
    """Archive notes with progress, print the report with the places to look at; return the exit code."""
    store = archiver.store
    try:
        finished = await archive_with_progress(archiver, notes, progress_options(settings, archiver.options))
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
    return exit_code(finished, strict_empty=settings.strict_empty)


async def archive_with_progress(archiver: Archiver, notes: NoteList, shown: ProgressOptions) -> RunFinished:
    """Archive notes, print the events, and return the report; if the run breaks off, print it so far."""
    try:
        with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
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
