"""Paid calls: under the ledger's eyes, at one common pace, again where that may help, never past a budget."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random

from xharchive.calls.pace import Pace, Rate, Retries, Turn
from xharchive.codes import Action, Meaning, meaning_of_code, meaning_of_status
from xharchive.endpoints import Envelope, read_envelope
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
from xharchive.events import Call, Listener, Warned
from xharchive.replies import Billed, CutOff, Ledger, ReplyShelf
from xharchive.retry import RetryPolicy
from xharchive.transport import Answer, Transport

__all__ = ["CallOptions", "Calls", "Question", "Rate", "Retries", "Unanswered"]

_CUT_OFF = "a call of an earlier run was cut off and may have been billed; --on-unknown pay asks again"
_MOST_SLOW_DOWNS = 8
_LONGEST_SLOW_DOWN = 300.0  # seconds; no server may put a run to sleep for a year
_WORTH_TELLING = 10.0  # seconds; who waits for less does not begin to wonder


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How often to ask again, how many calls at once, and how many at all.

    `patience` is how many seconds an interrupted run waits for the answers of calls that are under way.
    `rate` keeps them apart, those of all stages of a run; None: they go out as fast as others come back.
    `max_calls` is the budget of the run, in calls sent; None: no limit. `spent` of it went to an earlier
    stage of the run; `refused` says why that stage may make no more calls, and neither may this one.
    `cut_off` names, as subject and endpoint, the calls of earlier runs that may have been billed and must not
    be made again.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    api_jobs: int = 3
    patience: float = 4.0
    rate: Rate | None = None
    max_calls: int | None = None
    spent: int = 0
    refused: str = ""
    cut_off: CutOff = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What one call asks: the endpoint's name and path, its parameters, and whom it is about.

    `about` stands in the ledger: a note's id, or the name of a listing's page. The reply is kept under the
    name `kept_as`. `identifier` says in words what the API may call not valid.
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    about: str
    kept_as: str
    identifier: str = "the note id"


class Unanswered(ReplyUnusable):
    """No usable answer from one endpoint after all retries; nothing was kept."""


@dataclass(frozen=True, slots=True)
class _Said:
    """How one call ended: the answer, its envelope if it has one, and what to make of it."""

    meaning: Meaning
    answer: Answer | None = None
    envelope: Envelope | None = None


class Calls:
    """Makes the calls of one run: at most `api_jobs` at once, and none after a refusal or past the budget.

    `asking` is told of every question that comes (1) and that is through (-1), its waiting included;
    `keeping` of what is written down about it, which is no time of the API's.
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        options: CallOptions,
        listen: Listener,
        *,
        random: Random,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        asking: Callable[[int], None] = lambda _: None,
        keeping: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._ledger = ledger
        self._options = options
        self._listen = listen
        self._random = random
        self._wait = wait
        self._slots = asyncio.Semaphore(options.api_jobs)
        self._asking = asking
        self._keeping = keeping
        self._pace = Pace(wait, options.rate, self._tell_of_wait)
        self._sent = options.spent
        self._cut_off = dict(options.cut_off)
        self._held_back: set[str] = set()
        self.refused: Refused | None = Refused(options.refused) if options.refused else None

    @property
    def held_back(self) -> int:
        """How many notes wait for a decision: a call for them was cut off and may have been billed."""
        return len(self._held_back)

    async def pay(
        self, question: Question, shelf: ReplyShelf, retries: Retries, reason: str
    ) -> tuple[bytes, Envelope]:
        """Return the reply to a question, which lies on the shelf by then, and its envelope.

        Raises:
            Unanswered: no usable answer after all retries.
            NoteFailed: the API says that this note cannot be had, or a call for it was cut off before.
            Refused: the API, or the budget, refuses every call from now on.
            ArchiveError: the reply or the ledger cannot be written.
        """
        if (question.about, question.endpoint) in self._cut_off:
            self._held_back.add(question.about)
            raise NoteFailed("cut-off", f"{question.endpoint}: {_CUT_OFF}")
        self._asking(1)
        try:
            async with self._slots:
                return await self._until_answered(question, shelf, retries, reason)
        finally:
            self._asking(-1)

    async def recall(self, about: str, endpoint: str, shelf: ReplyShelf, kept_as: str) -> None:
        """Write down how calls ended that were cut off after their answer was kept: no question any more.

        Only what lies on the shelf itself counts: a run that was cut off published nothing.

        Raises:
            ArchiveError: the answer cannot be read, or the ledger not be written.
        """
        if (about, endpoint) not in self._cut_off:
            return
        body = await ReplyShelf(shelf.folder).find(kept_as)
        if body is None:
            return
        said = _judge(Answer(200, body), "")
        code = said.envelope.code if said.envelope else None
        for call in self._cut_off.pop((about, endpoint)):
            await self._ledger.settle(call, code=code, status=None, billed=Billed(said.meaning.billed))

    async def _until_answered(
        self, question: Question, shelf: ReplyShelf, retries: Retries, reason: str
    ) -> tuple[bytes, Envelope]:
        slow_downs = 0
        while True:
            self._mind_the_budget()
            turn = await self._pace.pause()
            try:
                self._spend_one()
                said = await self._call(question, shelf, reason, turn)
            finally:
                self._pace.go_out(turn)
            if said.answer is not None and said.envelope is not None and said.meaning.action is Action.READ:
                self._pace.recover()
                return said.answer.body, said.envelope
            if said.meaning.action is Action.STOP:
                self.refused = Refused(said.meaning.words)
                self._pace.let_go()
                raise self.refused
            if said.meaning.action is Action.FAIL:
                raise NoteFailed("refused-by-api", said.meaning.words)
            reason = "retry"
            if said.meaning.action is Action.SLOW_DOWN and slow_downs < _MOST_SLOW_DOWNS:
                own = self._options.retry.pause(slow_downs, self._random)
                self._pace.slow_down(max(own, _asked_wait(said.answer)))
                slow_downs += 1
            elif said.meaning.action is Action.SLOW_DOWN:
                # The limit is the token's: another endpoint would be paid for nothing.
                raise NoteFailed("unanswered", f"{question.endpoint}: {said.meaning.words}")
            elif retries.spend(once=said.meaning.action is Action.RETRY_ONCE):
                own = self._options.retry.pause(retries.spent - 1, self._random)
                seconds = max(own, _asked_wait(said.answer))
                self._tell_of_wait(seconds)
                await self._wait(seconds)
            else:
                # Where every try may cost money, no other endpoint is tried in this run either.
                failed = NoteFailed if said.meaning.action is Action.RETRY_ONCE else Unanswered
                raise failed("unanswered", f"{question.endpoint}: {said.meaning.words}")

    def _tell_of_wait(self, seconds: float) -> None:
        if seconds >= _WORTH_TELLING:
            self._listen(Warned(f"the API asks us to wait; calls go on in {seconds:.0f} seconds"))

    def _mind_the_budget(self) -> None:
        """Refuse to go on if the API or the budget says no."""
        most = self._options.max_calls
        if self.refused is None and most is not None and self._sent >= most:
            self.refused = Refused(f"the budget of {most} API calls (--max-calls) is used up")
        if self.refused is not None:
            raise self.refused

    def _spend_one(self) -> None:
        """Take one call out of the budget; with the last one whoever waits for another may stop waiting."""
        self._mind_the_budget()
        self._sent += 1
        if self._sent == self._options.max_calls:
            self._pace.let_go()

    async def _call(self, question: Question, shelf: ReplyShelf, reason: str, turn: Turn) -> _Said:
        """Make one call. What was sent is paid for, so an interruption waits a moment for the answer."""
        calling = asyncio.create_task(self._converse(question, shelf, reason, turn))
        try:
            return await asyncio.shield(calling)
        except asyncio.CancelledError:
            await asyncio.wait({calling}, timeout=self._options.patience)
            calling.cancel()
            await asyncio.wait({calling})
            if not calling.cancelled():
                calling.exception()  # seen here: the interruption has the last word
            raise

    async def _converse(self, question: Question, shelf: ReplyShelf, reason: str, turn: Turn) -> _Said:
        """Hold the conversation under the ledger's eyes: intent, request, body kept, outcome."""
        with self._writing():
            call = await self._ledger.intend(question.about, question.endpoint, reason)
        self._pace.go_out(turn)
        try:
            answer = await self._transport.ask(question.path, dict(question.parameters))
        except NetworkError as problem:
            said = _Said(_meaning_of_trouble(problem))
        else:
            with self._writing():
                await shelf.keep(question.kept_as, answer.body)
                said = _judge(answer, question.identifier)
                if said.meaning.action is not Action.READ:
                    await shelf.drop(question.kept_as)
        status = said.answer.status if said.answer else None
        code = said.envelope.code if said.envelope else None
        with self._writing():
            await self._ledger.settle(call, code=code, status=status, billed=Billed(said.meaning.billed))
        self._listen(Call(question.about, question.endpoint, reason, code, said.meaning.billed))
        return said

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._asking(-1)
        self._keeping(1)
        try:
            yield
        finally:
            self._keeping(-1)
            self._asking(1)


