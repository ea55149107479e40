"""Paid calls: under the ledger's eyes, at one common pace, again where that may help, never past a budget."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from random import Random

from xharchive.api.call_budget import Budget
from xharchive.api.circuit_breaker import Outage, Silence
from xharchive.api.classify import Judged, judge, judge_trouble
from xharchive.api.rate_limit import Pace, Rate, Retries, Turn
from xharchive.api.requests import CallOptions, NoReply, Question, Unanswered
from xharchive.errors import NetworkError, NoteFailed, Refused, ReplyTooLarge, ReplyUnusable
from xharchive.events import Call, Listener, Warned
from xharchive.http import Answer, Transport
from xharchive.parsers import Envelope, read_envelope
from xharchive.replies import Billed, Ledger, ReplyShelf
from xharchive.status_codes import Action

__all__ = ["CallOptions", "Calls", "NoReply", "Question", "Rate", "Retries", "Silence", "Unanswered"]

_CUT_OFF = "a call of an earlier run was cut off and may have been billed; --on-unknown pay asks again"
_MOST_SLOW_DOWNS = 8
_LONGEST_SLOW_DOWN = 300.0  # seconds; no server may put a run to sleep for a year
_WORTH_TELLING = 10.0  # seconds; who waits for less does not begin to wonder


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
        self._budget = Budget(options.max_calls, options.spent)
        self._outage = Outage(options.retry.probe_pauses, wait, lambda text: listen(Warned(text)))
        self._without_reply: dict[str, NoReply] = {}
        self._unusable: set[tuple[str, str]] = set()
        self._cut_off = dict(options.cut_off)
        self._held_back: set[str] = set()
        self.refused: Refused | None = Refused(options.refused) if options.refused else None

    @property
    def held_back(self) -> int:
        """How many notes wait for a decision: a call for them was cut off and may have been billed."""
        return len(self._held_back)

    @property
    def spent(self) -> int:
        """How much of the budget is used up: the calls sent, those of earlier stages of the run included."""
        return self._budget.spent

    def silence_about(self, about: str) -> Silence:
        """Return what it means that no call about a note (or a page, or a link) got a reply."""
        return self._outage.silence_about(about)

    def end(self) -> None:
        """End the calls of this run. A run that ends during an outage was refused."""
        if self._outage.on and self.refused is None:
            self.refused = Refused(self._outage.reason)
        self._outage.end()

    async def pay(
        self, question: Question, shelf: ReplyShelf, retries: Retries, reason: str
    ) -> tuple[bytes, Envelope]:
        """Return the reply to a question, which lies on the shelf by then, and its envelope.

        Raises:
            Unanswered: no usable answer after all retries.
            NoReply: the host sent no reply.
            NoteFailed: the API says that this note cannot be had, or a call for it was cut off in an earlier
                run.
            Refused: the API, or the budget, refuses every call from now on, or there is an outage.
            ArchiveError: the reply or the ledger cannot be written.
        """
        if (question.about, question.endpoint) in self._cut_off:
            self._held_back.add(question.about)
            raise NoteFailed("cut-off", f"{question.endpoint}: {_CUT_OFF}")
        if question.about in self._without_reply:
            # A host that does not reply would bill another endpoint's call just as well.
            raise self._without_reply[question.about]
        if (question.about, question.endpoint) in self._unusable:
            raise Unanswered("unanswered", f"{question.endpoint}: its reply was not usable before")
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
        judged = _judge(Answer(200, body), "")
        for call in self._cut_off.pop((about, endpoint)):
            await self._ledger.settle(call, code=judged.code, status=None, billed=judged.billed)

    async def _until_answered(
        self, question: Question, shelf: ReplyShelf, retries: Retries, reason: str
    ) -> tuple[bytes, Envelope]:
        slow_downs = 0
        while True:
            judged = await self._one_call(question, shelf, reason)
            action = judged.meaning.action
            if judged.answer is not None and judged.envelope is not None and action is Action.READ:
                self._pace.recover()
                return judged.answer.body, judged.envelope
            if action is Action.STOP:
                self._refuse(Refused(judged.meaning.words))
                raise Refused(judged.meaning.words)
            reason = "retry"
            if action is Action.SLOW_DOWN and slow_downs < _MOST_SLOW_DOWNS:
                own = self._options.retry.pause(slow_downs, self._random)
                self._pace.slow_down(max(own, _asked_wait(judged)))
                slow_downs += 1
            elif self._may_retry(action, retries):
                own = self._options.retry.pause(retries.spent - 1, self._random)
                seconds = max(own, _asked_wait(judged))
                self._tell_of_wait(seconds)
                await self._wait(seconds)
            else:
                raise self._given_up(question, judged)

    def _may_retry(self, action: Action, retries: Retries) -> bool:
        """Whether to ask the same again; takes a retry if so. A probe during an outage is not repeated."""
        if action not in (Action.RETRY, Action.RETRY_ONCE) or self._outage.on:
            return False
        return retries.spend(once=action is Action.RETRY_ONCE)

    def _given_up(self, question: Question, judged: Judged) -> NoteFailed | Unanswered:
        """Return the error of a question that is not asked again in this run, and remember why."""
        words, action = judged.meaning.words, judged.meaning.action
        if not judged.replied:
            self._outage.no_reply(question.about, words)
        if action is Action.NEXT:
            self._unusable.add((question.about, question.endpoint))
        if action is Action.NEXT or (action is Action.RETRY and judged.replied):
            return Unanswered("unanswered", f"{question.endpoint}: {words}")
        if action is Action.FAIL:
            failure = "refused-by-api", words
        else:  # of a rate limit too: it is the token's, and another endpoint would be asked for nothing
            failure = "unanswered", f"{question.endpoint}: {words}"
        if judged.replied:
            return NoteFailed(*failure)
        return self._without_reply.setdefault(question.about, NoReply(*failure))

    def _tell_of_wait(self, seconds: float) -> None:
        if seconds >= _WORTH_TELLING:
            self._listen(Warned(f"the API asks us to wait; calls go on in {seconds:.0f} seconds"))

    def _refuse(self, refused: Refused) -> None:
        """Refuse all further calls, and end the waits before them."""
        self.refused = self.refused or refused
        self._pace.let_go()
        self._outage.let_go()

    def _check_refused(self) -> None:
        if self.refused is not None:
            raise self.refused
        self._budget.check()

    async def _one_call(self, question: Question, shelf: ReplyShelf, reason: str) -> Judged:
        """Make one call when pace, outage and budget allow it.

        Raises:
            Refused: no call is allowed any more.
        """
        try:
            self._check_refused()
            turn = await self._pace.pause()
            try:
                async with self._outage.passage():
                    await self._budget.reserve()
                    judged = await self._reserved_call(question, shelf, reason, turn)
            finally:
                self._pace.go_out(turn)
        except Refused as refused:
            self._refuse(refused)
            raise
        if self._budget.is_spent:
            self._pace.let_go()
        return judged

    async def _reserved_call(self, question: Question, shelf: ReplyShelf, reason: str, turn: Turn) -> Judged:
        """Make a call for which the budget has room, and count it if it was sent."""
        sent = False
        try:
            self._check_refused()
            sent = True  # for all that is known if the call is interrupted
            judged = await self._call(question, shelf, reason, turn)
            sent = judged.sent
        finally:
            self._budget.settle(sent=sent)
        if judged.replied:
            self._outage.reply()
        return judged

    async def _call(self, question: Question, shelf: ReplyShelf, reason: str, turn: Turn) -> Judged:
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

    async def _converse(self, question: Question, shelf: ReplyShelf, reason: str, turn: Turn) -> Judged:
        """Hold the conversation under the ledger's eyes: intent, request, body kept, outcome."""
        with self._writing():
            call = await self._ledger.intend(question.about, question.endpoint, reason)
        self._pace.go_out(turn)
        saved = ""
        try:
            answer = await self._transport.ask(question.path, dict(question.parameters))
        except ReplyTooLarge as problem:
            judged = judge_trouble(problem)
            with self._writing():
                saved = await self._ledger.save_body(call, problem.beginning, cut=True)
        except NetworkError as problem:
            judged = judge_trouble(problem)
        else:
            with self._writing():
                judged, saved = await self._keep(question, shelf, call, answer)
        with self._writing():
            await self._ledger.settle(
                call,
                code=judged.code,
                status=judged.status,
                billed=judged.billed,
                sent=judged.sent,
                body=saved,
            )
        self._listen(Call(question.about, question.endpoint, reason, judged.code, judged.meaning.billed))
        return judged

    async def _keep(
        self, question: Question, shelf: ReplyShelf, call: str, answer: Answer
    ) -> tuple[Judged, str]:
        """Keep a reply before it is read; return what it means, and where it is saved if it is not usable.

        What may have been billed is saved though it cannot be used: the user may want to show it to the
        vendor.
        """
        await shelf.keep(question.kept_as, answer.body)
        judged = _judge(answer, question.identifier)
        saved = ""
        if answer.body and judged.billed is Billed.UNKNOWN:
            saved = await self._ledger.save_body(call, answer.body)
        if judged.meaning.action is not Action.READ:
            await shelf.drop(question.kept_as)
        return judged, saved

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._asking(-1)
        self._keeping(1)
        try:
            yield
        finally:
            self._keeping(-1)
            self._asking(1)


def _asked_wait(judged: Judged) -> float:
    """The seconds that the API asks to wait, within reason."""
    return min(judged.asked_wait, _LONGEST_SLOW_DOWN)


def _judge(answer: Answer, identifier: str) -> Judged:
    try:
        return judge(answer, read_envelope(answer.body), identifier)
    except ReplyUnusable:
        return judge(answer, None, identifier)
