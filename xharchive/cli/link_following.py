"""Follows short links, and replaces them by the notes or profiles that they lead to."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterable

from xharchive.archive import Archive
from xharchive.cli.signals import run_until_signal
from xharchive.config import progress_options
from xharchive.errors import NoteFailed, Refused, UsageError
from xharchive.filters import NoteFilter
from xharchive.inputs import NoteList
from xharchive.links import NotANote, ShortLink, note_of_url
from xharchive.progress import billing_text, event_printer
from xharchive.run import ArchiveOptions
from xharchive.run.follow_links import FollowedLinks, find_targets, target_in_archive
from xharchive.sanitize import counted, printable

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
    wanted = notes.links
    if not wanted:
        return FollowedLinks()

    def on_target(link: ShortLink, target: str) -> None:
        try:
            _replace_link(notes, link, target, note_filter)
        except NotANote as problem:
            on_failure(link, str(problem))

    def on_failure(link: ShortLink, problem: str) -> None:
        sys.stderr.write(printable(f"  {notes.source(link)}: {link}: {problem}") + "\n")

    followed = _follow(
        args, store, options, (link for link, _ in notes.unfollowed_links()), on_target, on_failure
    )
    if not args.quiet:
        bills = billing_text(followed.billed, followed.perhaps_billed, followed.free)
        calls = f"{counted(followed.calls, 'API call')} ({bills})"
        done = f"{wanted - notes.links} followed, {notes.links} not; {calls}"
        sys.stderr.write(f"{counted(wanted, 'short link')}: {done}\n")
    return followed


def _follow(
    args: argparse.Namespace,
    store: Archive,
    options: ArchiveOptions,
    links: Iterable[ShortLink],
    on_target: Callable[[ShortLink, str], None],
    on_failure: Callable[[ShortLink, str], None],
) -> FollowedLinks:
    shown = progress_options(args, options.transport.token)
    with event_printer(shown, out=sys.stdout, err=sys.stderr) as on_event:
        work = find_targets(links, store, options, on_target, on_failure, on_event, pay=args.resolve_links)
        return run_until_signal(work, args)


def _replace_link(notes: NoteList, link: ShortLink, target: str, note_filter: NoteFilter) -> None:
    note_id = note_of_url(target)
    notes.resolve(link, note_id if note_filter.accepts(note_id, notes.type_of_link(link)) else None)


def apply_known_links(store: Archive, notes: NoteList, note_filter: NoteFilter) -> None:
    """Replace the short links that an earlier run followed by their notes; send nothing.

    Raises:
        ArchiveError: the archive cannot be read.
    """

    async def work() -> None:
        for link, _ in notes.unfollowed_links():
            try:
                _replace_link(notes, link, await target_in_archive(link, store), note_filter)
            except NotANote:
                continue

    asyncio.run(work())


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
    targets: list[str] = []
    problems: list[str] = []
    followed = _follow(
        args,
        store,
        options,
        [link],
        lambda _, target: targets.append(target),
        lambda _, problem: problems.append(problem),
    )
    if followed.stopped or followed.held_back:
        raise Refused(followed.stopped or f"{link}: {problems[0]}")
    if problems:
        raise NoteFailed("short-link", f"{link}: {problems[0]}")
    return targets[0], followed.spent
