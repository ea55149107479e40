"""Make paid calls: record each in the ledger, respect rate and budget, and retry where that may help."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from xharchive.api.call_limits import Budget, CircuitBreaker, Permit, Rate, RateLimiter, Retries, Silence
from xharchive.api.ledger import CutOff, Ledger
from xharchive.api.status_codes import Action, Billed, CallResult, classify_error, classify_response
from xharchive.archive import ReplyStore
from xharchive.errors import NetworkError, NoteFailed, Refused, ReplyTooLarge, ReplyUnusable
from xharchive.events import Call, Listener, Warned
from xharchive.http import ApiResponse, Transport
from xharchive.parsers import Envelope, read_envelope
from xharchive.retry import RetryPolicy

__all__ = [
    "ApiClient",
    "ApiRequest",
    "CallOptions",
    "NoReply",
    "NoUsableReply",
    "Rate",
    "Retries",
    "Silence",
    "find_reply",
]

_CUT_OFF = "a call of an earlier run was cut off and may have been billed; --on-unknown pay asks again"
_MAX_SLOW_DOWNS = 8
_MAX_PAUSE = 300.0  # seconds; a server must not be able to stop a run for a year
_MIN_REPORTED_PAUSE = 10.0  # seconds; a shorter pause needs no explanation to the user


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Retries, parallel calls, rate and budget of the calls of a run.

    Attributes:
        api_jobs: calls in parallel.
        patience: seconds that an interrupted run waits for the responses to calls under way.
        rate: the rate of all stages of the run together; None for no limit.
        max_calls: the budget of the run, in calls sent; None for no limit.
        spent: the calls that earlier stages of the run sent.
        refused: why an earlier stage may make no more calls, which holds for this stage too; "" if it may.
        cut_off: calls of earlier runs that may have been billed. They must not be repeated.
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
class ApiRequest:
    """One API request.

    Attributes:
        parameters: the query without the token.
        subject: a note id, or the name of a listing page or short link; the ledger records it.
        saved_as: the name of the saved reply.
        identifier: describes the requested object in messages.
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    subject: str
    saved_as: str
    identifier: str = "the note id"


class NoUsableReply(ReplyUnusable):
    """One endpoint gave no usable reply after all retries; no reply is saved."""


class NoReply(NoteFailed):
    """The API's host did not respond to a call; the other endpoints on it are not tried for the subject."""


