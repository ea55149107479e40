"""The ids that runs were asked for and have not finished: what `resume` goes on with.

One id a line, appended and fsynced before a run begins, shortened when it ends. Streamed, never held.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TextIO

from xharchive.disk import no_follow, ours, sync_folder
from xharchive.models import NoteId

__all__ = ["Wanted"]


class Wanted:
    """The list at `path`. Its methods block."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[NoteId]:
        """Yield the ids in the order they were asked for; a torn line is passed over.

        Raises:
            ArchiveError: the list cannot be read.
        """
        with ours("reading the list of wanted notes"):
            if not self._path.exists():
                return
            with self._path.open(encoding="ascii", errors="replace") as lines:
                for line in lines:
                    with suppress(ValueError):
                        yield NoteId(line.strip())

    def add(self, ids: Iterable[NoteId]) -> None:
        """Append ids for good.

        Raises:
            ArchiveError: the disk would not.
        """
        rest = iter(ids)
        first = next(rest, None)
        if first is None:
            return
        with ours("writing the list of wanted notes"):
            with open(self._path, "a", encoding="ascii", opener=no_follow) as lines:
                lines.write("\n")  # ends a line that a power cut may have torn
                _write(lines, chain((first,), rest))
            sync_folder(self._path.parent)

    def prune(self, keep: Callable[[NoteId], bool]) -> None:
        """Drop the ids that are finished, and repeated ones as far as they are.

        Raises:
            ArchiveError: the disk would not.
        """
        if not self._path.exists():
            return
        temporary = self._path.with_name(self._path.name + ".tmp")
        with ours("writing the list of wanted notes"):
            temporary.unlink(missing_ok=True)
            with temporary.open("x", encoding="ascii") as lines:
                _write(lines, (note_id for note_id in self if keep(note_id)))
            temporary.replace(self._path)
            sync_folder(self._path.parent)


def _write(file: TextIO, ids: Iterable[NoteId]) -> None:
    file.writelines(f"{note_id}\n" for note_id in ids)
    file.flush()
    os.fsync(file.fileno())
