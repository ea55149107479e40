"""`verify` finds every damage: a thousand at random, and each kind by its name."""

import os
import shutil
from pathlib import Path
from random import Random

import pytest
from support.note_folders import FILES, commit_note, note_id, opened_store, prepare, tree

from xharchive.archive import Archive, NoteFolders
from xharchive.archive.verification import CheckedFolder, Finding, UnexpectedFile, verify
from xharchive.manifest import FILE_NAME
from xharchive.naming import folder_name

CONTENTS = {f"{number:02d}.heic": bytes([number]) * (50 + number) for number in range(1, 6)}


def folder(number: int) -> str:
    return folder_name(note_id(number), "A title")


def archive(root: Path, notes: int) -> Archive:
    store = opened_store(root)
    for number in range(1, notes + 1):
        commit_note(store, note_id(number), CONTENTS)
    return store


def findings(store: Archive) -> list[Finding]:
    with store.opened():
        return [found for found in verify(store) if isinstance(found, Finding)]


def foreign(store: Archive) -> set[str]:
    with store.opened():
        return {found.path for found in verify(store) if isinstance(found, UnexpectedFile)}


def problems(store: Archive) -> set[tuple[str, str]]:
    return {(found.path, found.problem) for found in findings(store)}


def test_an_archive_as_it_was_is_all_right(tmp_path: Path) -> None:
    """Every file and reply is counted, nothing is found, nothing is changed."""
    store = archive(tmp_path, 2)
    before = tree(tmp_path)
    with store.opened():
        results = list(verify(store))
    assert results == [CheckedFolder(folder(1), 6), CheckedFolder(folder(2), 6)]
    assert tree(tmp_path) == before


def flip(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def cut(path: Path, random: Random) -> None:
    os.truncate(path, random.randrange(path.stat().st_size))


def empty(path: Path, _random: Random) -> None:
    path.write_bytes(b"")


def delete(path: Path, _random: Random) -> None:
    path.unlink()


def extra(path: Path, random: Random) -> None:
    path.with_name(f"extra{random.random()}").write_bytes(b"x")


def swap(path: Path, random: Random) -> None:
    others = [other for other in path.parent.iterdir() if other.suffix == path.suffix and other != path]
    other = random.choice(others) if others else path.parents[1] / "01.heic"
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


def grow(path: Path, _random: Random) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def link(path: Path, _random: Random) -> None:
    elsewhere = path.parents[1] / f"elsewhere{path.name}"
    if path.parent.name == "replies":
        elsewhere = path.parents[2] / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def into_a_folder(path: Path, _random: Random) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (flip, cut, empty, delete, extra, swap, grow, link, into_a_folder)


@pytest.mark.slow
def test_a_thousand_random_damages_are_all_found(tmp_path: Path) -> None:
    """One damage at a time, undone after it was found: no damage is missed, no good note is accused."""
    random = Random(20260309)  # noqa: S311 - damages, not secrets
    store = archive(tmp_path / "archive", 1)
    good = tmp_path / "good"
    shutil.copytree(store.root / folder(1), good)
    files = [*CONTENTS, "replies/note-detail-v1.json"]
    with store.opened():
        for number in range(1000):
            damage, name = random.choice(DAMAGES), random.choice(files)
            damage(store.root / folder(1) / name, random)
            wanted = UnexpectedFile if damage is extra else Finding
            found = [one for one in verify(store) if isinstance(one, wanted)]
            assert found, (number, damage.__name__, name)
            assert {one.folder for one in found} == {folder(1)}
            shutil.rmtree(store.root / folder(1))
            shutil.copytree(good, store.root / folder(1))
        assert all(isinstance(one, CheckedFolder) for one in verify(store))


@pytest.mark.parametrize("name", ["01.heic", "replies/note-detail-v1.json"])
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (flip, "sha256"),
        (cut, "size"),
        (empty, "size"),
        (grow, "size"),
        (delete, "missing"),
        (link, "missing"),
        (into_a_folder, "missing"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_each_damage_has_its_word(tmp_path: Path, name: str, damage: object, problem: str) -> None:
    """Programs read the word; the file is named, and no other."""
    store = archive(tmp_path, 2)
    assert callable(damage)
    damage(store.root / folder(2) / name, Random(1))  # noqa: S311 - damages, not secrets
    (found,) = findings(store)
    assert (found.folder, found.path, found.problem) == (folder(2), name, problem)
    assert found.detail


def test_what_the_manifest_does_not_name_is_foreign_and_no_damage(tmp_path: Path) -> None:
    """Files, folders and links to folders, whoever left them; the folder is not entered."""
    store = archive(tmp_path, 1)
    (store.root / folder(1) / "sub").mkdir()
    (store.root / folder(1) / "sub" / "05.heic").write_bytes(b"")
    (store.root / folder(1) / "away").symlink_to(tmp_path)
    (store.root / folder(1) / ".DS_Store").write_bytes(b"")
    assert problems(store) == set()
    assert foreign(store) == {"sub/", "away", ".DS_Store"}


@pytest.mark.parametrize("damage", [flip, cut, empty, delete, grow, into_a_folder])
def test_a_damaged_text_is_a_finding(tmp_path: Path, damage: object) -> None:
    """`note.md` is compared with what would be written for the manifest."""
    store = archive(tmp_path, 2)
    assert callable(damage)
    damage(store.root / folder(1) / "note.md", Random(2))  # noqa: S311 - damages, not secrets
    (found,) = findings(store)
    assert (found.folder, found.path, found.problem, found.kind) == (
        folder(1),
        "note.md",
        "text-differs",
        "text",
    )


def test_a_folder_without_a_readable_manifest_is_a_finding(tmp_path: Path) -> None:
    """Deleted or broken, unless a run is at work on the note."""
    store = archive(tmp_path, 3)
    (store.root / folder(1) / FILE_NAME).unlink()
    (store.root / folder(2) / FILE_NAME).write_bytes(b"{")
    assert [(one.folder, one.problem) for one in findings(store)] == [
        (folder(1), "no-manifest"),
        (folder(2), "no-manifest"),
    ]
    prepare(store, note_id(1))
    assert [one.folder for one in findings(store)] == [folder(2)]


def test_a_note_in_work_may_have_strays_but_no_damage(tmp_path: Path) -> None:
    """A commit that was interrupted left files that the next one will name."""
    store = archive(tmp_path, 1)
    prepare(store, note_id(1), FILES)
    (store.root / folder(1) / "06.heic").write_bytes(b"new")
    (store.root / folder(1) / "note.md").write_bytes(b"of the next manifest")
    assert findings(store) == []
    assert foreign(store) == set()
    (store.root / folder(1) / "01.heic").unlink()
    assert problems(store) == {("01.heic", "missing")}


def test_a_manifest_of_another_note_is_a_finding(tmp_path: Path) -> None:
    """Although every file that it names is there."""
    store = archive(tmp_path, 2)
    shutil.copy(store.root / folder(1) / FILE_NAME, store.root / folder(2) / FILE_NAME)
    assert problems(store) == {("manifest.json", "wrong-note"), ("note.md", "text-differs")}


def test_a_file_that_vanishes_while_it_is_looked_at_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a crash."""
    store = archive(tmp_path, 1)
    monkeypatch.setattr(NoteFolders, "digest", lambda *_: None)
    assert {problem for _, problem in problems(store)} == {"sha256"}
