"""Short links give way to the notes, or the profile, that they lead to."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterable

from xharchive.archive import ArchiveFolder
from xharchive.cli.signals import until_signalled
from xharchive.config import progress_options
from xharchive.errors import NoteFailed, Refused, UsageError
from xharchive.filters import NoteFilter
from xharchive.inputs import NoteList
from xharchive.links import NotANote, ShortLink, note_of_url
from xharchive.progress import bills_text, listening
from xharchive.run import ArchiveOptions
from xharchive.run.follow_links import FollowedLinks, find_targets, target_in_archive
from xharchive.sanitize import counted, printable

__all__ = ["follow_links", "follow_one", "followed_already", "recall_links"]


def follow_links(
    args: argparse.Namespace,
    store: ArchiveFolder,
    notes: NoteList,
    options: ArchiveOptions,
    note_filter: NoteFilter,
) -> FollowedLinks:
    """Put notes in the place of short links; those that cannot be followed are told of, and stay.

    Raises:
        ArchiveError: the disk would not.
        KeyboardInterrupt, Terminated: a signal came.
    """
    wanted = notes.links
    if not wanted:
        return FollowedLinks()

    def leads(link: ShortLink, target: str) -> None:
        try:
            _settle(notes, link, target, note_filter)
        except NotANote as problem:
            fails(link, str(problem))

    def fails(link: ShortLink, problem: str) -> None:
        sys.stderr.write(printable(f"  {notes.source(link)}: {link}: {problem}") + "\n")

    followed = _follow(args, store, options, (link for link, _ in notes.unresolved()), leads, fails)
    if not args.quiet:
        bills = bills_text(followed.billed, followed.perhaps_billed, followed.free)
        calls = f"{counted(followed.calls, 'API call')} ({bills})"
        done = f"{wanted - notes.links} followed, {notes.links} not; {calls}"
        sys.stderr.write(f"{counted(wanted, 'short link')}: {done}\n")
    return followed


def _follow(
    args: argparse.Namespace,
    store: ArchiveFolder,
    options: ArchiveOptions,
    links: Iterable[ShortLink],
    leads: Callable[[ShortLink, str], None],
    fails: Callable[[ShortLink, str], None],
) -> FollowedLinks:
    shown = progress_options(args, options.transport.token)
    with listening(shown, out=sys.stdout, err=sys.stderr) as listen:
        work = find_targets(links, store, options, leads, fails, listen, pay=args.resolve_links)
        return until_signalled(work, args)


def _settle(notes: NoteList, link: ShortLink, target: str, note_filter: NoteFilter) -> None:
    note_id = note_of_url(target)
    notes.resolve(link, note_id if note_filter.accepts(note_id, notes.type_of_link(link)) else None)


def recall_links(store: ArchiveFolder, notes: NoteList, note_filter: NoteFilter) -> None:
    """Put notes in the place of those short links that were followed before; nobody is asked.

    Raises:
        ArchiveError: the archive cannot be read.
    """

    async def work() -> None:
        for link, _ in notes.unresolved():
            try:
                _settle(notes, link, await target_in_archive(link, store), note_filter)
            except NotANote:
                continue

    asyncio.run(work())


def followed_already(store: ArchiveFolder, link: ShortLink) -> str:
    """Return where a short link leads that was followed before; nobody is asked.

    Raises:
        UsageError: it was not.
        ArchiveError: the archive cannot be read.
    """
    target = asyncio.run(target_in_archive(link, store))
    if not target:
        raise UsageError(f"{link} was not followed yet, and --dry-run asks nobody")
    return target


def follow_one(
    args: argparse.Namespace, store: ArchiveFolder, options: ArchiveOptions, link: ShortLink
) -> tuple[str, int]:
    """Return where a short link leads, to a note or a profile, and how much of the budget is used up.

    Raises:
        NoteFailed: nobody knows.
        Refused: the API refuses every call, or the call was cut off in an earlier run.
        ArchiveError: the disk would not.
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
