"""Whether an archive is still what its manifests say: files there, size, SHA-256, nothing beside them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from xharchive.holdings import Holdings
from xharchive.manifest import Manifest
from xharchive.naming import note_id_in_path
from xharchive.stores import PosixStore, Published, readable

__all__ = ["Checked", "Finding", "inspect"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the note folder, the file in it, a stable word and a sentence."""

    folder: str
    path: str
    problem: str
    detail: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A note folder that was looked at: how many of its files were hashed."""

    folder: str
    files: int


def inspect(store: PosixStore, holdings: Holdings) -> Iterator[Finding | Checked]:
    """Hash every file of every note and yield what is wrong, then one `Checked` a folder.

    A folder without a manifest is a finding, unless a run is still at work on that note.

    Raises:
        ArchiveError: a file is there and cannot be read.
    """
    unfinished = {note_id.text for note_id in store.unfinished()}
    for folder, published in holdings.published():
        yield from _inspect_folder(store, folder, published, unfinished)
    for folder in sorted(store.passed_over.misnamed):  # not used as a note, and still to be trusted
        for result in _inspect_folder(store, folder, store.read(folder), unfinished):
            yield replace(result, folder=readable(folder))


def _inspect_folder(
    store: PosixStore, folder: str, published: Published | None, unfinished: Collection[str]
) -> Iterator[Finding | Checked]:
    named = note_id_in_path(folder)
    if published is None:
        if store.looks_like_note(folder) and (named is None or named.text not in unfinished):
            yield Finding(folder, "manifest.json", "no-manifest", "there is no manifest that can be read")
        return
    if named is not None and named != published.manifest.id:
        yield Finding(folder, "manifest.json", "wrong-note", "the manifest is of another note")
    yield from _files(store, published)
    if (named or published.manifest.id).text not in unfinished:
        for path in store.strays(published):
            yield Finding(folder, path, "stray", "the manifest does not name it")
    yield Checked(folder, len(_named(published.manifest)))


def _named(manifest: Manifest) -> list[tuple[str, int, str]]:
    files = [(entry.path, entry.size, entry.sha256) for entry in manifest.files]
    return files + [(reply.path, reply.size, reply.sha256) for reply in manifest.replies]


def _files(store: PosixStore, published: Published) -> Iterator[Finding]:
    for path, size, sha256 in _named(published.manifest):
        if not store.is_file(published.folder, path):
            yield Finding(published.folder, path, "missing", "the file is not there")
        elif not store.is_there(published.folder, path, size):
            yield Finding(published.folder, path, "size", f"it does not have the {size} bytes it had")
        elif store.digest(published.folder, path, size) != sha256:
            yield Finding(published.folder, path, "sha256", "its bytes are not those that were archived")
