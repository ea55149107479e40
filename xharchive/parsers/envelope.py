"""Parses the envelope of a reply: `{code, message, data}` (docs/api.md#envelope)."""

import re
from dataclasses import dataclass

from xharchive.errors import ReplyUnusable
from xharchive.parsers.json_text import parse_json
from xharchive.parsers.value_count import TooManyValues, leading_code, shorten_lists

__all__ = ["Envelope", "read_envelope"]

_CODE = re.compile(r"-?[0-9]{1,9}")
_LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class Envelope:
    """The result code, message and data of a reply.

    Attributes:
        shortened: the reply had too many values. Its long lists were cut, or `data` is None because cutting
            was not enough.
    """

    code: int
    message: str
    data: object
    shortened: bool = False


def read_envelope(body: bytes) -> Envelope:
    """Parse the envelope of a raw reply.

    The code may be a number or a numeric string; the message is optional. A byte order mark is skipped.
    Invalid UTF-8 becomes U+FFFD, so that one broken character of a title does not cost a paid reply.

    Raises:
        ReplyUnusable: `not-json`: the body is not a JSON object with a code.
    """
    try:
        readable, shortened = shorten_lists(body)
        reply = parse_json(readable.decode("utf-8-sig", errors="replace"), counted=True)
    except TooManyValues:
        return _read_code_only(body)
    except ValueError:
        raise _unreadable(body) from None
    if not isinstance(reply, dict):
        raise ReplyUnusable("not-json", "The reply is JSON, but not an object with a code.")
    code = _code(reply.get("code"))
    if code is None:
        raise ReplyUnusable("not-json", "The reply is a JSON object without a numeric code.")
    message = reply.get("message")
    message = message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    return Envelope(code, message, reply.get("data"), shortened)


def _read_code_only(body: bytes) -> Envelope:
    """Return the envelope of a reply with so many values that only its code can be read in bounded memory."""
    code = leading_code(body)
    if code is None:
        raise _unreadable(body)
    return Envelope(code, "", None, shortened=True)


def _unreadable(body: bytes) -> ReplyUnusable:
    return ReplyUnusable("not-json", f"The reply ({len(body)} bytes) is not JSON that can be read.")


def _code(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return int(value)
    return None
