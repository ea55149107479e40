"""Folders that their owner renamed or sorted into other folders: they stay the notes that they are."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import folder_of, ledger, run
from support.fake_world import FakeWorld
from support.note_folders import tree
from support.single_run import HEIC, LIVE_NOTE, VIDEO_NOTE

NOTES = [LIVE_NOTE, VIDEO_NOTE]


def moved(archive: Path, note: str, to: str) -> Path:
    """Give a note's folder another path in the archive."""
    target = archive / to.replace("ID", note).replace("OTHER", VIDEO_NOTE)
    target.parent.mkdir(exist_ok=True)
    found = next(path.parent for path in archive.glob("**/manifest.json") if is_of(path, note))
    return found.rename(target)


def is_of(manifest: Path, note: str) -> bool:
    return bool(json.loads(manifest.read_text("utf-8"))["id"] == note)


@pytest.fixture
def archive(world: FakeWorld, tmp_path: Path) -> Path:
    """An archive of the live photo, which was paid for with one call."""
    archive = tmp_path / "archive"
    assert run(["get", LIVE_NOTE, "-d", archive, *world.options]).code == 0
    return archive


def listed(archive: Path) -> dict[str, str]:
    """The folder of each note, relative to the archive, as `ls` tells it."""
    lines = run(["ls", "--json", "-d", archive]).events
    return {line["id"]: os.path.relpath(line["folder"], archive) for line in lines}


@pytest.mark.parametrize(
    "to",
    [
        *("上海旅行", "my ID", "ID copy", "manifest.json", "a_OTHER", "x_0123456789abcdef01234567"),
        *("travel/2026_x_ID", "某作者/上海", "travel/ID", "travel/replies", "ID_old/x"),
    ],
)
def test_every_command_takes_it_for_the_note_and_nothing_is_paid(
    world: FakeWorld, archive: Path, to: str
) -> None:
    """Whatever the name, at the top or one level down; and the next runs leave it where it is."""
    folder = moved(archive, LIVE_NOTE, to)
    files, paid = tree(folder), ledger(archive)
    where = folder.relative_to(archive).as_posix()
    assert listed(archive) == {LIVE_NOTE: where}
    assert "1 complete" in run(["status", "-d", archive]).out
    assert run(["verify", "-d", archive]).code == (5 if "_0" in to or "OTHER" in to else 0)
    shown = run(["show", LIVE_NOTE, "-d", archive])
    assert (shown.code, str(folder) in shown.out) == (0, True)
    assert json.loads(run(["show", LIVE_NOTE, "--json", "-d", archive]).out)["id"] == LIVE_NOTE
    assert run(["open", LIVE_NOTE, "--print", "--folder", "-d", archive]).out == f"{folder}\n"
    assert run(["reindex", "-d", archive]).out == "1 note in the new index\n"
    assert "1 note read again, 0 manifests" in run(["reparse", "-d", archive]).out
    assert "there already  1" in run(["get", LIVE_NOTE, "--dry-run", "-d", archive, *world.options]).out
    for command in (["get", LIVE_NOTE], ["get", LIVE_NOTE, "--trust-index"], ["resume"]):
        asked = len(world.seen)
        assert run([*command, "-d", archive, *world.options]).code == 0
        assert len(world.seen) == asked
    assert tree(folder) == files
    assert ledger(archive) == paid


def test_a_note_without_its_own_state_folder_is_found_too(world: FakeWorld, archive: Path) -> None:
    """A copy of renamed folders alone is an archive; a folder with another program's manifest is none."""
    moved(archive, LIVE_NOTE, "travel/Shanghai")
    shutil.rmtree(archive / ".xharchive")
    assert "1 complete" in run(["status", "-d", archive]).out
    shutil.rmtree(archive)
    (archive / "extension").mkdir(parents=True)
    (archive / "extension" / "manifest.json").write_text('{"manifest_version": 3}')
    assert "there is no archive" in run(["status", "-d", archive]).err
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_a_partial_note_is_completed_where_it_lies(world: FakeWorld, tmp_path: Path) -> None:
    """`resume` fetches what is missing into the renamed folder, and makes no other one."""
    world.script[("*", HEIC)] = "4"
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.options, "--retries", "0"]).code in (0, 3)
    folder = moved(tmp_path, LIVE_NOTE, "travel/Shanghai")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["state"] = "partial"
    manifest["files"] = [entry for entry in manifest["files"] if entry["kind"] != "live"]
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (folder / "01.mp4").unlink()
    world.script.clear()
    calls = world.calls
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert world.calls == calls
    assert (folder / "01.mp4").is_file()
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["state"] == "complete"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".xharchive", "travel"]
    assert [path.name for path in (tmp_path / "travel").iterdir()] == ["Shanghai"]
    assert run(["verify", "-d", tmp_path]).code == 0


