"""The envelope around every reply: `{code, message, data}` (docs/api.md#envelope)."""

import re
from dataclasses import dataclass

from xharchive.errors import ReplyUnusable
from xharchive.parsers.json_text import parse_json
from xharchive.parsers.value_count import TooManyValues, code_at_the_beginning, cut_down

__all__ = ["Envelope", "read_envelope"]

_CODE = re.compile(r"-?[0-9]{1,9}")
_LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the vendor says about a call, and the data that it was made for.

    `shortened`: the reply has more values than are read. Its long lists were cut, or `data` is None because
    not even that was enough.
    """

    code: int
    message: str
    data: object
    shortened: bool = False


def read_envelope(body: bytes) -> Envelope:
    """Return the envelope of a raw reply.

    A code may be a number or a numeric string, the message may be missing, a byte order mark is skipped and
    bytes that are not UTF-8 become U+FFFD: a paid reply is not lost over one letter of a title.

    Raises:
        ReplyUnusable: `not-json`, when the body is not a JSON object with a code.
    """
    try:
        read, shortened = cut_down(body)
        reply = parse_json(read.decode("utf-8-sig", errors="replace"), counted=True)
    except TooManyValues:
        return _outline(body)
    except ValueError:
        raise _unreadable(body) from None
    if not isinstance(reply, dict):
        raise ReplyUnusable("not-json", "The reply is JSON, but not an object with a code.")
    code = _code(reply.get("code"))
    if code is None:
        raise ReplyUnusable("not-json", "The reply is a JSON object without a numeric code.")
    message = reply.get("message")
    said = message[:_LONGEST_MESSAGE] if isinstance(message, str) else ""
    return Envelope(code, said, reply.get("data"), shortened)


def _outline(body: bytes) -> Envelope:
    """Return the envelope of a reply of which nothing but its code can be read in bounded memory."""
    code = code_at_the_beginning(body)
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
