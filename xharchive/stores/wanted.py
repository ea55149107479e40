"""What runs were asked for and have not finished: what `resume` goes on with.

One note or short link a line, a note's type behind its id where somebody said it; appended and fsynced before
a run begins, shortened when it ends. Streamed, never held.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import TextIO

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import open_to_append, ours, short_lines
from xharchive.links import ShortLink, Want
from xharchive.models import NoteId, NoteType

__all__ = ["Wanted"]

_LONGEST_LINE = 4096
"""Bytes; the longest that is written is a short link."""


class Wanted:
    """The list at `path`. Its methods block."""

    def __init__(self, path: ArchivePath) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Want]:
        """Yield what is wanted, in the order in which it was asked for; a torn line is passed over.

        Raises:
            ArchiveError: the list cannot be read.
        """
        with ours(f"reading {self._path}"):
            if not self._path.exists():
                return
            with self._path.open() as file:
                for line in short_lines(file, _LONGEST_LINE):
                    with suppress(ValueError):
                        yield _want(line.decode("ascii", "replace"))

    def add(self, wants: Iterable[Want]) -> None:
        """Append for good.

        Raises:
            ArchiveError: the list cannot be written.
        """
        rest = iter(wants)
        first = next(rest, None)
        if first is None:
            return
        with ours(f"writing {self._path}"):
            with os.fdopen(open_to_append(self._path), "a", encoding="ascii") as lines:
                lines.write("\n")  # ends a line that a power cut may have torn
                _write(lines, chain((first,), rest))
            self._path.parent.sync()

    def prune(self, keep: Callable[[Iterable[Want]], Iterable[Want]]) -> None:
        """Drop all but what `keep` lets through of the list.

        Raises:
            ArchiveError: the list cannot be written.
        """
        if not self._path.exists():
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        with ours(f"writing {self._path}"):
            with os.fdopen(temporary.create(PRIVATE), "w", encoding="ascii") as lines:
                _write(lines, keep(self))
            temporary.replace(self._path)
            self._path.parent.sync()


def _want(line: str) -> Want:
    """Read a line.

    Raises:
        ValueError: it is torn, or not ours.
    """
    word, _, hint = line.strip().partition(" ")
    if word.startswith("https://"):
        return Want(ShortLink(word))
    return Want(NoteId(word), NoteType(hint or NoteType.UNKNOWN))


def _write(file: TextIO, wants: Iterable[Want]) -> None:
    for want in wants:
        known = want.hint is not NoteType.UNKNOWN
        file.write(f"{want.what} {want.hint.value}\n" if known else f"{want.what}\n")
    file.flush()
    os.fsync(file.fileno())
