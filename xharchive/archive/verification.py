"""Verify an archive against its manifests, byte for byte, and list unexpected files."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from xharchive.archive.archive import Archive
from xharchive.archive.note_folders import NoteFolders
from xharchive.archive.note_md import NOTE_MD, is_current
from xharchive.archive.storage import PublishedNote, display_path, try_read
from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.errors import PermissionDenied
from xharchive.manifest import FILE_NAME, LOST_REPLY, FileEntry, Manifest, ReplyEntry
from xharchive.models import NoteId
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


_Result: TypeAlias = Finding | UnexpectedFile | CheckedFolder


def verify(archive: Archive) -> Iterator[_Result]:
    """Hash the files of all notes; yield damage and unexpected files, then a `CheckedFolder` for each folder.

    A folder without a manifest is a finding, unless the note has a work folder. While it has one, neither
    `note.md` nor unexpected files are checked, since the next manifest may list them.

    Raises:
        ArchiveError: a file exists and cannot be read.
    """
    folders, in_work = archive.folders, frozenset(archive.unfinished())
    for folder, published, reason in folders.published():
        yield from _check_folder(folders, folder, published, reason, in_work)
    for folder in sorted(archive.skipped.not_utf8):  # not used as notes, but checked all the same
        published, reason = try_read(folders, folder, of_note=note_id_from_path(folder) is not None)
        for result in _check_folder(folders, folder, published, reason, in_work):
            yield replace(result, folder=display_path(folder))


def _check_folder(
    folders: NoteFolders,
    folder: str,
    published: PublishedNote | None,
    reason: str,
    in_work: Collection[NoteId],
) -> Iterator[_Result]:
    """Yield the findings in a folder, and that it was checked.

    Args:
        published: its manifest; None: missing or damaged.
        reason: why this user may not read the manifest, or "".
    """
    named = note_id_from_path(folder)
    if published is None:
        if named is not None and reason:
            yield Finding(folder, FILE_NAME, "unreadable", reason, FindingKind.CLOSED)
        elif folders.looks_like_note(folder) and named not in in_work:
            detail = "there is no manifest that can be read"
            yield Finding(folder, FILE_NAME, "no-manifest", detail, FindingKind.MANIFEST)
        return
    manifest = published.manifest
    if named is not None and named != manifest.id:
        detail = "the manifest is of another note"
        yield Finding(folder, FILE_NAME, "wrong-note", detail, FindingKind.MANIFEST)
    files: list[tuple[FileEntry | ReplyEntry, FindingKind]] = []
    files += [(entry, FindingKind(entry.role.value)) for entry in manifest.files]
    files += [(reply, FindingKind.REPLY) for reply in manifest.replies if reply.outcome != LOST_REPLY]
    for file, kind in files:
        yield from _readable(folder, file.path, _check_file(folders, folder, file, kind))
    if (named or manifest.id) not in in_work:
        yield from _readable(folder, NOTE_MD, _check_note_md(folders, folder, manifest))
        yield from _readable(folder, ".", _find_unexpected(folders, folder, manifest))
    yield CheckedFolder(folder, len(files))


def _readable(folder: str, path: str, results: Iterator[_Result]) -> Iterator[_Result]:
    """Yield the results, or a finding if this user may not read the file."""
    try:
        yield from results
    except PermissionDenied as problem:
        yield Finding(folder, path, "unreadable", str(problem), FindingKind.CLOSED)


def _check_file(
    folders: NoteFolders, folder: str, file: FileEntry | ReplyEntry, kind: FindingKind
) -> Iterator[_Result]:
    if not folders.is_file(folder, file.path):
        yield Finding(folder, file.path, "missing", "the file is not there", kind)
    elif not folders.has_files(folder, ((file.path, file.size),)):
        yield Finding(folder, file.path, "size", f"it does not have the {file.size} bytes it had", kind)
    elif folders.digest(folder, file.path, file.size) != file.sha256:
        yield Finding(folder, file.path, "sha256", "its bytes are not those that were archived", kind)


def _check_note_md(folders: NoteFolders, folder: str, manifest: Manifest) -> Iterator[_Result]:
    if not is_current(folders.path(folder), manifest):
        detail = "it is missing, or differs from what the manifest says"
        yield Finding(folder, NOTE_MD, "text-differs", detail, FindingKind.TEXT)


def _find_unexpected(folders: NoteFolders, folder: str, manifest: Manifest) -> Iterator[_Result]:
    for path in unexpected_files(folders.path(folder), manifest):
        yield UnexpectedFile(folder, path)


def unexpected_files(folder: ArchivePath, manifest: Manifest) -> list[str]:
    """Return the paths in a note folder that are not the archive's, relative to the folder.

    A folder is returned as its name with a slash, without its content: a NAS or the user may keep many files
    there.
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
