"""What the vendor's codes mean, whether they cost money, and what to do next (docs/api.md#codes).

The envelope's code decides; the HTTP status only where there is no envelope.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

__all__ = ["CODES", "Action", "Meaning", "meaning_of_code", "meaning_of_status"]


class Action(Enum):
    """What the resolver does after a code."""

    READ = "read"
    """There is a reply to read, perhaps an empty one."""
    RETRY = "retry"
    """Ask the same again after a pause; if it persists, the next endpoint."""
    RETRY_ONCE = "retry-once"
    """Ask once more: each try may be billed. No other endpoint of the host then.

    The tests: docs/reliability.md#calls-that-fail.
    """
    NEXT = "next"
    """What came may be billed and is of no use: ask the next endpoint, and this one not again in this run."""
    SLOW_DOWN = "slow-down"
    """Everybody pauses, then ask the same again."""
    FAIL = "fail"
    """Give this note up."""
    STOP = "stop"
    """No call can succeed any more: stop paying, finish what is paid."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code's action, whether it is billed ("yes", "no", "unknown") and what to tell the user."""

    action: Action
    billed: str
    words: str


_READ = Meaning(Action.READ, "yes", "ok")
_FAILED = Meaning(Action.RETRY, "no", "the API could not collect the note")
_TOO_FAST = Meaning(Action.SLOW_DOWN, "no", "the API asks for fewer calls a second")


def _not_valid(identifier: str) -> Meaning:
    return Meaning(Action.FAIL, "no", f"the API says that {identifier} is not valid")


_NOTE_ID = "the note id"
_BAD = _not_valid(_NOTE_ID)
_BROKEN = Meaning(Action.RETRY, "no", "the API reports an error of its own")
_TOKEN = Meaning(
    Action.STOP, "no", "the API does not accept the token; check XHARCHIVE_TOKEN or the --token-file"
)
_PERMISSION = Meaning(
    Action.STOP,
    "no",
    "the token has no permission for this endpoint; ask the vendor, or use other --endpoints",
)

CODES: Mapping[int, Meaning] = MappingProxyType(
    {
        0: _READ,
        100: _TOKEN,
        201: _READ,
        301: _FAILED,
        302: _TOO_FAST,
        303: Meaning(Action.STOP, "no", "the day's quota is used up; run `xharchive resume` tomorrow"),
        400: _BAD,
        500: _BROKEN,
        600: _PERMISSION,
        601: Meaning(Action.STOP, "no", "the balance is used up; top it up, then run `xharchive resume`"),
        602: Meaning(
            Action.STOP, "no", "the token's own limit is used up; raise it, then `xharchive resume`"
        ),
    }
)
"""All documented codes; others are reported raw and never retried."""

_UNKNOWN = Meaning(Action.FAIL, "unknown", "the API answered with a code that is not documented")
_STATUSES = {401: _TOKEN, 403: _PERMISSION, 429: _TOO_FAST}


def meaning_of_code(code: int, identifier: str = _NOTE_ID) -> Meaning:
    """Return what to do about an envelope's code; `identifier` says in words what the call asked for."""
    meaning = CODES.get(code, _UNKNOWN)
    return _not_valid(identifier) if meaning is _BAD else meaning


def meaning_of_status(status: int, identifier: str = _NOTE_ID) -> Meaning:
    """Return what to do about an answer without an envelope; `identifier` as in `meaning_of_code`.

    It may have been billed, because the API may have done its work before something in between failed.
    """
    if status >= 500:
        return Meaning(Action.RETRY_ONCE, "unknown", f"HTTP {status} without a reply of the API")
    if status < 300:
        return Meaning(Action.NEXT, "unknown", "the API's answer is not JSON with a code")
    if status == 400:
        return _not_valid(identifier)
    return _STATUSES.get(status, Meaning(Action.FAIL, "unknown", f"the API answered with HTTP {status}"))
