"""Whether an archive is still what its manifests say, byte for byte; and what else lies in its folders."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from xharchive.archive import PosixStore, Published, readable
from xharchive.archive.other_files import NOTE_TEXT, foreign_in
from xharchive.archived_notes import Holdings
from xharchive.errors import NotPermitted
from xharchive.manifest import FILE_NAME, LOST, Manifest, ReplyEntry, Role
from xharchive.naming import note_id_in_path
from xharchive.note_md import is_current

__all__ = ["Checked", "Finding", "Foreign", "Kind", "accept_lost_replies", "inspect"]


class Kind(StrEnum):
    """What is damaged; it decides how it comes back."""

    ORIGINAL = "original"
    DERIVATIVE = "derivative"
    REPLY = "reply"
    TEXT = "text"
    MANIFEST = "manifest"
    CLOSED = "closed"
    """This user may not read it, so that nobody knows whether it is damaged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is damaged: the note folder, the file in it, a stable word, a sentence, and its kind."""

    folder: str
    path: str
    problem: str
    detail: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something in a note folder that is not the archive's; of a folder the path ends with a slash."""

    folder: str
    path: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A note folder that was looked at: how many of its files were hashed."""

    folder: str
    files: int


@dataclass(frozen=True, slots=True)
class _Named:
    """A file that a manifest names."""

    path: str
    size: int
    sha256: str
    kind: Kind


def inspect(store: PosixStore, holdings: Holdings) -> Iterator[Finding | Foreign | Checked]:
    """Hash every file of every note; yield what is damaged or foreign, then one `Checked` a folder.

    A folder without a manifest is a finding, unless a run is still at work on that note. While one is,
    neither its `note.md` nor files that the next manifest may name are judged.

    Raises:
        ArchiveError: a file is there and cannot be read.
    """
    unfinished = {note_id.text for note_id in store.unfinished()}
    for folder, published in holdings.published():
        yield from _inspect_folder(store, holdings, folder, published, unfinished)
    for folder in sorted(store.passed_over.misnamed):  # not used as a note, and still to be trusted
        published = holdings.read_if_permitted(folder)
        for result in _inspect_folder(store, holdings, folder, published, unfinished):
            yield replace(result, folder=readable(folder))


def _inspect_folder(
    store: PosixStore,
    holdings: Holdings,
    folder: str,
    published: Published | None,
    unfinished: Collection[str],
) -> Iterator[Finding | Foreign | Checked]:
    named = note_id_in_path(folder)
    if published is None:
        if named is not None and (reason := holdings.why_closed(named)):
            yield _closed(folder, FILE_NAME, reason)
        elif store.looks_like_note(folder) and (named is None or named.text not in unfinished):
            yield _of_manifest(folder, "no-manifest", "there is no manifest that can be read")
        return
    if named is not None and named != published.manifest.id:
        yield _of_manifest(folder, "wrong-note", "the manifest is of another note")
    yield from _files(store, published)
    if (named or published.manifest.id).text not in unfinished:
        yield from _text(store, published)
        yield from _foreign(store, published)
    yield Checked(folder, len(_named(published.manifest)))


def _of_manifest(folder: str, problem: str, detail: str) -> Finding:
    return Finding(folder, FILE_NAME, problem, detail, Kind.MANIFEST)


def _named(manifest: Manifest) -> list[_Named]:
    files = [
        _Named(
            entry.path,
            entry.size,
            entry.sha256,
            Kind.ORIGINAL if entry.role is Role.ORIGINAL else Kind.DERIVATIVE,
        )
        for entry in manifest.files
    ]
    return files + [
        _Named(reply.path, reply.size, reply.sha256, Kind.REPLY)
        for reply in manifest.replies
        if reply.outcome != LOST
    ]


def _files(store: PosixStore, published: Published) -> Iterator[Finding]:
    for named in _named(published.manifest):
        try:
            found = _damage(store, published.folder, named)
        except NotPermitted as problem:
            found = _closed(published.folder, named.path, str(problem))
        if found is not None:
            yield found


def _damage(store: PosixStore, folder: str, named: _Named) -> Finding | None:
    path, size = named.path, named.size
    if not store.is_file(folder, path):
        return Finding(folder, path, "missing", "the file is not there", named.kind)
    if not store.is_there(folder, path, size):
        return Finding(folder, path, "size", f"it does not have the {size} bytes it had", named.kind)
    if store.digest(folder, path, size) != named.sha256:
        detail = "its bytes are not those that were archived"
        return Finding(folder, path, "sha256", detail, named.kind)
    return None


def _text(store: PosixStore, published: Published) -> Iterator[Finding]:
    try:
        if not is_current(store, published):
            detail = "it is missing, or differs from what the manifest says"
            yield Finding(published.folder, NOTE_TEXT, "text-differs", detail, Kind.TEXT)
    except NotPermitted as problem:
        yield _closed(published.folder, NOTE_TEXT, str(problem))


def _foreign(store: PosixStore, published: Published) -> Iterator[Finding | Foreign]:
    folder = published.folder
    try:
        paths = foreign_in(store.note_folder(folder), published.manifest)
    except NotPermitted as problem:
        yield _closed(folder, ".", str(problem))
        return
    yield from (Foreign(folder, path) for path in paths)


def _closed(folder: str, path: str, reason: str) -> Finding:
    return Finding(folder, path, "unreadable", reason, Kind.CLOSED)


def accept_lost_replies(store: PosixStore, holdings: Holdings) -> int:
    """Record each kept reply that is missing or damaged as lost in its note's manifest; return how many.

    The store's lock is held. The files stay as they are, and nothing is asked or paid. Notes that a run is at
    work on are left to it, and so are replies that this user may not read: they may be whole.

    Raises:
        ArchiveError: a reply cannot be read, or a manifest cannot be written.
    """
    accepted = 0
    unfinished = {note_id.text for note_id in store.unfinished()}
    for folder, published in holdings.published():
        if published is None or note_id_in_path(folder) not in (None, published.manifest.id):
            continue
        manifest = published.manifest
        lost = {reply.path for reply in manifest.replies if _is_lost(store, folder, reply)}
        if lost and manifest.id.text not in unfinished:
            replies = tuple(
                replace(reply, outcome=LOST) if reply.path in lost else reply for reply in manifest.replies
            )
            holdings.add(store.write_manifest(folder, replace(manifest, replies=replies)))
            accepted += len(lost)
    return accepted


def _is_lost(store: PosixStore, folder: str, reply: ReplyEntry) -> bool:
    if reply.outcome == LOST:
        return False
    try:
        return store.digest(folder, reply.path, reply.size) != reply.sha256
    except NotPermitted:
        return False
