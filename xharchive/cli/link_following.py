"""Follows short links, and replaces them by the notes or profiles that they lead to."""

import argparse
import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress

from xharchive.archive import Archive
from xharchive.cli.signals import run_until_signal
from xharchive.config import progress_options
from xharchive.errors import NoteFailed, Refused, UsageError
from xharchive.models import NoteId, NoteType, ShortLink
from xharchive.progress import billing_text, event_printer
from xharchive.run import ArchiveOptions
from xharchive.run.follow_links import FollowedLinks, find_targets, target_in_archive
from xharchive.sanitize import counted, printable
from xharchive.sources.links import NotANote, note_of_url
from xharchive.sources.requested_notes import NoteFilter, NoteList

__all__ = ["apply_known_links", "follow_link", "follow_links", "saved_target"]


def follow_links(
    args: argparse.Namespace,
    store: Archive,
    notes: NoteList,
    options: ArchiveOptions,
    note_filter: NoteFilter,
) -> FollowedLinks:
    """Replace short links by notes. Links that cannot be followed are printed, and stay in the list.

    Raises:
        ArchiveError: the archive cannot be read or written.
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    wanted = len(notes.links)
    if not wanted:
        return FollowedLinks()
    followed = _follow(args, store, options, list(notes.links))
    found: dict[ShortLink, NoteId | None] = {}
    problems = dict(followed.problems)
    for link, target in followed.targets.items():
        try:
            found[link] = _accepted_note(target, notes.hint(link), note_filter)
        except NotANote as error:
            problems[link] = str(error)
    for link, problem in problems.items():
        sys.stderr.write(printable(f"  {notes.links[link]}: {link}: {problem}") + "\n")
    notes.replace_links(found)
    if not args.quiet:
        bills = billing_text(followed.billed, followed.perhaps_billed, followed.free)
        calls = f"{counted(followed.calls, 'API call')} ({bills})"
        done = f"{len(found)} followed, {len(notes.links)} not; {calls}"
        sys.stderr.write(f"{counted(wanted, 'short link')}: {done}\n")
    return followed


def _follow(
    args: argparse.Namespace, store: Archive, options: ArchiveOptions, links: Iterable[ShortLink]
) -> FollowedLinks:
    shown = progress_options(args, options.transport.token)
    with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
        work = find_targets(links, store, options, on_event, pay=args.resolve_links)
        return run_until_signal(work, args)


def _accepted_note(target: str, hint: NoteType, note_filter: NoteFilter) -> NoteId | None:
    """Return the note that a target is the URL of, None if the filter excludes it.

    Raises:
        NotANote: the target is a profile.
    """
    note_id = note_of_url(target)
    return note_id if note_filter.accepts(note_id, hint) else None


def apply_known_links(store: Archive, notes: NoteList, note_filter: NoteFilter) -> None:
    """Replace the short links that an earlier run followed by their notes; send nothing.

    Raises:
        ArchiveError: the archive cannot be read.
    """

    async def known_notes() -> dict[ShortLink, NoteId | None]:
        found: dict[ShortLink, NoteId | None] = {}
        for link in notes.links:
            with suppress(NotANote):
                target = await target_in_archive(link, store)
                found[link] = _accepted_note(target, notes.hint(link), note_filter)
        return found

    notes.replace_links(asyncio.run(known_notes()))


def saved_target(store: Archive, link: ShortLink) -> str:
    """Return the target of a short link that an earlier run followed; send nothing.

    Raises:
        UsageError: no earlier run followed it.
        ArchiveError: the archive cannot be read.
    """
    target = asyncio.run(target_in_archive(link, store))
    if not target:
        raise UsageError(f"{link} was not followed yet, and --dry-run sends nothing")
    return target


def follow_link(
    args: argparse.Namespace, store: Archive, options: ArchiveOptions, link: ShortLink
) -> tuple[str, int]:
    """Follow a short link to a note or a profile; return its target, and the calls spent of the budget.

    Raises:
        NoteFailed: the link cannot be followed.
        Refused: the API refuses all calls, or an earlier run was cut off in this call.
        ArchiveError: the archive cannot be read or written.
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    followed = _follow(args, store, options, [link])
    if followed.stopped or followed.held_back:
        raise Refused(followed.stopped or f"{link}: {followed.problems[link]}")
    if link in followed.problems:
        raise NoteFailed("short-link", f"{link}: {followed.problems[link]}")
    return followed.targets[link], followed.spent
