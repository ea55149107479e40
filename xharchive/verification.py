"""Verify an archive against its manifests, byte for byte, and list unexpected files."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from xharchive.archive import ArchiveFolder, PublishedNote, display_path
from xharchive.archive.unexpected_files import unexpected_files
from xharchive.archived_notes import ArchivedNotes
from xharchive.errors import PermissionDenied
from xharchive.manifest import FILE_NAME, LOST_REPLY, Manifest, ReplyEntry, Role
from xharchive.naming import note_id_from_path
from xharchive.note_markdown import NOTE_MD, is_current

__all__ = ["CheckedFolder", "Finding", "FindingKind", "UnexpectedFile", "accept_lost_replies", "verify"]


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


def verify(
    store: ArchiveFolder, holdings: ArchivedNotes
) -> Iterator[Finding | UnexpectedFile | CheckedFolder]:
    """Hash the files of all notes; yield damage and unexpected files, then a `CheckedFolder` for each folder.

    A folder without a manifest is a finding, unless the note has a work folder. While it has one, neither
    `note.md` nor unexpected files are checked, since the next manifest may list them.

    Raises:
        ArchiveError: a file exists and cannot be read.
    """
    unfinished = {note_id.text for note_id in store.unfinished()}
    for folder, published in holdings.published():
        yield from _inspect_folder(store, holdings, folder, published, unfinished)
    for folder in sorted(store.skipped.not_utf8):  # not used as notes, but checked all the same
        published = holdings.read_if_permitted(folder)
        for result in _inspect_folder(store, holdings, folder, published, unfinished):
            yield replace(result, folder=display_path(folder))


def _inspect_folder(
    store: ArchiveFolder,
    holdings: ArchivedNotes,
    folder: str,
    published: PublishedNote | None,
    unfinished: Collection[str],
) -> Iterator[Finding | UnexpectedFile | CheckedFolder]:
    named = note_id_from_path(folder)
    if published is None:
        if named is not None and (reason := holdings.no_access_reason(named)):
            yield _no_access_finding(folder, FILE_NAME, reason)
        elif store.looks_like_note(folder) and (named is None or named.text not in unfinished):
            yield _manifest_finding(folder, "no-manifest", "there is no manifest that can be read")
        return
    if named is not None and named != published.manifest.id:
        yield _manifest_finding(folder, "wrong-note", "the manifest is of another note")
    yield from _check_files(store, published)
    if (named or published.manifest.id).text not in unfinished:
        yield from _check_note_md(store, published)
        yield from _find_unexpected(store, published)
    yield CheckedFolder(folder, len(_named_files(published.manifest)))


def _manifest_finding(folder: str, problem: str, detail: str) -> Finding:
    return Finding(folder, FILE_NAME, problem, detail, FindingKind.MANIFEST)


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


def _check_files(store: ArchiveFolder, published: PublishedNote) -> Iterator[Finding]:
    for named in _named_files(published.manifest):
        try:
            found = _check_file(store, published.folder, named)
        except PermissionDenied as problem:
            found = _no_access_finding(published.folder, named.path, str(problem))
        if found is not None:
            yield found


def _check_file(store: ArchiveFolder, folder: str, named: _NamedFile) -> Finding | None:
    path, size = named.path, named.size
    if not store.is_file(folder, path):
        return Finding(folder, path, "missing", "the file is not there", named.kind)
    if not store.has_file(folder, path, size):
        return Finding(folder, path, "size", f"it does not have the {size} bytes it had", named.kind)
    if store.digest(folder, path, size) != named.sha256:
        detail = "its bytes are not those that were archived"
        return Finding(folder, path, "sha256", detail, named.kind)
    return None


def _check_note_md(store: ArchiveFolder, published: PublishedNote) -> Iterator[Finding]:
    try:
        if not is_current(store.note_folder(published.folder), published.manifest):
            detail = "it is missing, or differs from what the manifest says"
            yield Finding(published.folder, NOTE_MD, "text-differs", detail, FindingKind.TEXT)
    except PermissionDenied as problem:
        yield _no_access_finding(published.folder, NOTE_MD, str(problem))


def _find_unexpected(store: ArchiveFolder, published: PublishedNote) -> Iterator[Finding | UnexpectedFile]:
    folder = published.folder
    try:
        paths = unexpected_files(store.note_folder(folder), published.manifest)
    except PermissionDenied as problem:
        yield _no_access_finding(folder, ".", str(problem))
        return
    yield from (UnexpectedFile(folder, path) for path in paths)


def _no_access_finding(folder: str, path: str, reason: str) -> Finding:
    return Finding(folder, path, "unreadable", reason, FindingKind.CLOSED)


def accept_lost_replies(store: ArchiveFolder, holdings: ArchivedNotes) -> int:
    """Record each saved reply that is missing or damaged as lost in its manifest; return their number.

    The caller holds the archive's lock. This changes no other file and makes no call. It skips notes that
    have a work folder, and replies that this user may not read, since they may be intact.

    Raises:
        ArchiveError: a reply cannot be read, or a manifest cannot be written.
    """
    accepted = 0
    unfinished = {note_id.text for note_id in store.unfinished()}
    for folder, published in holdings.published():
        if published is None or note_id_from_path(folder) not in (None, published.manifest.id):
            continue
        manifest = published.manifest
        lost = {reply.path for reply in manifest.replies if _is_lost(store, folder, reply)}
        if lost and manifest.id.text not in unfinished:
            replies = tuple(
                replace(reply, outcome=LOST_REPLY) if reply.path in lost else reply
                for reply in manifest.replies
            )
            holdings.add(store.write_manifest(folder, replace(manifest, replies=replies)))
            accepted += len(lost)
    return accepted


def _is_lost(store: ArchiveFolder, folder: str, reply: ReplyEntry) -> bool:
    if reply.outcome == LOST_REPLY:
        return False
    try:
        return store.digest(folder, reply.path, reply.size) != reply.sha256
    except PermissionDenied:
        return False