class ApiClient:
    """Make the calls of one run: `api_jobs` in parallel, and none after a refusal or past the budget.

    `random` spreads the pauses before retries; `wait` sleeps for a number of seconds.

    Attributes:
        active: the number of requests, those that wait for their turn included, without those that write.
        writing: the number of requests that write to the ledger or to the saved replies.
        refused: why the API refuses all further calls; None while it does not.
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
    ) -> None:
        self._transport = transport
        self._ledger = ledger
        self._options = options
        self._listen = listen
        self._random = random
        self._wait = wait
        self._semaphore = asyncio.Semaphore(options.api_jobs)
        self.active = 0
        self.writing = 0
        self._rate_limiter = RateLimiter(wait, options.rate, self._report_pause)
        self._budget = Budget(options.max_calls, options.spent)
        self._breaker = CircuitBreaker(options.retry.probe_pauses, wait, lambda text: listen(Warned(text)))
        self._no_reply: dict[str, NoReply] = {}
        self._unusable: set[tuple[str, str]] = set()
        self._cut_off = dict(options.cut_off)
        self._held_back: set[str] = set()
        self.refused: Refused | None = Refused(options.refused) if options.refused else None

    @property
    def held_back(self) -> int:
        """The number of notes that wait for the user's decision about a call that was cut off."""
        return len(self._held_back)

    @property
    def spent(self) -> int:
        """The calls sent, those of earlier stages of the run included."""
        return self._budget.spent

    def silence_about(self, subject: str) -> Silence:
        """Return why a subject (a note, a listing page or a link) got no reply."""
        return self._breaker.silence_about(subject)

    def end(self) -> None:
        """End the calls of this run. During an outage this counts as a refusal."""
        if self._breaker.is_open and self.refused is None:
            self.refused = Refused(self._breaker.reason)
        self._breaker.close()

    async def call(
        self, request: ApiRequest, replies: ReplyStore, retries: Retries, reason: str
    ) -> tuple[bytes, Envelope]:
        """Make a paid call, save its reply in `replies`, and return the reply and its envelope.

        Args:
            retries: the retries that are left for the subject.
            reason: why the call is made, for the ledger.

        Raises:
            NoUsableReply: no usable reply after all retries.
            NoReply: the host did not respond.
            NoteFailed: the API does not have the note, or an earlier run's call for it was cut off.
            Refused: the API or the budget refuses all further calls, or there is an outage.
            ArchiveError: the reply or the ledger cannot be written.
        """
        target = request.subject, request.endpoint
        if target in self._cut_off:
            self._held_back.add(request.subject)
            raise NoteFailed("cut-off", f"{request.endpoint}: {_CUT_OFF}")
        if request.subject in self._no_reply:
            # The other endpoints are on the same host, and a call there may be billed just the same.
            raise self._no_reply[request.subject]
        if target in self._unusable:
            raise NoUsableReply("unanswered", f"{request.endpoint}: its reply was not usable before")
        self.active += 1
        try:
            async with self._semaphore:
                return await self._call_with_retries(request, replies, retries, reason)
        finally:
            self.active -= 1

    async def _call_with_retries(
        self, request: ApiRequest, replies: ReplyStore, retries: Retries, reason: str
    ) -> tuple[bytes, Envelope]:
        slow_downs = 0
        while True:
            result = await self._call_once(request, replies, reason)
            action, text = result.meaning.action, result.meaning.text
            if result.response is not None and result.envelope is not None and action is Action.READ:
                self._rate_limiter.recover()
                return result.response.body, result.envelope
            if action is Action.STOP:
                self._refuse_further_calls(Refused(text))
                raise Refused(text)
            pause, reason = min(result.retry_after, _MAX_PAUSE), "retry"
            if action is Action.SLOW_DOWN and slow_downs < _MAX_SLOW_DOWNS:
                self._rate_limiter.slow_down(max(pause, self._options.retry.pause(slow_downs, self._random)))
                slow_downs += 1
            elif self._spend_retry(action, retries):
                pause = max(pause, self._options.retry.pause(retries.spent - 1, self._random))
                self._report_pause(pause)
                await self._wait(pause)
            else:
                raise self._final_error(request, result)

    def _spend_retry(self, action: Action, retries: Retries) -> bool:
        """Use up a retry if the action allows one. A probe during an outage has no retry."""
        if action not in (Action.RETRY, Action.RETRY_ONCE) or self._breaker.is_open:
            return False
        return retries.spend(once=action is Action.RETRY_ONCE)

    def _final_error(self, request: ApiRequest, result: CallResult) -> NoteFailed | NoUsableReply:
        """Return the error of a request that is not repeated in this run, and remember it."""
        text, action = result.meaning.text, result.meaning.action
        if not result.has_reply:
            self._breaker.record_silence(request.subject, text)
        if action is Action.NEXT:
            self._unusable.add((request.subject, request.endpoint))
        if action is Action.NEXT or (action is Action.RETRY and result.has_reply):
            return NoUsableReply("unanswered", f"{request.endpoint}: {text}")
        if action is Action.FAIL:
            failure = "refused-by-api", text
        else:  # a rate limit too: it belongs to the token, so another endpoint would not help
            failure = "unanswered", f"{request.endpoint}: {text}"
        if result.has_reply:
            return NoteFailed(*failure)
        return self._no_reply.setdefault(request.subject, NoReply(*failure))

    async def _call_once(self, request: ApiRequest, replies: ReplyStore, reason: str) -> CallResult:
        """Make one call as soon as rate limiter, circuit breaker and budget allow it, and count it."""
        try:
            self._check_allowed()
            permit = await self._rate_limiter.acquire()
            try:
                async with self._breaker.admit():
                    await self._budget.reserve()
                    sent = False
                    try:
                        self._check_allowed()
                        sent = True  # assume the worst if the call is interrupted
                        result = await self._finish_call(self._send(request, replies, reason, permit))
                        sent = result.sent
                    finally:
                        self._budget.release(sent=sent)
                    if result.has_reply:
                        self._breaker.record_reply()
            finally:
                self._rate_limiter.release(permit)
        except Refused as refused:
            self._refuse_further_calls(refused)
            raise
        if self._budget.is_spent:
            self._rate_limiter.cancel_waiters()
        return result

    def _check_allowed(self) -> None:
        if self.refused is not None:
            raise self.refused
        self._budget.check()

    def _refuse_further_calls(self, refused: Refused) -> None:
        """Refuse all further calls, and end the waits before them."""
        self.refused = self.refused or refused
        self._rate_limiter.cancel_waiters()
        self._breaker.cancel_waiters()

    def _report_pause(self, seconds: float) -> None:
        if seconds >= _MIN_REPORTED_PAUSE:
            self._listen(Warned(f"the API asks us to wait; calls go on in {seconds:.0f} seconds"))

    async def _finish_call(self, call: Coroutine[None, None, CallResult]) -> CallResult:
        """Await a call; on an interruption wait up to `patience` for its response, which may cost money."""
        task = asyncio.create_task(call)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=self._options.patience)
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # mark it as retrieved: the interruption is the error to raise
            raise

    async def _send(
        self, request: ApiRequest, replies: ReplyStore, reason: str, permit: Permit
    ) -> CallResult:
        """Record the intent, send the request, save the reply and record the outcome, in this order."""
        with self._writing():
            call = await self._ledger.record_intent(request.subject, request.endpoint, reason)
        self._rate_limiter.release(permit)
        response: ApiResponse | NetworkError
        try:
            response = await self._transport.api_get(request.path, dict(request.parameters))
        except NetworkError as error:
            response = error
        with self._writing():
            if isinstance(response, ApiResponse):
                await replies.save(request.saved_as, response.body)
            result = _classify(response, request.identifier)
            saved_body = await self._save_unusable_body(call, response, result)
            if isinstance(response, ApiResponse) and result.meaning.action is not Action.READ:
                await replies.delete(request.saved_as)
            await self._ledger.record_outcome(
                call,
                code=result.code,
                status=result.response.status if result.response else None,
                billed=result.meaning.billed,
                sent=result.sent,
                body=saved_body,
            )
        self._listen(Call(request.subject, request.endpoint, reason, result.code, result.meaning.billed))
        return result

    async def _save_unusable_body(
        self, call: str, response: ApiResponse | NetworkError, result: CallResult
    ) -> str:
        """Save an unusable body that may have been billed: the user may want to show it to the vendor."""
        if isinstance(response, ReplyTooLarge):
            return await self._ledger.save_body(call, response.beginning, is_cut=True)
        if isinstance(response, ApiResponse) and response.body and result.meaning.billed is Billed.UNKNOWN:
            return await self._ledger.save_body(call, response.body, is_cut=False)
        return ""

    async def reconcile(self, subject: str, endpoint: str, replies: ReplyStore, saved_as: str) -> None:
        """Record the outcome of calls that were cut off after their reply was saved, as `saved_as`.

        Only `replies.folder` is searched, because an interrupted run published no reply.
        """
        if (subject, endpoint) not in self._cut_off:
            return
        body = await ReplyStore(replies.folder).find(saved_as)
        if body is None:
            return
        result = _classify(ApiResponse(200, body), "")
        for call in self._cut_off.pop((subject, endpoint)):
            await self._ledger.record_outcome(
                call, code=result.code, status=None, billed=result.meaning.billed
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Count the time inside as disk writes and not as time of the API."""
        self.active -= 1
        self.writing += 1
        try:
            yield
        finally:
            self.writing -= 1
            self.active += 1


async def find_reply(replies: ReplyStore, name: str) -> tuple[bytes, Envelope] | None:
    """Return a saved reply and its envelope; None if there is no usable one.

    A crash may leave a body that the run would have deleted.
    """
    body = await replies.find(name)
    if body is None:
        return None
    result = _classify(ApiResponse(200, body), "")
    return (body, result.envelope) if result.envelope and result.meaning.action is Action.READ else None


def _classify(response: ApiResponse | NetworkError, identifier: str) -> CallResult:
    if isinstance(response, NetworkError):
        return classify_error(response)
    try:
        return classify_response(response, read_envelope(response.body), identifier)
    except ReplyUnusable:
        return classify_response(response, None, identifier)