def test_reparse_renews_the_manifest_where_it_lies(world: FakeWorld, archive: Path) -> None:
    """What a newer parser finds is written into the renamed folder."""
    folder = moved(archive, LIVE_NOTE, "travel/Shanghai")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["note"]["title"] = "as an older parser read it"
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert "1 manifest renewed" in run(["reparse", "-d", archive]).out
    assert "older parser" not in (folder / "manifest.json").read_text("utf-8")
    assert listed(archive) == {LIVE_NOTE: "travel/Shanghai"}
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_folders_that_exchange_their_names(world: FakeWorld, tmp_path: Path) -> None:
    """The names are known from before, and say the other note: only the manifests count."""
    assert run(["get", *NOTES, "-d", tmp_path, *world.options]).code == 0
    moved(tmp_path, LIVE_NOTE, "a")
    moved(tmp_path, VIDEO_NOTE, "b")
    assert listed(tmp_path) == {LIVE_NOTE: "a", VIDEO_NOTE: "b"}
    calls = world.calls
    for names in (("b", "a"), ("travel/a", "b"), (f"x_{VIDEO_NOTE}", f"x_{LIVE_NOTE}")):
        moved(tmp_path, LIVE_NOTE, "aside")
        moved(tmp_path, VIDEO_NOTE, names[1])
        moved(tmp_path, LIVE_NOTE, names[0])
        assert run(["get", *NOTES, "-d", tmp_path, *world.options]).code == 0
        assert listed(tmp_path) == dict(zip(NOTES, names, strict=True))
    moved(tmp_path, LIVE_NOTE, "aside")
    moved(tmp_path, VIDEO_NOTE, f"x_{VIDEO_NOTE}")
    moved(tmp_path, LIVE_NOTE, f"x_{LIVE_NOTE}")
    assert run(["get", *NOTES, "-d", tmp_path, *world.options]).code == 0
    assert world.calls == calls


def test_of_two_folders_with_one_note_the_first_by_name_is_used(world: FakeWorld, archive: Path) -> None:
    """Every command says so once; when the first one goes, the other is the note, and is not paid for."""
    own = folder_of(archive, LIVE_NOTE)
    shutil.copytree(own, archive / "zz copy")
    shutil.copytree(own, archive / "backup" / own.name)
    for _ in range(2):
        ran = run(["ls", "--folders", "-d", archive])
        assert ran.out == f"{own}\n"
        assert ran.err.count(f"{own.name} has its note") == 2
    assert run(["verify", "-d", archive]).err.splitlines()[-1].startswith("3 notes,")
    shutil.rmtree(own)
    assert listed(archive) == {LIVE_NOTE: f"backup/{own.name}"}
    shutil.rmtree(archive / "backup")
    ran = run(["get", LIVE_NOTE, "-d", archive, *world.options])
    assert (ran.code, "was skipped" in ran.err) == (0, False)
    assert listed(archive) == {LIVE_NOTE: "zz copy"}
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def copied(to: str) -> Callable[[Path, Path], None]:
    def plant(archive: Path, note: Path) -> None:
        shutil.copytree(note, archive / to)

    return plant


def linked(to: str) -> Callable[[Path, Path], None]:
    def plant(archive: Path, note: Path) -> None:
        (archive / to).parent.mkdir(exist_ok=True)
        (archive / to).symlink_to(note / "manifest.json" if to.endswith(".json") else note)

    return plant


def in_a_linked_folder(archive: Path, note: Path) -> None:
    (archive / "link").symlink_to(note.parent)


