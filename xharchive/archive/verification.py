"""Verify an archive against its manifests, byte for byte, and list unexpected files."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from xharchive.archive.archive import Archive
from xharchive.archive.note_folders import NoteFolders
from xharchive.archive.note_md import NOTE_MD, is_current
from xharchive.archive.storage import PublishedNote, display_path, try_read
from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.manifest import FILE_NAME, LOST_REPLY, Manifest, ReplyEntry, Role
from xharchive.naming import note_id_from_path

_UNLISTED = frozenset((FILE_NAME, NOTE_MD, "index.html"))
"""Files of this program that a manifest does not list."""
_REPLIES = "replies"


class FindingKind(StrEnum):
    """The kind of thing that is damaged, which decides how it can be restored."""

    ORIGINAL = "original"
    DERIVATIVE = "derivative"
    REPLY = "reply"
    TEXT = "text"
    MANIFEST = "manifest"
    CLOSED = "closed"
    """This user may not read it, so it was not checked."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is damaged.

    Attributes:
        folder: the note folder.
        path: the file in it.
        problem: a stable identifier of the damage, for programs.
        detail: the same as a sentence.
    """

    folder: str
    path: str
    problem: str
    detail: str
    kind: FindingKind


@dataclass(frozen=True, slots=True)
class UnexpectedFile:
    """Something in a note folder that is not the archive's. The path of a folder ends with a slash."""

    folder: str
    path: str


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """A note folder that was checked, and how many of its files were hashed."""

    folder: str
    files: int


@dataclass(frozen=True, slots=True)
class _NamedFile:
    """A file that a manifest lists."""

    path: str
    size: int
    sha256: str
    kind: FindingKind


def verify(archive: Archive) -> Iterator[Finding | UnexpectedFile | CheckedFolder]:
    """Hash the files of all notes; yield damage and unexpected files, then a `CheckedFolder` for each folder.

    A folder without a manifest is a finding, unless the note has a work folder. While it has one, neither
    `note.md` nor unexpected files are checked, since the next manifest may list them.

    Raises:
        ArchiveError: a file exists and cannot be read.
    """
    check = _Verification(archive)
    for folder, published, reason in archive.folders.published():
        yield from check.folder(folder, published, reason)
    for folder in sorted(archive.skipped.not_utf8):  # not used as notes, but checked all the same
        of_note = note_id_from_path(folder) is not None
        for result in check.folder(folder, *try_read(archive.folders, folder, of_note=of_note)):
            yield replace(result, folder=display_path(folder))


class _Verification:
    """Checks note folders."""

    def __init__(self, archive: Archive) -> None:
        self._folders = archive.folders
        self._in_work = frozenset(archive.unfinished())

    def folder(
        self, folder: str, published: PublishedNote | None, reason: str
    ) -> Iterator[Finding | UnexpectedFile | CheckedFolder]:
        """Yield the findings in a folder, and that it was checked.

        Args:
            published: its manifest; None: missing or damaged.
            reason: why this user may not read the manifest, or "".
        """
        named = note_id_from_path(folder)
        if published is None:
            if named is not None and reason:
                yield _no_access_finding(folder, FILE_NAME, reason)
            elif self._folders.looks_like_note(folder) and named not in self._in_work:
                yield _manifest_finding(folder, "no-manifest", "there is no manifest that can be read")
            return
        if named is not None and named != published.manifest.id:
            yield _manifest_finding(folder, "wrong-note", "the manifest is of another note")
        files = _named_files(published.manifest)
        for file in files:
            try:
                found = self._check_file(folder, file)
            except PermissionDenied as problem:
                found = _no_access_finding(folder, file.path, str(problem))
            if found is not None:
                yield found
        if (named or published.manifest.id) not in self._in_work:
            yield from self._check_note_md(published)
            yield from self._find_unexpected(published)
        yield CheckedFolder(folder, len(files))

    def _check_file(self, folder: str, file: _NamedFile) -> Finding | None:
        path, size = file.path, file.size
        if not self._folders.is_file(folder, path):
            return Finding(folder, path, "missing", "the file is not there", file.kind)
        if not self._folders.has_files(folder, ((path, size),)):
            return Finding(folder, path, "size", f"it does not have the {size} bytes it had", file.kind)
        if self._folders.digest(folder, path, size) != file.sha256:
            detail = "its bytes are not those that were archived"
            return Finding(folder, path, "sha256", detail, file.kind)
        return None

    def _check_note_md(self, published: PublishedNote) -> Iterator[Finding]:
        try:
            if not is_current(self._folders.path(published.folder), published.manifest):
                detail = "it is missing, or differs from what the manifest says"
                yield Finding(published.folder, NOTE_MD, "text-differs", detail, FindingKind.TEXT)
        except PermissionDenied as problem:
            yield _no_access_finding(published.folder, NOTE_MD, str(problem))

    def _find_unexpected(self, published: PublishedNote) -> Iterator[Finding | UnexpectedFile]:
        folder = published.folder
        try:
            paths = unexpected_files(self._folders.path(folder), published.manifest)
        except PermissionDenied as problem:
            yield _no_access_finding(folder, ".", str(problem))
            return
        yield from (UnexpectedFile(folder, path) for path in paths)


