"""Note id in, note out: the cascade over endpoints, one paid call where one can do.

A kept reply is never paid for again. A call's body is on disk before it is read. When the API refuses the
token as a whole, nobody asks any more, and what is paid already is still finished.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from xharchive.api import Calls, Question, Retries, Silence, Unanswered
from xharchive.errors import NoteFailed, Refused
from xharchive.manifest import ReplyEntry
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers import ENDPOINTS, Endpoint
from xharchive.replies import ReplyShelf
from xharchive.resolver.saved_replies import (
    Known,
    entry_of,
    merged,
    outlook,
    read,
    read_kept,
    read_one,
    renewals,
    worth_asking,
)

__all__ = ["Resolution", "Resolver", "ResolverOptions", "merged", "outlook", "read_kept", "resolution_of"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is known of a note: None if every endpoint answered without it. `replies` are the kept bodies."""

    note: Note | None
    replies: tuple[ReplyEntry, ...]


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """Which endpoints to ask, in which order, and how many retries a note has.

    `renew`: pay once more for addresses that are past their time.
    """

    endpoints: Sequence[Endpoint]
    retries: int = 2
    renew: bool = True


class Resolver:
    """Resolves notes for one run."""

    def __init__(self, calls: Calls, options: ResolverOptions) -> None:
        self._calls = calls
        self._options = options

    @property
    def refused(self) -> Refused | None:
        """Why no call is made any more; None while calls are made."""
        return self._calls.refused

    @property
    def held_back(self) -> int:
        """How many notes wait for a decision: a call for them was cut off and may have been billed."""
        return self._calls.held_back

    def silence_about(self, note: str) -> Silence:
        """Return what it means that no call about a note got a reply."""
        return self._calls.silence_about(note)

    def end(self) -> None:
        """End the calls of this run. A run that ends during an outage of the API was refused."""
        self._calls.end()

    async def resolve(
        self,
        note_id: NoteId,
        shelf: ReplyShelf,
        *,
        dead_videos_of: Collection[str] = (),
        recheck: bool = False,
        hint: NoteType = NoteType.UNKNOWN,
    ) -> Resolution:
        """Return what the endpoints say of a note, paying only for replies that are not kept.

        Every kept reply counts, also one of an endpoint that is no longer in the order: it was paid for.
        `dead_videos_of` names endpoints whose videos turned out not to be had: others are asked for one.
        With `recheck` an empty reply is no answer for ever: who gave one is asked again. `hint` is the type
        that a listing named: of a video the endpoints for videos are asked first, so that one call will do.

        Raises:
            NoteFailed: no reply has the note, and an endpoint could not be asked: nothing final can be said.
            Refused: no reply has the note, and the API refuses every call from now on.
            ArchiveError: a reply or the ledger cannot be written.
        """
        known = await self._kept(note_id, shelf)
        if recheck and merged(known) is None:
            known = {}
        troubles: list[Unanswered] = []
        retries = Retries(self._options.retries)
        for endpoint in _hinted(self._options.endpoints, hint):
            if endpoint.name in known or not worth_asking(endpoint, merged(known, dead_videos_of)):
                continue
            reason = "refresh" if recheck else "cascade" if known or troubles else "first"
            try:
                body, envelope = await self._calls.pay(_about(note_id, endpoint), shelf, retries, reason)
            except Unanswered as trouble:
                troubles.append(trouble)
                continue
            except (NoteFailed, Refused):
                if merged(known) is None:
                    raise
                break  # what is paid for is archived; the rest becomes a gap that another run can fill
            known[endpoint.name] = read(body, envelope, endpoint, note_id)
        if troubles and merged(known) is None:
            raise NoteFailed(troubles[0].reason, str(troubles[0]))
        return await resolution_of(known, shelf)

    async def renew(self, note_id: NoteId, shelf: ReplyShelf, endpoint: str) -> Resolution | None:
        """Pay once more for a reply whose addresses are past their time; None if that brought nothing new.

        The new reply counts only if it has the note, and only for the addresses of what the old one declared.

        Raises:
            ArchiveError: a reply or the ledger cannot be written.
        """
        if not self._options.renew:
            return None
        retries = Retries(self._options.retries)
        with suppress(Unanswered, NoteFailed, Refused):
            await self._calls.pay(_about(note_id, ENDPOINTS[endpoint]), shelf.fresh, retries, "expired")
        if not await self._take_over(note_id, shelf):
            return None
        return await resolution_of(await self._kept(note_id, shelf), shelf)

    async def _take_over(self, note_id: NoteId, shelf: ReplyShelf) -> bool:
        """Let fresh replies that have the note count, now or after a crash, and forget others."""
        taken = False
        for name in await shelf.fresh.endpoints():
            found = await read_one(note_id, shelf.fresh, name)
            if found is not None and found[0] is not None:
                await shelf.renew(name)
                taken = True
            else:
                await shelf.fresh.drop(name)
        return taken

    async def _kept(self, note_id: NoteId, shelf: ReplyShelf) -> Known:
        for name in ENDPOINTS:
            for place in (shelf.fresh, shelf):
                await self._calls.recall(note_id.text, name, place, name)
        await self._take_over(note_id, shelf)
        return await read_kept(note_id, shelf, self._options.endpoints)


def _hinted(order: Sequence[Endpoint], hint: NoteType) -> Sequence[Endpoint]:
    return sorted(order, key=lambda endpoint: hint is NoteType.VIDEO and hint not in endpoint.serves)


def _about(note_id: NoteId, endpoint: Endpoint) -> Question:
    return Question(endpoint.name, endpoint.path, {"noteId": note_id.text}, note_id.text, endpoint.name)


async def resolution_of(known: Known, shelf: ReplyShelf) -> Resolution:
    """Return what replies say together, with the records of all, the newer ones of an endpoint among them.

    Raises:
        ArchiveError: a reply is there and cannot be read.
    """
    newer = [
        entry_of(name, body, "renewal")
        for name in renewals(await shelf.endpoints(), known)
        if (body := await shelf.find(name)) is not None
    ]
    return Resolution(merged(known), (*(entry for _, entry in known.values()), *newer))
