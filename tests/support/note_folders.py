"""Archives of a few notes on a real disk, made through the store itself."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from xharchive.archive import ArchiveFolder, Commit, PublishedNote, Workspace
from xharchive.manifest import FileEntry, Manifest, MissingAsset, ReplyEntry, Role, State, note_as_json
from xharchive.media import AssetKind
from xharchive.models import Author, Note, NoteId, NoteType, Quality, Slot
from xharchive.naming import folder_name
from xharchive.note_markdown import note_text

__all__ = [
    "MOMENT",
    "commit_note",
    "gap",
    "manifest_of",
    "note_id",
    "opened_store",
    "prepare",
    "sha256",
    "tree",
]

MOMENT = datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC)
FILES: Mapping[str, bytes] = {"01.heic": b"first picture", "02.webp": b"second"}
REPLIES: Mapping[str, bytes] = {"note-detail-v1": b'{"code":0}'}


def note_id(number: int) -> NoteId:
    """The id of the n-th note of a test."""
    return NoteId(f"69aed4e2{number:016x}")


def sha256(content: bytes) -> str:
    """A digest as manifests have it."""
    return hashlib.sha256(content).hexdigest()


def gap(position: int = 9) -> MissingAsset:
    """A picture that could not be had."""
    return MissingAsset(Slot(AssetKind.IMAGE, position), Role.ORIGINAL, "not-found", "every address said 404")


def manifest_of(
    note: NoteId,
    files: Mapping[str, bytes] = FILES,
    *,
    replies: Mapping[str, bytes] = REPLIES,
    title: str = "A title",
    gaps: Sequence[MissingAsset] = (),
) -> Manifest:
    """The manifest of an image note with exactly these files and replies."""
    details = Note(note, NoteType.IMAGE, ("note-detail-v1",), title=title, author=Author("a1", "An author"))
    return Manifest(
        note,
        State.PARTIAL if gaps else State.COMPLETE,
        note_as_json(details),
        tuple(_entry(place, path, content) for place, (path, content) in enumerate(files.items(), 1)),
        tuple(gaps),
        tuple(
            ReplyEntry(name, f"replies/{name}.json", len(body), sha256(body), "note")
            for name, body in replies.items()
        ),
        MOMENT,
    )


def _entry(place: int, path: str, content: bytes) -> FileEntry:
    return FileEntry(
        path=path,
        role=Role.ORIGINAL,
        slot=Slot(AssetKind.IMAGE, place),
        size=len(content),
        sha256=sha256(content),
        media_type="image/heic",
        quality=Quality.ORIGINAL,
        host="ci.xiaohongshu.com",
        url_path=f"/{path}",
        endpoint="note-detail-v1",
        fetched=MOMENT,
        checks=("length", "structure"),
    )


def opened_store(root: Path) -> ArchiveFolder:
    """A store whose archive has begun."""
    store = ArchiveFolder(root)
    with store.held():
        return store


def prepare(
    store: ArchiveFolder,
    note: NoteId,
    files: Mapping[str, bytes] = FILES,
    replies: Mapping[str, bytes] = REPLIES,
) -> Workspace:
    """Lay out a work folder as a run leaves it before the commit."""
    workspace = store.workspace(note, None)
    workspace.prepare()
    workspace.replies.mkdir()
    for path, content in files.items():
        workspace.file(path).unguarded.write_bytes(content)
    for name, body in replies.items():
        (workspace.replies / f"{name}.json").unguarded.write_bytes(body)
    return workspace


def commit_note(
    store: ArchiveFolder,
    note: NoteId,
    files: Mapping[str, bytes] = FILES,
    *,
    gaps: Sequence[MissingAsset] = (),
) -> PublishedNote:
    """Archive a note with these files."""
    manifest = manifest_of(note, files, gaps=gaps)
    commit = Commit(manifest, note_text(manifest), MOMENT.timestamp())
    return store.commit(folder_name(note, manifest.title), prepare(store, note, files), commit)


def tree(root: Path) -> dict[str, bytes]:
    """Every file under a folder with its bytes, the catalog and the lock left out."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.startswith(("catalog.", "lock"))
    }
