"""An archive as a folder on a local disk: a folder for each note, `.xharchive/` for state."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from xharchive.archive.folder_search import FolderSearch, PassedOver, readable, stamp_of
from xharchive.archive.lock import hold
from xharchive.archive.other_files import NOTE_TEXT
from xharchive.archive.pending_list import Wanted
from xharchive.archive.workspace import Workspace, copy_replies, digest, move_in
from xharchive.archive_path import ArchivePath, are_files_there, status_by_path
from xharchive.disk import free_bytes, make_folders, ours, replace_whole
from xharchive.errors import ArchiveError, NotPermitted
from xharchive.manifest import FILE_NAME, LARGEST, Manifest, ManifestError, NewerManifest, parse, to_json
from xharchive.models import LARGEST_KEPT_REPLY, NoteId
from xharchive.naming import is_note_place, note_id_in_path

__all__ = ["Commit", "PosixStore", "Published"]

_STATE = ".xharchive"


@dataclass(frozen=True, slots=True)
class Commit:
    """What to publish: the manifest, the note as readable text, and the files' mtime (Unix seconds).

    `replaced` are files of the note's older manifest that the new one has others for: they are removed.
    """

    manifest: Manifest
    text: str
    mtime: float
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """A note folder with a readable manifest; `stamp` changes whenever the manifest does."""

    folder: str
    manifest: Manifest
    stamp: str


class PosixStore:
    """The archive under `root`. Its methods block: call the long ones off the loop.

    Attributes:
        passed_over: folders that searches found and did not use as notes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = ArchivePath(root)
        self._within = os.path.join(root, "")  # noqa: PTH118 - a text: a Path a file is slow where there are many
        self.state = self.folder / _STATE
        self.ledger = self.state / "ledger.jsonl"
        self.catalog = self.state / "catalog.sqlite3"
        self.wanted = Wanted(self.state / "wanted.txt")
        self.caution = ""
        self.passed_over = PassedOver()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the archive's lock, making the archive if there is none.

        Where the file system has no locks, `caution` then says what to warn the user of.

        Raises:
            ArchiveError: another process holds it (its sentence says who), or the disk would not.
        """
        with ours(f"making {self.state}"):
            make_folders(self.state)
        with hold(self.state, self.root) as self.caution:
            with ours(f"opening the archive {self.root}"):
                self.state.sync()  # a killed run may have named what paid replies lie in, and no more
                self.folder.sync()
            yield

    @property
    def exists(self) -> bool:
        """Whether there is an archive here: our own folder, or note folders that were copied without it.

        Raises:
            ArchiveError: the folder cannot be looked into.
        """
        # A link there is refused by whoever enters it, and is no reason to say that there is none.
        with ours(f"looking into {self.root}"):
            if self.state.exists():
                return True
            if not self.root.is_dir():
                return False
        return any(self._may_be_note(folder, stamp) for folder, stamp in self.folders_and_stamps())

    def _may_be_note(self, folder: str, stamp: str) -> bool:
        """Whether the folder that a search found holds a note, or may not be looked into."""
        try:
            return bool(self.read(folder) if stamp else self.stamp(folder))
        except NotPermitted:
            return True

    def check_room(self, needed: int) -> None:
        """Look whether the disk has room for so many bytes more, before the first of them travels.

        Raises:
            ArchiveError: it has not, or it does not say.
        """
        with ours("asking the disk for its free space"):
            free = free_bytes(self.folder)
        if needed > free:
            raise ArchiveError(
                f"the disk of {self.root} has {free:,} bytes free, and the next note declares {needed:,}; "
                "free some space and run again"
            )

    def workspace(self, note_id: NoteId, folder: str | None) -> Workspace:
        """The work folder of a note; `folder` is the note's own folder, if it has one or will have."""
        published = self.note_folder(folder) if folder else None
        return Workspace(self.state / "work" / note_id.text, published)

    def link(self, key: str) -> ArchivePath:
        """Return where it is kept what a short link leads to; `key` is a plain word.

        Raises:
            ArchiveError: a link or a file stands in the place of the folder.
        """
        return self._own("links", key)

    def _own(self, kind: str, key: str) -> ArchivePath:
        """Return a folder of ours, before anything is paid for that could not be kept there."""
        with ours(f"looking into {self.state / kind}"):
            (self.state / kind / key).check_folders()
        return self.state / kind / key

    def listing(self, key: str) -> ArchivePath:
        """Return where the pages of a listing are kept while it goes on; `key` is a plain word.

        Raises:
            ArchiveError: a link or a file stands in the place of the folder.
        """
        return self._own("listings", key)

    def finish_listing(self, key: str, at: datetime) -> None:
        """Put the pages of a listing that came to its end aside: asked again, it begins anew.

        Raises:
            ArchiveError: the disk would not.
        """
        source = self.listing(key)
        with ours("putting a finished listing aside"):
            if source.is_dir():
                source.replace(source.with_name(f"{key}.{at:%Y%m%dT%H%M%S%f}"))
                source.parent.sync()

    def unfinished(self) -> Iterator[NoteId]:
        """Yield the notes that have a work folder.

        Raises:
            ArchiveError: the work folder cannot be listed.
        """
        work = self.state / "work"
        with ours(f"listing the work folder {work}"):
            names = work.entries()
        for name in names:
            with contextlib.suppress(ValueError):
                yield NoteId(name)

    def has_new_replies(self, note_id: NoteId, folder: str) -> bool:
        """Whether a reply lies in the note's work folder that its own folder does not have.

        Raises:
            ArchiveError: they cannot be read.
        """
        work = self.state / "work" / note_id.text / "replies"
        kept = self.note_folder(folder) / "replies"
        with ours(f"looking for new replies in {work}"):
            found = [place / name for place in (work, work / "fresh") for name in place.entries()]
            return any(
                digest(path, most=LARGEST_KEPT_REPLY) != digest(kept / path.name, most=LARGEST_KEPT_REPLY)
                for path in found
                if path.suffix == ".json"
            )

    def sweep(self, note_id: NoteId) -> None:
        """Remove the work folder of a note, as far as the disk lets us: what stays is in nobody's way."""
        (self.state / "work" / note_id.text).remove_tree()

    def folders(self) -> Iterator[str]:
        """Yield the paths of all folders that could be notes, such as "x_<id>" or "travel/Shanghai".

        Raises:
            ArchiveError: the archive cannot be listed.
        """
        return (folder for folder, _ in self.folders_and_stamps())

    def folders_and_stamps(self) -> Iterator[tuple[str, str]]:
        """Yield what `folders` does, each with its manifest's stamp, "" for what has a note id in its name.

        Folders that could be notes and are not used are added to `passed_over`.

        Raises:
            ArchiveError: the archive cannot be listed.
        """
        with ours(f"listing the archive {self.root}"):
            yield from FolderSearch(self.folder, self.passed_over).run()

    def note_folder(self, folder: str) -> ArchivePath:
        """Return a note's folder by its path in the archive.

        Raises:
            UnsafeName: a part of it is no plain name.
        """
        return self.folder.joined(folder)

    @property
    def place(self) -> str:
        """Return a text that another archive does not have, nor a copy of this one.

        Raises:
            ArchiveError: the archive cannot be looked into.
        """
        with ours(f"looking at {self.root}"):
            found = [folder.lstat() for folder in (self.folder, self.state)]
        return " ".join(f"{each.st_dev}:{each.st_ino}" for each in found)

    def has_folder(self, folder: str) -> bool:
        """Whether a real folder of this name is there.

        Raises:
            ArchiveError: the archive cannot be looked into.
        """
        found = self._look_at(folder, folder) if is_note_place(folder) else None
        return found is not None and stat.S_ISDIR(found.st_mode)

    def looks_like_note(self, folder: str) -> bool:
        """Whether a folder is a note's though its manifest may be damaged: by its name, or by kept replies.

        Raises:
            ArchiveError: the archive cannot be looked into.
        """
        if note_id_in_path(folder) is not None:
            return True
        found = self._look_at(folder, f"{folder}/replies")
        return found is not None and stat.S_ISDIR(found.st_mode)

    def stamp(self, folder: str) -> str:
        """Return a text that changes whenever the folder's manifest does, "" if there is none.

        Raises:
            ArchiveError: the folder cannot be looked into.
        """
        found = self._plain_file(folder, FILE_NAME)
        return stamp_of(found)

    def _plain_file(self, folder: str, path: str) -> os.stat_result | None:
        found = self._look_at(folder, f"{folder}/{path}")
        return found if found is not None and stat.S_ISREG(found.st_mode) else None

    def _look_at(self, folder: str, path: str) -> os.stat_result | None:
        try:
            return status_by_path(self._within + path)
        except OSError:
            with ours(f"looking into {self.note_folder(folder)}"):
                raise

    def read(self, folder: str, *, of_note: bool = False) -> Published | None:
        """Return a note folder's manifest, or None where there is none that can be read.

        A `manifest.json` that may not be read, or has a newer schema, is an error where the folder has a note
        id in its name. Elsewhere it may be another program's, which is none of our business.

        Args:
            of_note: a note is known to lie in the folder: a manifest that may not be read is an error.

        Raises:
            NotPermitted: this user may not read the manifest.
            ArchiveError: the manifest is there and the disk does not give it.
        """
        is_named = note_id_in_path(folder) is not None
        found = self._plain_file(folder, FILE_NAME)
        if found is None or found.st_size > LARGEST:
            return None
        stamp = stamp_of(found)
        place = self.note_folder(folder)
        with ours(f"reading the manifest of {readable(str(place))}"):
            try:
                content = (place / FILE_NAME).read_bytes(LARGEST)
            except PermissionError:
                if is_named or of_note:
                    raise
                self.passed_over.closed.add(folder)
                return None
        try:
            return Published(folder, parse(content), stamp)
        except NewerManifest as newer:
            if not (is_named or newer.is_signed):
                return None
            raise ArchiveError(
                f"{folder}: its manifest was written by a newer xharchive; use that one, nothing was touched"
            ) from None
        except ManifestError:
            return None

    def is_there(self, folder: str, path: str, size: int) -> bool:
        """Whether a plain file of exactly this size lies in the note folder (links do not count).

        Raises:
            ArchiveError: the folder cannot be looked into.
        """
        return self.are_there(folder, ((path, size),))

    def are_there(self, folder: str, files: Iterable[tuple[str, int]]) -> bool:
        """Whether `is_there` holds for all of these paths and sizes.

        Raises:
            ArchiveError: the folder cannot be looked into.
        """
        try:
            return are_files_there(self._within + folder, files)
        except OSError:
            with ours(f"looking into {self.note_folder(folder)}"):
                raise

    def is_file(self, folder: str, path: str) -> bool:
        """Whether a plain file of any size lies in the note folder (links do not count).

        Raises:
            ArchiveError: the folder cannot be looked into.
        """
        return self._plain_file(folder, path) is not None

    def commit(self, folder: str, workspace: Workspace, commit: Commit) -> Published:
        """Publish a note: files, text and replies first, all fsynced, the manifest last; then tidy up.

        Killed in between, the workspace still holds replies and records, and the next run goes on from there.

        Raises:
            ArchiveError: the disk would not, something else stands where the folder should be, or a file that
                the manifest names is nowhere.
        """
        target = self.note_folder(folder)
        with ours(f"writing the folder {target}"):
            target.mkdir()
            for entry in commit.manifest.files:
                move_in(workspace.file(entry.path), target / entry.path, commit.mtime)
            copy_replies(workspace.replies, target / "replies", [r.path for r in commit.manifest.replies])
            self._check_all_there(folder, commit.manifest)
            replace_whole(target / NOTE_TEXT, commit.text.encode(), commit.mtime)
            target.sync()
            replace_whole(target / FILE_NAME, to_json(commit.manifest).encode())
            target.sync()
            target.parent.sync()
            for path in commit.replaced:
                (target / path).unlink(missing_ok=True)
            workspace.folder.remove_tree()
        return Published(folder, commit.manifest, self.stamp(folder))

    def _check_all_there(self, folder: str, manifest: Manifest) -> None:
        """A manifest never names what is not there, should somebody have removed a file meanwhile."""
        named = [(entry.path, entry.size) for entry in manifest.files]
        named += [(reply.path, reply.size) for reply in manifest.replies]
        for path, size in named:
            if not self.is_there(folder, path, size):
                raise ArchiveError(f"{folder}/{path} vanished before the commit; run again")

    def write_manifest(self, folder: str, manifest: Manifest) -> Published:
        """Replace the manifest of a note whose files stay as they are.

        Raises:
            ArchiveError: it cannot be written.
        """
        target = self.note_folder(folder)
        with ours(f"writing the manifest of {target}"):
            replace_whole(target / FILE_NAME, to_json(manifest).encode())
            target.sync()
        return Published(folder, manifest, self.stamp(folder))

    def digest(self, folder: str, path: str, size: int) -> str | None:
        """Return the SHA-256 of a plain file in a note folder, or None if there is none of at most this size.

        Raises:
            ArchiveError: it cannot be read.
        """
        place = self.note_folder(folder)
        with ours(f"reading {place}/{path}"):
            return digest(place.joined(path), most=size)
