"""The work folder of an unfinished note: saved replies, part files, and finished files until the commit.

Each verified file has a small record beside it. A later run hashes the file again before it trusts the
record.
"""

import asyncio
import hashlib
import json
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from xharchive.archive.reply_store import ReplyStore
from xharchive.archive_path import PRIVATE, ArchivePath
from xharchive.disk import atomic_replace, makedirs_durable, translate_os_errors, write_new
from xharchive.manifest import FileEntry
from xharchive.manifest.read import file_from_object
from xharchive.manifest.write import file_as_object
from xharchive.models import LARGEST_SAVED_REPLY, Slot

_MAX_RECORD_BYTES = 1024 * 1024
"""A record is about one asset, which has one or two files."""


def digest(path: ArchivePath, *, most: int) -> str | None:
    """Return the SHA-256 of a regular file in hex, or None if it is missing or larger than `most` bytes.

    This blocks, and raises OSError.
    """
    found = path.status()
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > most:
        return None
    with path.open() as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def move_in(source: ArchivePath, target: ArchivePath, mtime: float) -> None:
    """Sync a verified file and move it into the note's folder. This blocks, and raises OSError.

    Args:
        mtime: its modification time, in Unix seconds.
    """
    if not source.exists():
        return  # an earlier run moved it; its size or digest was checked before this commit
    source.sync()
    source.set_times(mtime)
    source.replace(target)


def copy_replies(source: ArchivePath, target: ArchivePath, paths: Sequence[str]) -> None:
    """Copy the saved replies in `source` that a manifest names. This blocks, and raises OSError."""
    if not paths:
        return
    target.mkdir()
    for name in (path.rpartition("/")[2] for path in paths):
        if (source / name).exists():
            atomic_replace(target / name, (source / name).read_bytes(LARGEST_SAVED_REPLY), mode=PRIVATE)
    target.sync()


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Files of a note's assets from an earlier run.

    Attributes:
        done: verified files, by slot.
        begun: slots that have a part file.
    """

    done: Mapping[Slot, tuple[FileEntry, ...]]
    begun: frozenset[Slot]


class Workspace:
    """Paths and records in the work folder of a note. `published` is the note's own folder, if it has one."""

    def __init__(self, folder: ArchivePath, published: ArchivePath | None) -> None:
        self.folder = folder
        self.published = published

    @property
    def replies(self) -> ArchivePath:
        """The folder of new replies until the commit."""
        return self.folder / "replies"

    def part(self, slot: Slot) -> ArchivePath:
        """Return the path of the incomplete download of an asset."""
        return self.folder / f"{slot}.part"

    def derivative(self, slot: Slot) -> ArchivePath:
        """Return the path where a derivative is made."""
        return self.folder / f"{slot}.derivative"

    def file(self, name: str) -> ArchivePath:
        """Return the path of a verified file, under its final name."""
        return self.folder / name

    @property
    def reply_store(self) -> ReplyStore:
        """The saved replies of the note: those in this folder, then those in the note's own folder."""
        return ReplyStore(self.replies, (self.published / "replies",) if self.published else ())

    def has_new_replies(self) -> bool:
        """Return whether this folder has a reply that the note's own folder does not have.

        Raises:
            ArchiveError: a reply cannot be read.
        """
        committed = (self.published or self.folder) / "replies"
        with translate_os_errors(f"looking for new replies in {self.replies}"):
            found = [
                folder / name
                for folder in (self.replies, self.replies / "fresh")
                for name in folder.entries()
            ]
            return any(
                digest(path, most=LARGEST_SAVED_REPLY)
                != digest(committed / path.name, most=LARGEST_SAVED_REPLY)
                for path in found
                if path.suffix == ".json"
            )

    def prepare(self) -> None:
        """Create the folder. This blocks.

        Raises:
            ArchiveError: the folder cannot be created, or a symbolic link or a file stands in its place.
        """
        with translate_os_errors(f"making the work folder {self.folder}"):
            makedirs_durable(self.folder)
            (self.replies / "fresh").check_folders()  # before a paid call, whose reply is saved there

    async def save_files(
        self, slot: Slot, made: Sequence[tuple[ArchivePath, FileEntry]], threads: Executor | None = None
    ) -> None:
        """Rename verified files to their final names and record them for a later run.

        All of it is one job of one thread: a switch of threads costs more than the work, and waking an idle
        thread costs most.

        Args:
            made: each file with its manifest entry.
            threads: where to run the job; the default executor if None.

        Raises:
            ArchiveError: a file cannot be renamed, or the record cannot be written.
        """
        await asyncio.get_running_loop().run_in_executor(threads, self._name_and_record, slot, made)

    def _name_and_record(self, slot: Slot, made: Sequence[tuple[ArchivePath, FileEntry]]) -> None:
        for source, entry in made:
            with translate_os_errors(f"naming {entry.path}"):
                source.replace(self.file(entry.path))
        self.record(slot, [entry for _, entry in made])

    def record(self, slot: Slot, entries: Sequence[FileEntry]) -> None:
        """Record the verified files of a slot. This blocks.

        Raises:
            ArchiveError: the record cannot be written.
        """
        text = json.dumps([file_as_object(entry) for entry in entries], ensure_ascii=False)
        with translate_os_errors("writing a record"):
            write_new(self._record_path(slot), text.encode(), mode=PRIVATE)

    async def leftovers(self, slots: Sequence[Slot]) -> "Leftovers":
        """Return the verified files and part files that an earlier run left for these slots.

        Raises:
            ArchiveError: a file cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(None, self._find_leftovers, slots)

    def _find_leftovers(self, slots: Sequence[Slot]) -> "Leftovers":
        with translate_os_errors("reading a record"):
            names = set(self.folder.entries())
            written = [slot for slot in slots if self._record_path(slot).name in names]
            done = {slot: entries for slot in written if (entries := self._read_record(slot))}
        started = (slot for slot in slots if any(name.startswith(f"{slot}.part") for name in names))
        return Leftovers(done, frozenset(started))

    def _record_path(self, slot: Slot) -> ArchivePath:
        return self.folder / f"{slot}.done"

    def _read_record(self, slot: Slot) -> tuple[FileEntry, ...]:
        try:
            items = json.loads(self._record_path(slot).read_bytes(_MAX_RECORD_BYTES))
            entries = tuple(file_from_object(item) for item in items)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return ()
        is_of_slot = bool(entries) and all(entry.slot == slot for entry in entries)
        return entries if is_of_slot and all(map(self._is_intact, entries)) else ()

    def _is_intact(self, entry: FileEntry) -> bool:
        # A crash during a commit leaves files in the note folder that no manifest names yet.
        # `file_from_object` has checked that the path is a plain name with the suffix of a media file.
        paths = [self.folder / entry.path]
        if self.published is not None:
            paths.append(self.published / entry.path)
        return any(digest(path, most=entry.size) == entry.sha256 for path in paths)
