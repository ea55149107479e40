"""The work folder of one unfinished note: kept replies, partial files, files that wait for the commit.

Each verified file has a small record beside it. A record proves nothing by itself: the file is hashed again
before it is taken over by a later run.
"""

import asyncio
import hashlib
import json
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import make_folders_for_good, ours, replace_whole, write_new
from xharchive.manifest import FileEntry
from xharchive.manifest.read import file_from_object
from xharchive.manifest.write import file_as_object
from xharchive.models import LARGEST_KEPT_REPLY, Slot

__all__ = ["Leftovers", "Workspace", "copy_replies", "digest", "move_in"]


_LARGEST_RECORD = 1024 * 1024
"""Bytes of a record: it tells of one asset, which has a file or two."""


def digest(path: ArchivePath, *, most: int) -> str | None:
    """Return the SHA-256 of a regular file in hex, or None if there is none of at most `most` bytes.

    Blocking; raises OSError.
    """
    found = path.status()
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > most:
        return None
    with path.open() as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def move_in(source: ArchivePath, target: ArchivePath, mtime: float) -> None:
    """Move a verified file into the note's folder, synced, with its time in Unix seconds.

    Blocking; raises OSError.
    """
    if not source.exists():
        return  # an earlier run put it there; its size or digest was checked before this commit
    source.sync()
    source.set_times(mtime)
    source.replace(target)


def copy_replies(source: ArchivePath, target: ArchivePath, paths: Sequence[str]) -> None:
    """Copy those kept replies that a manifest names and that are in `source`. Blocking; raises OSError."""
    if not paths:
        return
    target.mkdir()
    for name in (path.rpartition("/")[2] for path in paths):
        if (source / name).exists():
            replace_whole(target / name, (source / name).read_bytes(LARGEST_KEPT_REPLY), mode=PRIVATE)
    target.sync()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What an earlier run left of a note's assets: verified files, and whose transfers had begun."""

    done: Mapping[Slot, tuple[FileEntry, ...]]
    begun: frozenset[Slot]


class Workspace:
    """Paths and records in a note's own work folder; `published` is the note's folder, if any."""

    def __init__(self, folder: ArchivePath, published: ArchivePath | None) -> None:
        self.folder = folder
        self.published = published

    @property
    def replies(self) -> ArchivePath:
        """Where new replies are kept until the note is committed."""
        return self.folder / "replies"

    def part(self, slot: Slot) -> ArchivePath:
        """The partial file of an asset."""
        return self.folder / f"{slot}.part"

    def derivative(self, slot: Slot) -> ArchivePath:
        """Where a derivative is made."""
        return self.folder / f"{slot}.derivative"

    def file(self, name: str) -> ArchivePath:
        """A verified file, under its final name."""
        return self.folder / name

    def prepare(self) -> None:
        """Make the folder. Blocking.

        Raises:
            ArchiveError: it cannot be made, or a link or a file stands in its place.
        """
        with ours(f"making the work folder {self.folder}"):
            make_folders_for_good(self.folder)
            (self.replies / "fresh").check_folders()  # before a reply is paid for that could not be kept

    async def settle(
        self, slot: Slot, made: Sequence[tuple[ArchivePath, FileEntry]], threads: Executor | None = None
    ) -> None:
        """Give verified files their names, and note them down: another run need not fetch them again.

        One job of one thread: hops cost more than what is done here, and to wake an idle thread costs most.

        Raises:
            ArchiveError: the disk would not.
        """
        await asyncio.get_running_loop().run_in_executor(threads, self._settle, slot, made)

    def _settle(self, slot: Slot, made: Sequence[tuple[ArchivePath, FileEntry]]) -> None:
        for source, entry in made:
            with ours(f"naming {entry.path}"):
                source.replace(self.file(entry.path))
        self.record(slot, [entry for _, entry in made])

    def record(self, slot: Slot, entries: Sequence[FileEntry]) -> None:
        """Note down what was verified for a slot. Blocking.

        Raises:
            ArchiveError: the disk would not.
        """
        text = json.dumps([file_as_object(entry) for entry in entries], ensure_ascii=False)
        with ours("writing a record"):
            write_new(self._record_of(slot), text.encode(), mode=PRIVATE)

    async def leftovers(self, slots: Sequence[Slot]) -> "Leftovers":
        """Return what an earlier run verified for these slots, and of which files it left a part.

        Raises:
            ArchiveError: a file is there and cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(None, self._leftovers, slots)

    def _leftovers(self, slots: Sequence[Slot]) -> "Leftovers":
        with ours("reading a record"):
            names = set(self.folder.entries())
            written = [slot for slot in slots if self._record_of(slot).name in names]
            done = {slot: entries for slot in written if (entries := self._recorded(slot))}
        begun = (slot for slot in slots if any(name.startswith(f"{slot}.part") for name in names))
        return Leftovers(done, frozenset(begun))

    def _record_of(self, slot: Slot) -> ArchivePath:
        return self.folder / f"{slot}.done"

    def _recorded(self, slot: Slot) -> tuple[FileEntry, ...]:
        try:
            items = json.loads(self._record_of(slot).read_bytes(_LARGEST_RECORD))
            entries = tuple(file_from_object(item) for item in items)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return ()
        mine = bool(entries) and all(entry.slot == slot for entry in entries)
        return entries if mine and all(self._is_still(entry) for entry in entries) else ()

    def _is_still(self, entry: FileEntry) -> bool:
        # A crash in the middle of a commit leaves files in the note folder, without a manifest yet.
        # Its path is one plain name, and no name of ours: `file_from_object` sees to it.
        places = [self.folder / entry.path]
        if self.published is not None:
            places.append(self.published / entry.path)
        return any(digest(place, most=entry.size) == entry.sha256 for place in places)
