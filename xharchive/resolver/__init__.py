"""Note id in, note out: the cascade over endpoints, one paid call where one can do.

A kept reply is never paid for again. A call's body is on disk before it is read. When the API refuses the
token as a whole, nobody asks any more, and what is paid already is still finished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from random import Random

from xharchive.codes import Action, meaning_of_code
from xharchive.endpoints import ENDPOINTS, read_envelope
from xharchive.errors import NoteFailed, Refused, ReplyUnusable
from xharchive.events import Listener
from xharchive.manifest import ReplyEntry
from xharchive.models import Note, NoteId
from xharchive.replies import Ledger, ReplyShelf
from xharchive.resolver.calls import Calls, ResolverOptions, Unanswered
from xharchive.resolver.known import Known, merged, read, worth_asking
from xharchive.resolver.pace import Retries
from xharchive.transport import Transport

__all__ = ["Resolution", "Resolver", "ResolverOptions"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is known of a note: None if every endpoint answered without it. `replies` are the kept bodies."""

    note: Note | None
    replies: tuple[ReplyEntry, ...]


class Resolver:
    """Resolves notes for one run."""

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        options: ResolverOptions,
        listen: Listener,
        *,
        random: Random,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._calls = Calls(transport, ledger, options, listen, random=random, wait=wait)
        self._options = options

    @property
    def refused(self) -> Refused | None:
        """Why no call is made any more; None while calls are made."""
        return self._calls.refused

    async def resolve(
        self, note_id: NoteId, shelf: ReplyShelf, *, dead_videos_of: Collection[str] = ()
    ) -> Resolution:
        """Return what the endpoints say of a note, paying only for replies that are not kept.

        Every kept reply counts, also one of an endpoint that is no longer in the order: it was paid for.
        `dead_videos_of` names endpoints whose videos turned out not to be had: others are asked for one.

        Raises:
            NoteFailed: no reply has the note, and an endpoint could not be asked: nothing final can be said.
            Refused: no reply has the note, and the API refuses every call from now on.
            ArchiveError: a reply or the ledger cannot be written.
        """
        known = await self._kept(note_id, shelf)
        troubles: list[Unanswered] = []
        retries = Retries(self._options.retry.retries)
        for endpoint in self._options.endpoints:
            if endpoint.name in known or not worth_asking(endpoint, merged(known, dead_videos_of)):
                continue
            reason = "cascade" if known or troubles else "first"
            try:
                body, envelope = await self._calls.pay(endpoint, note_id, shelf, retries, reason)
            except Unanswered as trouble:
                troubles.append(trouble)
                continue
            except (NoteFailed, Refused):
                if merged(known) is None:
                    raise
                break  # what is paid for is archived; the rest becomes a gap that another run can fill
            known[endpoint.name] = read(body, envelope, endpoint, note_id)
        note = merged(known)
        if troubles and note is None:
            raise NoteFailed(troubles[0].reason, str(troubles[0]))
        return Resolution(note, tuple(entry for _, entry in known.values()))

    async def _kept(self, note_id: NoteId, shelf: ReplyShelf) -> Known:
        """Read what is kept: the endpoints of the order first, then others."""
        names = await shelf.endpoints()
        order = dict.fromkeys((*self._options.endpoints, *ENDPOINTS.values()))
        known: Known = {}
        for endpoint in order:
            body = await shelf.find(endpoint.name) if endpoint.name in names else None
            try:
                envelope = read_envelope(body or b"")
            except ReplyUnusable:
                continue
            if body is not None and meaning_of_code(envelope.code).action is Action.READ:
                known[endpoint.name] = read(body, envelope, endpoint, note_id)
        return known