def pipe(archive: Path, _: Path) -> None:
    (archive / "a").mkdir()
    os.mkfifo(archive / "a" / "manifest.json")


def in_another_archive(archive: Path, note: Path) -> None:
    (archive / "a" / ".xharchive").mkdir(parents=True)
    shutil.copytree(note, archive / "a" / note.name)


PLACES: dict[str, Callable[[Path, Path], None]] = {
    **{to: copied(to) for to in ("a/b/c", ".hidden", "a/.b", ".hidden/a", f".x_{LIVE_NOTE}")},
    **{
        to: copied(to)
        for to in ("gallery", "gallery/a", f"gallery/x_{LIVE_NOTE}", ".xharchive/a", "#recycle/a")
    },
    **{to: linked(to) for to in ("link", "a/link", f"x_{LIVE_NOTE}", "a/manifest.json")},
    "in a linked folder": in_a_linked_folder,
    "a pipe": pipe,
    "in another archive": in_another_archive,
}


@pytest.mark.parametrize("place", PLACES)
def test_what_lies_elsewhere_is_no_note(archive: Path, tmp_path: Path, place: str) -> None:
    """No link is followed, nothing deeper is looked at, and our own folders hold no notes."""
    outside = tmp_path / "outside" / "whole note"
    outside.parent.mkdir()
    folder_of(archive, LIVE_NOTE).rename(outside)
    PLACES[place](archive, outside)
    before = tree(archive)
    assert listed(archive) == {}
    assert run(["verify", "-d", archive]).err.startswith("0 notes, 0 files checked: all as archived")
    assert tree(archive) == before


@pytest.mark.parametrize(
    "content",
    ['{"manifest_version": 3}', "", "[", "[]", '{"schema_version": 9}', '{"schema_version": "1"}', "null"],
)
def test_another_program_s_manifest_is_none_of_ours(world: FakeWorld, archive: Path, content: str) -> None:
    """A web extension beside the notes is neither a note nor damage."""
    for place in ("extension", "code/extension"):
        (archive / place).mkdir(parents=True)
        (archive / place / "manifest.json").write_text(content)
    assert set(listed(archive)) == {LIVE_NOTE}
    assert run(["verify", "-d", archive]).code == 0
    assert "1 note read again" in (ran := run(["reparse", "-d", archive])).out
    assert "left out" not in ran.out
    assert run(["get", LIVE_NOTE, "-d", archive, *world.options]).code == 0


def test_a_renamed_folder_whose_manifest_is_damaged(world: FakeWorld, archive: Path) -> None:
    """`verify` says so; `get` goes on with the reply that lies there, and mends the folder."""
    folder = moved(archive, LIVE_NOTE, "Shanghai")
    assert listed(archive) == {LIVE_NOTE: "Shanghai"}
    (folder / "manifest.json").write_text("{", "utf-8")
    found = run(["get", LIVE_NOTE, "-d", archive, *world.options])
    assert found.code == 0
    assert listed(archive) == {LIVE_NOTE: "Shanghai"}
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    (folder / "manifest.json").write_text("{", "utf-8")
    ran = run(["verify", "-d", archive])
    assert (ran.code, ran.out) == (5, "Shanghai/manifest.json: there is no manifest that can be read\n")


def test_another_note_s_folder_is_never_written_into(world: FakeWorld, tmp_path: Path) -> None:
    """Its owner gave it just the name that the new note's folder would have."""
    assert run(["get", VIDEO_NOTE, "-d", tmp_path, *world.options]).code == 0
    name = folder_of(tmp_path, VIDEO_NOTE).name
    shutil.rmtree(tmp_path / name)
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.options]).code == 0
    before = tree(moved(tmp_path, LIVE_NOTE, name))
    calls = len(world.calls)
    ran = run(["get", VIDEO_NOTE, "-d", tmp_path, *world.options])
    assert ran.code == 3
    assert "holds another note" in ran.err
    assert tree(tmp_path / name) == before
    moved(tmp_path, LIVE_NOTE, "Shanghai")
    paid = len(world.calls)
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert (paid - calls, len(world.calls) - paid) == (2, 0)
