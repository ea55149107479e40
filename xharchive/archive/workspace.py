"""Work folders of unfinished notes, and saved replies of notes, listings and short links."""

import asyncio
import hashlib
import json
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from xharchive.archive_path import PRIVATE, ArchivePath, makedirs, translate_os_errors, write_new
from xharchive.disk import atomic_write
from xharchive.manifest import FileEntry, file_as_object, file_from_object
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


class ReplyStore:
    """Hold the saved replies of one note (or listing, or short link).

    Args:
        folder: where new replies are saved.
        older: further folders to find replies in, after `folder`.

    Raises:
        ArchiveError: any method raises it if a reply cannot be read, written or moved.
    """

    def __init__(self, folder: ArchivePath, older: tuple[ArchivePath, ...] = ()) -> None:
        self.folder = folder
        self._older = older

    async def find(self, name: str) -> bytes | None:
        """Return a saved reply, None if there is none of this name."""
        return await asyncio.to_thread(self._find, name)

    def _find(self, name: str) -> bytes | None:
        for folder in (self.folder, *self._older):
            path = folder / f"{name}.json"
            with translate_os_errors(f"reading {path}"):
                try:
                    return path.read_bytes(LARGEST_SAVED_REPLY)
                except (FileNotFoundError, NotADirectoryError):
                    continue
        return None

    async def endpoints(self) -> frozenset[str]:
        """Return the names of the saved replies: endpoints, and `<endpoint>.2` and so on for newer ones."""
        with translate_os_errors("listing kept replies"):
            return await asyncio.to_thread(self._endpoints)

    def _endpoints(self) -> frozenset[str]:
        names = (name for folder in (self.folder, *self._older) for name in folder.entries())
        return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))

    @property
    def incoming(self) -> "ReplyStore":
        """The store for a newer reply of an endpoint, until it is known whether the reply has the note."""
        return ReplyStore(self.folder / "fresh")

    async def promote(self, endpoint: str) -> None:
        """Move an incoming reply beside the older ones, as `<endpoint>.2`, `.3` and so on."""
        names = await self.endpoints()
        number = next(number for number in count(2) if f"{endpoint}.{number}" not in names)
        with translate_os_errors("keeping a newer reply"):
            await asyncio.to_thread(self._move_incoming, endpoint, f"{endpoint}.{number}")

    def _move_incoming(self, endpoint: str, name: str) -> None:
        makedirs(self.folder, durable=True)
        (self.folder / "fresh" / f"{endpoint}.json").replace(self.folder / f"{name}.json")
        self.folder.sync()

    async def save(self, name: str, body: bytes) -> None:
        """Write a reply to disk and sync it."""
        with translate_os_errors("making the folder for replies"):
            await asyncio.to_thread(makedirs, self.folder, durable=True)
        await atomic_write(self.folder / f"{name}.json", body)

    async def delete(self, name: str) -> None:
        """Delete a body that turned out to be no reply (an error that is not billed), if it is there."""
        with translate_os_errors("removing a reply"):
            await asyncio.to_thread((self.folder / f"{name}.json").unlink, missing_ok=True)

    def set_aside(self, at: datetime) -> None:
        """Rename the folder of a finished listing, so that the next request starts at its first page."""
        with translate_os_errors("renaming the folder of a finished listing"):
            if self.folder.is_dir():
                self.folder.replace(self.folder.with_name(f"{self.folder.name}.{at:%Y%m%dT%H%M%S%f}"))
                self.folder.parent.sync()


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
    """The work folder of an unfinished note: saved replies, part files, and finished files until the commit.

    Each verified file has a small record beside it. A later run hashes the file again before it trusts the
    record. `published` is the note's own folder, if it has one.

    Raises:
        ArchiveError: any method raises it if a file cannot be read, renamed or written.
    """

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
        """Return whether this folder has a reply that the note's own folder does not have."""
        committed = (self.published or self.folder) / "replies"
        with translate_os_errors(f"looking for new replies in {self.replies}"):
            return any(
                digest(folder / name, most=LARGEST_SAVED_REPLY)
                != digest(committed / name, most=LARGEST_SAVED_REPLY)
                for folder in (self.replies, self.replies / "fresh")
                for name in folder.entries()
                if name.endswith(".json")
            )

    def prepare(self) -> None:
        """Create the folder. A symbolic link or a file in its place is an error."""
        with translate_os_errors(f"making the work folder {self.folder}"):
            makedirs(self.folder, durable=True)
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
        """
        await asyncio.get_running_loop().run_in_executor(threads, self._name_and_record, slot, made)

    def _name_and_record(self, slot: Slot, made: Sequence[tuple[ArchivePath, FileEntry]]) -> None:
        for source, entry in made:
            with translate_os_errors(f"naming {entry.path}"):
                source.replace(self.file(entry.path))
        self.record(slot, [entry for _, entry in made])

    def record(self, slot: Slot, entries: Sequence[FileEntry]) -> None:
        """Record the verified files of a slot. This blocks."""
        text = json.dumps([file_as_object(entry) for entry in entries], ensure_ascii=False)
        with translate_os_errors("writing a record"):
            write_new(self.folder / f"{slot}.done", text.encode(), mode=PRIVATE)

    async def leftovers(self, slots: Sequence[Slot]) -> Leftovers:
        """Return the verified files and part files that an earlier run left for these slots."""
        return await asyncio.to_thread(self._find_leftovers, slots)

    def _find_leftovers(self, slots: Sequence[Slot]) -> Leftovers:
        with translate_os_errors("reading a record"):
            names = self.folder.entries()
            written = [slot for slot in slots if f"{slot}.done" in names]
            done = {slot: entries for slot in written if (entries := self._read_record(slot))}
        begun = (slot for slot in slots if any(name.startswith(f"{slot}.part") for name in names))
        return Leftovers(done, frozenset(begun))

    def _read_record(self, slot: Slot) -> tuple[FileEntry, ...]:
        try:
            items = json.loads((self.folder / f"{slot}.done").read_bytes(_MAX_RECORD_BYTES))
            entries = tuple(map(file_from_object, items))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return ()
        return entries if all(entry.slot == slot and self._is_intact(entry) for entry in entries) else ()

    def _is_intact(self, entry: FileEntry) -> bool:
        # A crash during a commit leaves files in the note folder that no manifest names yet.
        # `file_from_object` has checked that the path is a plain name with the suffix of a media file.
        folders = (self.folder, self.published) if self.published else (self.folder,)
        return any(digest(folder / entry.path, most=entry.size) == entry.sha256 for folder in folders)
