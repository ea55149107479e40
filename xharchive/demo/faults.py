"""Misfortunes on demand: one letter each, in place of a healthy answer.

`o` is healthy. For media and API alike:

- `4` 404, `3` 403 with a page, `5` 503
- `X` dropped before the headers, `C` cut at half under the full Content-Length, `c` cut at half without one
- `S` stalls at half until the client goes
- `s` slow, but healthy: 16 pieces with a pause of 20 ms before each, the first of them before the headers
- `H` a page that calls itself the right type, `Z` nothing, `W` another file's bytes, all with status 200
- `B` the last 4 KiB flipped
- `R` redirect to a forbidden place, `L` redirect loop
- `r` 503 with a Retry-After of 20 seconds

For media only, about ranges:

- `2` the whole file with 200, whatever range was asked for; `1` 416 to any range
- `6` a 206 whose range begins a byte late; `v` a 206 of another file, with that file's ETag
- `V` the file has changed: another one with 200
- `n` cut at half, without an ETag; `w` the same with a weak ETag

For the API only: `J` no valid JSON, and the vendor's codes `T` 302, `E` 301, `I` 500, `Q` 303, `N` 600.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from xharchive.demo.http_responses import Answer
from xharchive.demo.response_writer import Delivery

__all__ = ["HEALTHY", "LETTERS", "OTHERS", "Circumstances", "FaultScript", "deliver"]

FaultScript = Callable[[str, str, int], str | None]
"""Given host, raw path with query, and the number of the request for just these, from 1: a letter or None."""

HEALTHY = "o"
OTHERS = frozenset("WV")
"""The letters that give another file's bytes."""

_FORBIDDEN_PLACE = "http://127.0.0.1:1/"
_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_HTML = "text/html; charset=utf-8"
_FLIPPED = 4096
_CHANGED = '"changed"'
_FLIP = bytes(255 - value for value in range(256))
_VENDOR_CODES = {"T": 302, "E": 301, "I": 500, "Q": 303, "N": 600}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a misfortune needs to know.

    `healthy` is the answer to what was asked, `whole` the one without a range. `other` is the body for `W`,
    `closing` is set when the server ends.
    """

    healthy: Answer
    whole: Answer
    path: str
    other: bytes
    closing: asyncio.Event


async def deliver(letter: str, delivery: Delivery, found: Circumstances) -> None:
    """Send the answer as the letter says.

    Raises:
        KeyError: an unknown letter.
    """
    if letter == "X":
        delivery.hang_up()
    elif letter in _CUT:
        await delivery.cut(_CUT[letter](found))
    elif letter == "c":
        await delivery.cut_without_length(found.healthy)
    elif letter == "S":
        await delivery.stall(found.healthy, found.closing)
    elif letter == "s":
        await delivery.slowly(found.healthy, found.closing)
    else:
        await delivery.whole(_ANSWERS[letter](found))


def _page(status: int, title: str) -> Callable[[Circumstances], Answer]:
    return lambda _found: Answer(status, {"Content-Type": _HTML}, _PAGE.format(title).encode())


def _vendor_code(code: int) -> Callable[[Circumstances], Answer]:
    body = json.dumps({"code": code, "message": "demo fault", "recordTime": None, "data": None}).encode()
    return lambda found: Answer(200, _label_only(found), body)


def _disguised_page(found: Circumstances) -> Answer:
    return Answer(200, _label_only(found), _PAGE.format("请先登录").encode())


def _nothing(found: Circumstances) -> Answer:
    return Answer(200, _label_only(found), b"")


def _another_file(found: Circumstances) -> Answer:
    return Answer(200, _label_only(found), found.other)


def _flipped(found: Circumstances) -> Answer:
    body = found.healthy.body
    return replace(found.healthy, body=body[:-_FLIPPED] + body[-_FLIPPED:].translate(_FLIP))


def _broken_json(found: Circumstances) -> Answer:
    return replace(found.healthy, body=found.healthy.body[: len(found.healthy.body) // 2])


def _label_only(found: Circumstances) -> Mapping[str, str]:
    return {"Content-Type": found.healthy.headers["Content-Type"]}


def _ignored_range(found: Circumstances) -> Answer:
    return found.whole


def _no_such_range(found: Circumstances) -> Answer:
    if found.healthy.status != 206:
        return found.healthy
    return Answer(416, {"Content-Range": f"bytes */{len(found.whole.body)}"}, b"")


def _late_range(found: Circumstances) -> Answer:
    if found.healthy.status != 206:
        return found.healthy
    return _part_of(found, found.healthy.body[1:], found.whole.headers["ETag"])


def _changed_range(found: Circumstances) -> Answer:
    if found.healthy.status != 206:
        return found.healthy
    changed = found.healthy.body.translate(_FLIP)
    return _part_of(found, changed, _CHANGED)


def _part_of(found: Circumstances, body: bytes, etag: str) -> Answer:
    total = len(found.whole.body)
    span = f"bytes {total - len(body)}-{total - 1}/{total}"
    return Answer(206, {**found.whole.headers, "ETag": etag, "Content-Range": span}, body)


def _changed(found: Circumstances) -> Answer:
    return Answer(200, {**found.whole.headers, "ETag": _CHANGED}, found.other)


def _retry_after(found: Circumstances) -> Answer:
    busy = _page(503, "503 Service Unavailable")(found)
    return replace(busy, headers={**busy.headers, "Retry-After": "20"})


def _labelled(found: Circumstances, etag: str) -> Answer:
    headers = {name: value for name, value in found.healthy.headers.items() if name != "ETag"}
    return replace(found.healthy, headers=headers | ({"ETag": etag} if etag else {}))


_CUT: dict[str, Callable[[Circumstances], Answer]] = {
    "C": lambda found: found.healthy,
    "n": lambda found: _labelled(found, ""),
    "w": lambda found: _labelled(found, f"W/{found.whole.headers['ETag']}"),
}

_ANSWERS: dict[str, Callable[[Circumstances], Answer]] = {
    HEALTHY: lambda found: found.healthy,
    "4": _page(404, "404 Not Found"),
    "3": _page(403, "403 Forbidden"),
    "5": _page(503, "503 Service Unavailable"),
    "H": _disguised_page,
    "Z": _nothing,
    "R": lambda _found: Answer(302, {"Location": _FORBIDDEN_PLACE}, b""),
    "L": lambda found: Answer(302, {"Location": found.path}, b""),
    "W": _another_file,
    "B": _flipped,
    "J": _broken_json,
    "r": _retry_after,
    "2": _ignored_range,
    "1": _no_such_range,
    "6": _late_range,
    "v": _changed_range,
    "V": _changed,
    **{letter: _vendor_code(code) for letter, code in _VENDOR_CODES.items()},
}

LETTERS = frozenset({*_ANSWERS, *_CUT, *"XcSs"})
"""Every letter that a fault script may return."""
