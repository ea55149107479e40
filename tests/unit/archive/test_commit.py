"""A commit publishes the manifest last: whatever fails, and wherever, nothing half-done looks done."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.note_folders import FILES, MOMENT, commit_note, manifest_of, note_id, opened_store, prepare, tree

from xharchive.archive import Archive, Commit
from xharchive.archive.verification import unexpected_files
from xharchive.errors import ArchiveError
from xharchive.manifest import FILE_NAME, Manifest, parse

NOTE = note_id(1)
FOLDER = f"2026-03-09_A title_{NOTE}"
NEWER = {"01.heic": b"first picture, complete", "02.webp": b"second", "03.jpg": b"third"}
STEPS = ("fsync", "replace", "utime", "mkdir", "unlink", "rmdir")


class PowerCut(BaseException):
    """No handler of ours may swallow it."""


@contextmanager
def dying_at(monkeypatch: pytest.MonkeyPatch, step: int, death: BaseException) -> Iterator[list[str]]:
    """Let the calls that change the disk through until number `step`, which raises and does nothing."""
    calls: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            calls.append(name)
            if len(calls) == step:
                raise death
            return real(*args, **named)

        return call

    with monkeypatch.context() as patched:
        for name in STEPS:
            patched.setattr(os, name, counted(name, getattr(os, name)))
        yield calls


def commit(store: Archive, manifest: Manifest) -> None:
    store.commit(FOLDER, store.workspace(NOTE, FOLDER), Commit(manifest, "# A title\n", MOMENT.timestamp()))


def published(root: Path) -> Manifest | None:
    path = root / FOLDER / FILE_NAME
    return parse(path.read_bytes()) if path.exists() else None


def finished(folder: Path, old: bool) -> dict[str, bytes]:
    """What an undisturbed commit leaves."""
    store = opened_store(folder)
    if old:
        commit_note(store, NOTE)
    prepare(store, NOTE, NEWER)
    commit(store, manifest_of(NOTE, NEWER))
    return tree(folder)


def test_a_commit_leaves_a_note_and_no_work(tmp_path: Path) -> None:
    """Files, text, replies and manifest; nothing else, and the work folder is gone."""
    store = opened_store(tmp_path)
    done = commit_note(store, NOTE)
    assert sorted(tree(tmp_path)) == [
        f"{FOLDER}/01.heic",
        f"{FOLDER}/02.webp",
        f"{FOLDER}/manifest.json",
        f"{FOLDER}/note.md",
        f"{FOLDER}/replies/note-detail-v1.json",
    ]
    assert store.folders.read(FOLDER) == done
    assert list(store.unfinished()) == []
    assert unexpected_files(store.folder / done.folder, done.manifest) == []


def test_files_carry_the_publish_time(tmp_path: Path) -> None:
    """File managers sort a note's files by it; the manifest's own time tells when it was written."""
    store = opened_store(tmp_path)
    commit_note(store, NOTE)
    for name in (*FILES, "note.md"):
        assert (tmp_path / FOLDER / name).stat().st_mtime == MOMENT.timestamp()


def test_everything_is_synced_before_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of each file, its rename, fsync of the folder; then the manifest, then both folders."""
    store = opened_store(tmp_path)
    prepare(store, NOTE)
    order: list[str] = []
    fsync, rename = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        order.append("fsync " + Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def note_replace(source: str, target: str, **folders: int) -> None:
        order.append("rename " + target)
        rename(source, target, **folders)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    commit(store, manifest_of(NOTE))
    assert order == [
        "fsync 01.heic",
        "rename 01.heic",
        "fsync 02.webp",
        "rename 02.webp",
        "fsync note-detail-v1.json.tmp",
        "rename note-detail-v1.json",
        "fsync replies",
        "fsync note.md.tmp",
        "rename note.md",
        f"fsync {FOLDER}",
        "fsync manifest.json.tmp",
        "rename manifest.json",
        f"fsync {FOLDER}",
        f"fsync {tmp_path.name}",
    ]


@pytest.mark.parametrize("old", [False, True], ids=["new note", "note with an older manifest"])
@pytest.mark.parametrize("kind", ["full disk", "power cut"])
def test_a_commit_that_dies_anywhere_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool, kind: str
) -> None:
    """After every single step: no manifest or the old one, and the next commit ends in the same tree."""
    wanted = finished(tmp_path / "undisturbed", old)
    new = manifest_of(NOTE, NEWER)
    step = published_late = 0
    died = True
    while died:
        step += 1
        root = tmp_path / str(step)
        store = opened_store(root)
        before = commit_note(store, NOTE).manifest if old else None
        prepare(store, NOTE, NEWER)
        death = PowerCut() if kind == "power cut" else OSError(errno.ENOSPC, "No space left on device")
        through = False
        with dying_at(monkeypatch, step, death) as calls, suppress(ArchiveError, PowerCut):
            commit(store, new)
            through = True  # also where the failing step did not matter: a folder that is there already
        died = len(calls) >= step
        renamed = 99 if through else calls[: step - 1].count("replace")
        assert published(root) == (new if renamed >= 6 else before), (step, calls)
        published_late += died and renamed >= 6
        commit(store, new)
        assert tree(root) == wanted, (step, calls)
        assert list(store.unfinished()) == []
    assert step > 20
    assert published_late >= 2


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the folder that could not be written."""
    store = opened_store(tmp_path)
    prepare(store, NOTE)
    full = OSError(errno.ENOSPC, "No space left on device")
    with dying_at(monkeypatch, 1, full), pytest.raises(ArchiveError, match=f"{FOLDER}: the disk is full"):
        commit(store, manifest_of(NOTE))


@pytest.mark.parametrize("name", ["01.heic", "replies/note-detail-v1.json"])
def test_a_manifest_never_names_what_is_not_there(tmp_path: Path, name: str) -> None:
    """Should somebody have cleaned up the work folder meanwhile, nothing is published."""
    store = opened_store(tmp_path)
    prepare(store, NOTE).folder.joinpath(name).unlink()
    with pytest.raises(ArchiveError, match="vanished before the commit"):
        commit(store, manifest_of(NOTE))
    assert published(tmp_path) is None


def test_a_second_commit_adds_what_is_new_and_keeps_the_rest(tmp_path: Path) -> None:
    """A partial note is completed: files that are there are not needed again."""
    store = opened_store(tmp_path)
    commit_note(store, NOTE)
    prepare(store, NOTE, {"03.jpg": b"third"}, {})
    whole = manifest_of(NOTE, {**FILES, "03.jpg": b"third"})
    commit(store, whole)
    found = store.folders.read(FOLDER)
    assert found is not None
    assert found.manifest == whole
    assert unexpected_files(store.folder / found.folder, found.manifest) == []


def test_a_note_without_files_or_replies_is_committed(tmp_path: Path) -> None:
    """An empty note is a fact too; it gets no folder for replies."""
    store = opened_store(tmp_path)
    prepare(store, NOTE, {}, {})
    commit(store, replace(manifest_of(NOTE, {}, replies={}), files=()))
    assert sorted(tree(tmp_path)) == [f"{FOLDER}/manifest.json", f"{FOLDER}/note.md"]


def test_a_stamp_changes_with_the_manifest(tmp_path: Path) -> None:
    """The catalog notices a manifest that was rewritten behind its back."""
    store = opened_store(tmp_path)
    assert store.folders.stamp(FOLDER) == ""
    first = commit_note(store, NOTE)
    assert store.folders.stamp(FOLDER) == first.stamp != ""
    second = commit_note(store, NOTE, NEWER)
    assert store.folders.stamp(FOLDER) == second.stamp != first.stamp
    manifest = tmp_path / FOLDER / FILE_NAME
    os.utime(manifest, ns=(1, manifest.stat().st_mtime_ns + 1))
    assert store.folders.stamp(FOLDER) not in (first.stamp, second.stamp)
    manifest.unlink()
    assert store.folders.stamp(FOLDER) == ""
    manifest.mkdir()
    assert store.folders.stamp(FOLDER) == ""
