"""Divides the cards of the index into data files, so that a new note changes only one file.

The checksum of a note id decides whether a file begins with this note; the id is in the file's name. So the
same notes give the same files, in any order of arrival.
"""

import re
from collections.abc import Iterable, Iterator
from zlib import crc32

__all__ = ["divide", "is_shard_name"]

_CARDS_A_FILE = 400  # on average
_FIRST = "0" * 24
_NAME = re.compile(r"data-(?:[0-9a-f]{24}|\d{5})\.js")  # older galleries have the short names


def divide(cards: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and rows of each data file; `cards` are pairs of note id and row, oldest first."""
    first, rows = _FIRST, list[str]()
    for note_id, row in cards:
        if crc32(note_id.encode()) % _CARDS_A_FILE == 0:
            if rows:
                yield _name(first), rows
            first, rows = note_id, []
        rows.append(row)
    if rows:
        yield _name(first), rows


def is_shard_name(name: str) -> bool:
    """Whether a file has the name of a data file."""
    return _NAME.fullmatch(name) is not None


def _name(first: str) -> str:
    return f"data-{first}.js"
