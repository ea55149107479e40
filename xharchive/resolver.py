"""Note id in, note out: the cascade over endpoints, one paid call where one can do.

A kept reply is never paid for again. A call's body is on disk before it is read. When the API refuses the
token as a whole, nobody asks any more, and what is paid already is still finished.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from random import Random

from xharchive.codes import Action, Meaning, meaning_of_code, meaning_of_status
from xharchive.endpoints import ENDPOINTS, Endpoint, merge, read_envelope, read_reply, satisfied
from xharchive.errors import (
    BadAnswer,
    ConnectionFailed,
    Forbidden,
    NetworkError,
    NoteFailed,
    Refused,
    ReplyUnusable,
    Stalled,
)
from xharchive.events import Call, Listener
from xharchive.manifest import ReplyEntry
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType
from xharchive.replies import Billed, Ledger, ReplyShelf
from xharchive.retry import RetryPolicy
from xharchive.transport import Answer, Transport

__all__ = ["Resolution", "Resolver", "ResolverOptions"]

_MOST_SLOW_DOWNS = 8
_LONGEST_SLOW_DOWN = 300.0  # seconds; no server may put a run to sleep for a year


@dataclass(frozen=True, slots=True)
class ResolverOptions:
    """Which endpoints to ask, in which order, how often to ask again, and how many calls at once.

    `patience` is how many seconds an interrupted run waits for the answers of calls that are under way.
    `max_calls` is the budget of the run, in calls sent; None: no limit.
    """

    endpoints: Sequence[Endpoint]
    retry: RetryPolicy
    api_jobs: int = 3
    patience: float = 4.0
    max_calls: int | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is known of a note: None if every endpoint answered without it. `replies` are the kept bodies."""

    note: Note | None
    replies: tuple[ReplyEntry, ...]


_Known = dict[str, tuple[Note | None, ReplyEntry]]
"""What each endpoint's reply says, by the endpoint's name, the one that counts most first."""


class _Unanswered(ReplyUnusable):
    """No usable answer from one endpoint after all retries; nothing was kept."""


class Resolver:
    """Resolves notes for one run. Calls are bounded by `api_jobs`; a rate limit pauses all of them."""

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
        self._transport = transport
        self._ledger = ledger
        self._options = options
        self._listen = listen
        self._random = random
        self._wait = wait
        self._slots = asyncio.Semaphore(options.api_jobs)
        self._pace = _Pace(wait)
        self._sent = 0
        self.refused: Refused | None = None

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
        troubles: list[_Unanswered] = []
        budget = _Budget(self._options.retry.retries)
        for endpoint in self._options.endpoints:
            if endpoint.name in known or not _worth_asking(endpoint, _merged(known, dead_videos_of)):
                continue
            reason = "cascade" if known or troubles else "first"
            try:
                async with self._slots:
                    body = await self._pay(endpoint, note_id, shelf, budget, reason)
            except _Unanswered as trouble:
                troubles.append(trouble)
                continue
            except (NoteFailed, Refused):
                if _merged(known) is None:
                    raise
                break  # what is paid for is archived; the rest becomes a gap that another run can fill
            known[endpoint.name] = _read(body, endpoint, note_id)
        note = _merged(known)
        if troubles and note is None:
            raise NoteFailed(troubles[0].reason, str(troubles[0]))
        return Resolution(note, tuple(entry for _, entry in known.values()))

    async def _kept(self, note_id: NoteId, shelf: ReplyShelf) -> "_Known":
        """Read what is kept: the endpoints of the order first, then others."""
        names = await shelf.endpoints()
        order = dict.fromkeys((*self._options.endpoints, *ENDPOINTS.values()))
        known: _Known = {}
        for endpoint in order:
            body = await shelf.find(endpoint.name) if endpoint.name in names else None
            if body is not None and _is_answer(body):
                known[endpoint.name] = _read(body, endpoint, note_id)
        return known

    async def _pay(
        self, endpoint: Endpoint, note_id: NoteId, shelf: ReplyShelf, budget: "_Budget", reason: str
    ) -> bytes:
        slow_downs = 0
        while True:
            await self._pace.pause()
            self._spend_one()
            answer, meaning = await self._call(endpoint, note_id, shelf, reason)
            if meaning.action is Action.READ:
                self._pace.recover()
                return answer.body if answer else b""
            if meaning.action is Action.STOP:
                self.refused = Refused(meaning.words)
                raise self.refused
            if meaning.action is Action.FAIL:
                raise NoteFailed("refused-by-api", meaning.words)
            reason = "retry"
            if meaning.action is Action.SLOW_DOWN and slow_downs < _MOST_SLOW_DOWNS:
                own = self._options.retry.pause(slow_downs, self._random)
                self._pace.slow_down(max(own, _asked_wait(answer)))
                slow_downs += 1
            elif budget.spend(once=meaning.action is Action.RETRY_ONCE):
                own = self._options.retry.pause(budget.spent - 1, self._random)
                await self._wait(max(own, _asked_wait(answer)))
            else:
                # Where every try may cost money, no other endpoint is tried in this run either.
                failed = NoteFailed if meaning.action is Action.RETRY_ONCE else _Unanswered
                raise failed("unanswered", f"{endpoint.name}: {meaning.words}")

    def _spend_one(self) -> None:
        """Take one call out of the budget, unless the API or the budget says no."""
        if self.refused is None and self._sent == self._options.max_calls:
            self.refused = Refused(f"the budget of {self._sent} API calls (--max-calls) is used up")
        if self.refused is not None:
            raise self.refused
        self._sent += 1

    async def _call(
        self, endpoint: Endpoint, note_id: NoteId, shelf: ReplyShelf, reason: str
    ) -> tuple[Answer | None, Meaning]:
        """Make one call. What was sent is paid for, so an interruption waits a moment for the answer."""
        calling = asyncio.create_task(self._converse(endpoint, note_id, shelf, reason))
        try:
            return await asyncio.shield(calling)
        except asyncio.CancelledError:
            await asyncio.wait({calling}, timeout=self._options.patience)
            calling.cancel()
            await asyncio.wait({calling})
            if not calling.cancelled():
                calling.exception()  # seen here: the interruption has the last word
            raise

    async def _converse(
        self, endpoint: Endpoint, note_id: NoteId, shelf: ReplyShelf, reason: str
    ) -> tuple[Answer | None, Meaning]:
        """Hold the conversation under the ledger's eyes: intent, request, body kept, outcome."""
        call = await self._ledger.intend(note_id.text, endpoint.name, reason)
        answer: Answer | None = None
        code: int | None = None
        try:
            answer = await self._transport.ask(endpoint.path, {"noteId": note_id.text})
        except NetworkError as problem:
            meaning = _meaning_of_trouble(problem)
        else:
            await shelf.keep(endpoint.name, answer.body)
            code, meaning = _judge(answer)
            if meaning.action is not Action.READ:
                await shelf.drop(endpoint.name)
        status = answer.status if answer else None
        await self._ledger.settle(call, code=code, status=status, billed=Billed(meaning.billed))
        self._listen(Call(note_id.text, endpoint.name, reason, code, meaning.billed))
        return answer, meaning


