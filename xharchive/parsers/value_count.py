"""Replies with far more values than any note has, cut down before Python makes objects of them.

A JSON text of 15 MB can hold millions of values, and each takes some hundred bytes of memory once it is read.
So the values are counted in the raw bytes first. Where there are too many, long lists are cut; the raw reply
stays on disk whole.
"""

import re

__all__ = ["MOST_ITEMS", "MOST_VALUES", "TooManyValues", "code_at_the_beginning", "count_values", "cut_down"]

MOST_VALUES = 500_000
"""Values of one JSON text that become Python objects. Real replies have some thousands."""
MOST_ITEMS = 1_000
"""Elements that are left of each list of a heavy reply: more than any reader of a list looks at."""

_MOST_STEPS = 1_000_000
_DEEPEST = 100

# A string that never ends is one token too: else each quotation mark in it would be tried as a beginning.
_STRING = rb'"(?:[^"\\]++|\\.?)*+"?'
_TO_STRUCTURE = re.compile(rb'(?:[^\[\]{},"]++|' + _STRING + rb")*+", re.DOTALL)
_OPENING, _CLOSING, _LIST = frozenset(b"[{"), frozenset(b"]}"), ord("[")

_SCALAR = rb'(?:"(?:[^"\\]|\\.)*+"|[-+.\w]++)'
_CODE = re.compile(
    rb'[\s\xef\xbb\xbf]*+\{(?:\s*+"(?!code")[^"\\]*+"\s*+:\s*+'
    + _SCALAR
    + rb'\s*+,)*+\s*+"code"\s*+:\s*+"?(-?[0-9]{1,9})"?\s*+,',
    re.DOTALL,
)


def _beyond_flat_values(levels: int) -> re.Pattern[bytes]:
    """Return what passes over scalars, and over containers of at most so many levels."""
    inside = rb'(?:[^\[\]{}"]++|' + _STRING + rb")*+"
    for _ in range(levels):
        inside = rb'(?:[^\[\]{}"]++|' + _STRING + rb"|[\[{]" + inside + rb"[\]}])*+"
    return re.compile(inside, re.DOTALL)


_TO_DEEPER = _beyond_flat_values(levels=3)


class TooManyValues(ValueError):
    """A JSON text has more values than are read."""


def count_values(text: str | bytes) -> int:
    """Return a number that the values of a JSON text do not exceed, commas inside strings counted too."""
    if isinstance(text, str):
        return text.count(",") + text.count("[") + text.count("{") + 1
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def cut_down(body: bytes) -> tuple[bytes, bool]:
    """Return a JSON text of at most `MOST_VALUES` values, and whether something of it was left out.

    Of a heavy text each list keeps its first `MOST_ITEMS` elements, and what nests too deeply is emptied.
    What is left out is not checked for being JSON.

    Raises:
        TooManyValues: it is heavy without its long lists, or finding their ends takes too many steps.
    """
    if count_values(body) <= MOST_VALUES:
        return body, False
    return _Cutter(body).rest()


def code_at_the_beginning(body: bytes) -> int | None:
    """Return the numeric `code` of an object of which nothing else is read; only scalars may precede it."""
    found = _CODE.match(body)
    return int(found[1]) if found and body.rstrip().endswith(b"}") else None


class _Cutter:
    """Walks over one JSON text, from one structural sign to the next; the number of steps is bounded."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._steps_left = _MOST_STEPS

    def rest(self) -> tuple[bytes, bool]:
        """Return the text without what its lists have too many of, and whether they had."""
        body = self._body
        pieces: list[bytes] = []
        items: list[int] = []  # of each open container: how many elements a list may still have
        values = begin = at = 0
        while (at := self._go_to(_TO_STRUCTURE, at)) < len(body):
            sign = body[at]
            end, is_cut = at + 1, False
            if sign in _CLOSING:
                del items[-1:]
            elif sign in _OPENING:
                items.append(MOST_ITEMS if sign == _LIST else len(body))
                is_cut = len(items) > _DEEPEST
            elif items:
                items[-1] -= 1
                is_cut = not items[-1]
                end = at if is_cut else end  # the comma goes with what it announces
            values += sign not in _CLOSING
            if values > MOST_VALUES:
                raise TooManyValues("the JSON text has too many values")
            if is_cut:
                pieces.append(body[begin:end])
                begin = end = self._closing(end)
            at = end
        return b"".join((*pieces, body[begin:])), bool(pieces)

    def _closing(self, at: int) -> int:
        """Return where the container ends that an offset lies in: at its bracket, or with the text."""
        body, level = self._body, 0
        while (at := self._go_to(_TO_DEEPER, at)) < len(body):
            level += 1 if body[at] in _OPENING else -1
            if level < 0:
                return at
            at += 1
        return at

    def _go_to(self, pattern: re.Pattern[bytes], at: int) -> int:
        self._steps_left -= 1
        if self._steps_left < 0:
            raise TooManyValues("the JSON text has too many parts")
        found = pattern.match(self._body, at)
        return found.end() if found else at  # pragma: no branch - the patterns match nothing as well
