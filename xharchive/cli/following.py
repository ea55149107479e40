"""Short links of a list give way to the notes they lead to, before the list is archived."""

import argparse
import asyncio
import sys

from xharchive.cli.running import until_signalled
from xharchive.config import progress_options
from xharchive.inputs import NoteList
from xharchive.links import ShortLink
from xharchive.models import NoteId
from xharchive.naming import printable
from xharchive.pipeline import ArchiveOptions
from xharchive.pipeline.short_links import Followed, follow, known_target
from xharchive.progress import listening
from xharchive.selection import Selection
from xharchive.stores import PosixStore

__all__ = ["follow_links", "recall_links"]


def follow_links(
    args: argparse.Namespace,
    store: PosixStore,
    notes: NoteList,
    options: ArchiveOptions,
    selection: Selection,
) -> Followed:
    """Put notes in the place of short links; those that cannot be followed are told of, and stay.

    Raises:
        ArchiveError: the disk would not.
        KeyboardInterrupt, Terminated: a signal came.
    """
    wanted = notes.links
    if not wanted:
        return Followed()

    def leads(link: ShortLink, note_id: NoteId) -> None:
        notes.resolve(link, note_id if selection.takes(note_id, notes.hint_of(link)) else None)

    def fails(link: ShortLink, problem: str) -> None:
        sys.stderr.write(printable(f"  {notes.source(link)}: {link}: {problem}") + "\n")

    shown = progress_options(args, options.transport.token)
    with listening(shown, out=sys.stdout, err=sys.stderr) as listen:
        links = (link for link, _ in notes.unresolved())
        work = follow(links, store, options, leads, fails, listen, pay=args.resolve_links)
        followed = until_signalled(work, args)
    if not args.quiet:
        calls = f"{followed.calls} API calls ({followed.billed} billed)"
        done = f"{wanted - notes.links} followed, {notes.links} not; {calls}"
        sys.stderr.write(f"{wanted} short links: {done}\n")
    return followed


def recall_links(store: PosixStore, notes: NoteList, selection: Selection) -> None:
    """Put notes in the place of those short links that were followed before; nobody is asked.

    Raises:
        ArchiveError: the archive cannot be read.
    """

    async def work() -> None:
        for link, _ in notes.unresolved():
            note_id = await known_target(link, store)
            if note_id is not None:
                notes.resolve(link, note_id if selection.takes(note_id, notes.hint_of(link)) else None)

    asyncio.run(work())