def _asked_wait(answer: Answer | None) -> float:
    """The seconds that the API asks to wait, within reason."""
    return min((answer and answer.retry_after) or 0.0, _LONGEST_SLOW_DOWN)


def _judge(answer: Answer) -> tuple[int | None, Meaning]:
    try:
        envelope = read_envelope(answer.body)
    except ReplyUnusable:
        return None, meaning_of_status(answer.status)
    meaning = meaning_of_code(envelope.code)
    if envelope.code in (0, 201) or meaning.action is Action.STOP:
        return envelope.code, meaning
    said = f" (code {envelope.code}{': ' + envelope.message[:120] if envelope.message else ''})"
    return envelope.code, replace(meaning, words=meaning.words + said)


def _meaning_of_trouble(problem: NetworkError) -> Meaning:
    if isinstance(problem, Forbidden):  # a certificate that is not good: nothing was sent, nothing will be
        return Meaning(Action.FAIL, "no", str(problem))
    if isinstance(problem, BadAnswer):
        return Meaning(Action.FAIL, "unknown", str(problem))
    if isinstance(problem, Stalled):
        return Meaning(Action.RETRY_ONCE, "unknown", str(problem))
    unsent = isinstance(problem, ConnectionFailed) and not problem.sent
    return Meaning(Action.RETRY, "no" if unsent else "unknown", str(problem))


def _is_answer(body: bytes) -> bool:
    """Whether a kept body is an answer at all: a crash may have left one that would have been dropped."""
    with suppress(ReplyUnusable):
        return meaning_of_code(read_envelope(body).code).action is Action.READ
    return False


def _read(body: bytes, endpoint: Endpoint, note_id: NoteId) -> tuple[Note | None, ReplyEntry]:
    found: Note | None = None
    outcome = "note"
    try:
        found = read_reply(body, endpoint, note_id)
    except ReplyUnusable as problem:
        outcome = problem.reason
    digest = hashlib.sha256(body).hexdigest()
    return found, ReplyEntry(endpoint.name, f"replies/{endpoint.name}.json", len(body), digest, outcome)


def _merged(known: _Known, dead_videos_of: Collection[str] = ()) -> Note | None:
    notes = [
        _without_video(note) if name in dead_videos_of else note
        for name, (note, _) in known.items()
        if note is not None
    ]
    return reduce(merge, notes) if notes else None


def _without_video(note: Note) -> Note:
    kept = tuple(asset for asset in note.assets if asset.slot.kind is not AssetKind.VIDEO)
    return replace(note, assets=kept)


def _worth_asking(endpoint: Endpoint, note: Note | None) -> bool:
    """Whether this endpoint may add what is still missing (docs/decisions/0002)."""
    if note is None or note.type is NoteType.UNKNOWN:
        return note is None or not satisfied(note)
    if satisfied(note) or note.type not in endpoint.serves:
        return False
    pictured = satisfied(replace(note, motion_known=True))
    return endpoint.tells_motion or not pictured


class _Budget:
    """The retries that one note may use, over all endpoints together."""

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._once_taken = False
        self.spent = 0

    def spend(self, *, once: bool) -> bool:
        """Take one retry; False when none is left. With `once` a note has a single one."""
        if self.spent >= self._retries or (once and self._once_taken):
            return False
        self._once_taken = self._once_taken or once
        self.spent += 1
        return True


class _Pace:
    """One gate before all calls: shut for a while whenever the API asks for fewer calls."""

    def __init__(self, wait: Callable[[float], Awaitable[None]]) -> None:
        self._wait = wait
        self._owed = 0.0
        self._gate = asyncio.Lock()

    def slow_down(self, seconds: float) -> None:
        """Shut the gate for at least so many seconds."""
        self._owed = max(self._owed, seconds)

    def recover(self) -> None:
        """A call went through: whatever was owed meanwhile is enough."""
        self._owed = 0.0

    async def pause(self) -> None:
        """Wait until the gate is open; whoever comes first waits for all."""
        async with self._gate:
            while self._owed > 0:
                owed, self._owed = self._owed, 0.0
                await self._wait(owed)
