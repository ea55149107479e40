"""Classify how a call ended: what the vendor's code means, its bill, and the next step (docs/api.md#codes).

The code of the envelope decides. The HTTP status counts only where there is no envelope.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from types import MappingProxyType

from xharchive.errors import BadResponse, ConnectionFailed, NetworkError, NotAllowed
from xharchive.http import ApiResponse
from xharchive.parsers import Envelope


class Billed(StrEnum):
    """Whether a call costs money."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Action(Enum):
    """The next step after a call."""

    READ = "read"
    """Parse the reply; it may be empty."""
    RETRY = "retry"
    """Repeat the call after a pause. If all retries fail, call the next endpoint."""
    RETRY_ONCE = "retry-once"
    """Repeat the call once: each try may be billed. If it fails again, call no other endpoint of the host.

    Tests: docs/reliability.md#calls-that-fail.
    """
    NEXT = "next"
    """Call the next endpoint, and this one not again in this run: its reply may be billed and is useless."""
    SLOW_DOWN = "slow-down"
    """Pause all calls, then repeat this one."""
    FAIL = "fail"
    """Give up this note."""
    STOP = "stop"
    """Make no more calls, because none can succeed; finish the notes whose replies are paid."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """The next step after a call, its bill, and a text for the user."""

    action: Action
    billed: Billed
    text: str


_LONGEST_MESSAGE = 120  # characters of the vendor's message that an error repeats
_NOTE_ID = "the note id"


def _invalid(identifier: str) -> Meaning:
    return Meaning(Action.FAIL, Billed.NO, f"the API says that {identifier} is not valid")


def _stop(text: str) -> Meaning:
    return Meaning(Action.STOP, Billed.NO, text)


_READ = Meaning(Action.READ, Billed.YES, "ok")
_TOO_FAST = Meaning(Action.SLOW_DOWN, Billed.NO, "the API asks for fewer calls a second")
_BAD_TOKEN = _stop("the API does not accept the token; check XHARCHIVE_TOKEN or the --token-file")
_NO_PERMISSION = _stop(
    "the token has no permission for this endpoint; ask the vendor, or use other --endpoints"
)

CODES: Mapping[int, Meaning] = MappingProxyType(
    {
        0: _READ,
        100: _BAD_TOKEN,
        201: _READ,
        301: Meaning(Action.RETRY, Billed.NO, "the API could not collect the note"),
        302: _TOO_FAST,
        303: _stop("the day's quota is used up; run `xharchive resume` tomorrow"),
        400: _invalid(_NOTE_ID),
        500: Meaning(Action.RETRY, Billed.NO, "the API reports an error of its own"),
        600: _NO_PERMISSION,
        601: _stop("the balance is used up; top it up, then run `xharchive resume`"),
        602: _stop("the token's own limit is used up; raise it, then `xharchive resume`"),
    }
)
"""All documented codes. Any other code is reported as it is and never retried."""

_UNDOCUMENTED = Meaning(Action.FAIL, Billed.UNKNOWN, "the API answered with a code that is not documented")
_BY_STATUS = {401: _BAD_TOKEN, 403: _NO_PERMISSION, 429: _TOO_FAST}


def meaning_of_code(code: int, identifier: str = _NOTE_ID) -> Meaning:
    """Return the meaning of an envelope's code; `identifier` names the requested object in messages."""
    return _invalid(identifier) if code == 400 else CODES.get(code, _UNDOCUMENTED)


def meaning_of_status(status: int, identifier: str = _NOTE_ID) -> Meaning:
    """Return the meaning of the HTTP status of a response without an envelope.

    Unless the status is documented, the call may have been billed: the API may have done its work before a
    gateway failed.
    """
    if status >= 500:
        return Meaning(Action.RETRY_ONCE, Billed.UNKNOWN, f"HTTP {status} without a reply of the API")
    if status < 300:
        return Meaning(Action.NEXT, Billed.UNKNOWN, "the API's answer is not JSON with a code")
    if status == 400:
        return _invalid(identifier)
    unknown = Meaning(Action.FAIL, Billed.UNKNOWN, f"the API answered with HTTP {status}")
    return _BY_STATUS.get(status, unknown)


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call.

    `response` and `envelope` are None if none arrived. `sent` is False if the request never left this
    machine.
    """

    meaning: Meaning
    response: ApiResponse | None = None
    envelope: Envelope | None = None
    sent: bool = True

    @property
    def has_reply(self) -> bool:
        """Whether the API replied, and not a proxy: its own JSON, or a status of docs/api.md#codes."""
        return self.envelope is not None or (self.response is not None and self.meaning.billed is Billed.NO)

    @property
    def code(self) -> int | None:
        """The vendor's code, None without an envelope."""
        return self.envelope.code if self.envelope else None

    @property
    def retry_after(self) -> float:
        """The seconds that the API asks to wait; 0 if it does not ask."""
        return (self.response and self.response.retry_after) or 0.0


def classify_response(response: ApiResponse, envelope: Envelope | None, identifier: str) -> CallResult:
    """Classify a response by its envelope, or by its HTTP status if the body has none."""
    if envelope is None:
        return CallResult(meaning_of_status(response.status, identifier), response)
    meaning = meaning_of_code(envelope.code, identifier)
    if meaning.action not in (Action.READ, Action.STOP):
        message = f": {envelope.message[:_LONGEST_MESSAGE]}" if envelope.message else ""
        meaning = replace(meaning, text=f"{meaning.text} (code {envelope.code}{message})")
    return CallResult(meaning, response, envelope)


def classify_error(error: NetworkError) -> CallResult:
    """Classify a call without a response.

    A sent request may have been billed, so the next step is one retry at most.
    """
    text = str(error)
    if isinstance(error, NotAllowed):  # an invalid certificate: the request was not sent
        return CallResult(Meaning(Action.FAIL, Billed.NO, text), sent=False)
    if isinstance(error, BadResponse):
        return CallResult(Meaning(Action.FAIL, Billed.UNKNOWN, text))
    if isinstance(error, ConnectionFailed) and not error.sent:
        return CallResult(Meaning(Action.RETRY, Billed.NO, text), sent=False)
    return CallResult(Meaning(Action.RETRY_ONCE, Billed.UNKNOWN, text))
