"""Map the vendor's codes to their bill and the next step (docs/api.md#codes).

The code of the envelope decides. The HTTP status counts only where there is no envelope.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


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
    """The next step after a code, its bill ("yes", "no" or "unknown"), and a text for the user."""

    action: Action
    billed: str
    text: str


_READ = Meaning(Action.READ, "yes", "ok")
_NOT_COLLECTED = Meaning(Action.RETRY, "no", "the API could not collect the note")
_TOO_FAST = Meaning(Action.SLOW_DOWN, "no", "the API asks for fewer calls a second")


def _invalid(identifier: str) -> Meaning:
    return Meaning(Action.FAIL, "no", f"the API says that {identifier} is not valid")


_NOTE_ID = "the note id"
_INVALID_NOTE_ID = _invalid(_NOTE_ID)
_API_ERROR = Meaning(Action.RETRY, "no", "the API reports an error of its own")
_BAD_TOKEN = Meaning(
    Action.STOP, "no", "the API does not accept the token; check XHARCHIVE_TOKEN or the --token-file"
)
_NO_PERMISSION = Meaning(
    Action.STOP,
    "no",
    "the token has no permission for this endpoint; ask the vendor, or use other --endpoints",
)

CODES: Mapping[int, Meaning] = MappingProxyType(
    {
        0: _READ,
        100: _BAD_TOKEN,
        201: _READ,
        301: _NOT_COLLECTED,
        302: _TOO_FAST,
        303: Meaning(Action.STOP, "no", "the day's quota is used up; run `xharchive resume` tomorrow"),
        400: _INVALID_NOTE_ID,
        500: _API_ERROR,
        600: _NO_PERMISSION,
        601: Meaning(Action.STOP, "no", "the balance is used up; top it up, then run `xharchive resume`"),
        602: Meaning(
            Action.STOP, "no", "the token's own limit is used up; raise it, then `xharchive resume`"
        ),
    }
)
"""All documented codes. Any other code is reported as it is and never retried."""

_UNDOCUMENTED = Meaning(Action.FAIL, "unknown", "the API answered with a code that is not documented")
_BY_STATUS = {401: _BAD_TOKEN, 403: _NO_PERMISSION, 429: _TOO_FAST}


def meaning_of_code(code: int, identifier: str = _NOTE_ID) -> Meaning:
    """Return the meaning of an envelope's code.

    Args:
        code: the code.
        identifier: describes the requested object, such as "the note id", for messages.
    """
    meaning = CODES.get(code, _UNDOCUMENTED)
    return _invalid(identifier) if meaning is _INVALID_NOTE_ID else meaning


def meaning_of_status(status: int, identifier: str = _NOTE_ID) -> Meaning:
    """Return the meaning of the HTTP status of a response without an envelope.

    Unless the status is documented, the call may have been billed: the API may have done its work before a
    gateway failed.

    Args:
        status: the HTTP status.
        identifier: describes the requested object, such as "the note id", for messages.
    """
    if status >= 500:
        return Meaning(Action.RETRY_ONCE, "unknown", f"HTTP {status} without a reply of the API")
    if status < 300:
        return Meaning(Action.NEXT, "unknown", "the API's answer is not JSON with a code")
    if status == 400:
        return _invalid(identifier)
    return _BY_STATUS.get(status, Meaning(Action.FAIL, "unknown", f"the API answered with HTTP {status}"))
