"""Divides the index's cards among data files so that a new note changes one, wherever in time it stands.

A file begins with a note whose id's checksum says so, and is named after it. So the division follows from the
notes alone: the same notes give the same files, in whatever order they came.
"""

import re
from collections.abc import Iterable, Iterator
from zlib import crc32

__all__ = ["divided", "is_name"]

_CARDS_A_FILE = 400  # on average
_FIRST = "0" * 24
_NAME = re.compile(r"data-(?:[0-9a-f]{24}|\d{5})\.js")  # the short ones are of older galleries


def divided(cards: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield name and rows of every data file of these cards, each a note's id and its row, oldest first."""
    first, rows = _FIRST, list[str]()
    for note_id, row in cards:
        if crc32(note_id.encode()) % _CARDS_A_FILE == 0:
            if rows:
                yield _name(first), rows
            first, rows = note_id, []
        rows.append(row)
    if rows:
        yield _name(first), rows


def is_name(name: str) -> bool:
    """Whether a file in the gallery's folder is called as a data file is."""
    return _NAME.fullmatch(name) is not None


def _name(first: str) -> str:
    return f"data-{first}.js"