def _manifest_finding(folder: str, problem: str, detail: str) -> Finding:
    return Finding(folder, FILE_NAME, problem, detail, FindingKind.MANIFEST)


def _no_access_finding(folder: str, path: str, reason: str) -> Finding:
    return Finding(folder, path, "unreadable", reason, FindingKind.CLOSED)


def _named_files(manifest: Manifest) -> list[_NamedFile]:
    files = [
        _NamedFile(
            entry.path,
            entry.size,
            entry.sha256,
            FindingKind.ORIGINAL if entry.role is Role.ORIGINAL else FindingKind.DERIVATIVE,
        )
        for entry in manifest.files
    ]
    return files + [
        _NamedFile(reply.path, reply.size, reply.sha256, FindingKind.REPLY)
        for reply in manifest.replies
        if reply.outcome != LOST_REPLY
    ]


def unexpected_files(folder: ArchivePath, manifest: Manifest) -> list[str]:
    """Return the paths in a note folder that are not the archive's, relative to the folder.

    A folder is returned as its name with a slash, without its content: a NAS or the user may keep many files
    there.

    Raises:
        ArchiveError: the folder cannot be listed.
    """
    named = {entry.path for entry in manifest.files} | {reply.path for reply in manifest.replies}
    with translate_os_errors(f"listing {folder}"):
        found = _names_in(folder)
        if f"{_REPLIES}/" in found:
            found.remove(f"{_REPLIES}/")
            found |= {f"{_REPLIES}/{name}" for name in _names_in(folder / _REPLIES)}
    return sorted(found - named - _UNLISTED)


def _names_in(folder: ArchivePath) -> set[str]:
    """Return the names in a folder; the names of real folders end with a slash."""
    folders = set(folder.folders())
    return {f"{name}/" if name in folders else name for name in folder.entries()}


def accept_lost_replies(archive: Archive) -> int:
    """Record each saved reply that is missing or damaged as lost in its manifest; return their number.

    The archive is open and locked. This changes no other file and makes no call. It skips notes that have a
    work folder, and replies that this user may not read, since they may be intact.

    Raises:
        ArchiveError: a reply cannot be read, or a manifest cannot be written.
    """
    accepted = 0
    in_work = frozenset(archive.unfinished())
    for folder, published, _ in archive.folders.published():
        if published is None or note_id_from_path(folder) not in (None, published.manifest.id):
            continue
        manifest = published.manifest
        lost = {reply.path for reply in manifest.replies if _is_lost(archive.folders, folder, reply)}
        if lost and manifest.id not in in_work:
            replies = tuple(
                replace(reply, outcome=LOST_REPLY) if reply.path in lost else reply
                for reply in manifest.replies
            )
            archive.add(archive.folders.write_manifest(folder, replace(manifest, replies=replies)))
            accepted += len(lost)
    return accepted


def _is_lost(folders: NoteFolders, folder: str, reply: ReplyEntry) -> bool:
    if reply.outcome == LOST_REPLY:
        return False
    try:
        return folders.digest(folder, reply.path, reply.size) != reply.sha256
    except PermissionDenied:
        return False