def _asked_wait(answer: Answer | None) -> float:
    """The seconds that the API asks to wait, within reason."""
    return min((answer and answer.retry_after) or 0.0, _LONGEST_SLOW_DOWN)


def _judge(answer: Answer, identifier: str) -> _Said:
    try:
        envelope = read_envelope(answer.body)
    except ReplyUnusable:
        return _Said(meaning_of_status(answer.status, identifier), answer)
    meaning = meaning_of_code(envelope.code, identifier)
    if meaning.action in (Action.READ, Action.STOP):
        return _Said(meaning, answer, envelope)
    said = f" (code {envelope.code}{': ' + envelope.message[:120] if envelope.message else ''})"
    return _Said(replace(meaning, words=meaning.words + said), answer, envelope)


def _meaning_of_trouble(problem: NetworkError) -> Meaning:
    if isinstance(problem, Forbidden):  # a certificate that is not good: nothing was sent, nothing will be
        return Meaning(Action.FAIL, "no", str(problem))
    if isinstance(problem, BadAnswer):
        return Meaning(Action.FAIL, "unknown", str(problem))
    if isinstance(problem, Stalled):
        return Meaning(Action.RETRY_ONCE, "unknown", str(problem))
    unsent = isinstance(problem, ConnectionFailed) and not problem.sent
    return Meaning(Action.RETRY, "no" if unsent else "unknown", str(problem))
