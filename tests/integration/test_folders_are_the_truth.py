"""Promise 6: the note folders say it all; our own folder can be lost."""

import os
import shutil
from pathlib import Path

import pytest
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld

NOTE = "69aed4e2000000000e00c358"
OTHER = "6a63481c000000000e02a9d5"


def test_a_backup_without_our_own_folder_is_an_archive(world: FakeWorld, tmp_path: Path) -> None:
    """`cp -r *` leaves .xharchive out: verify, status, get and resume work there all the same."""
    assert run(["get", NOTE, "-d", tmp_path / "a", *world.options]).code == 0
    backup = tmp_path / "backup of it"
    shutil.copytree(tmp_path / "a", backup, ignore=shutil.ignore_patterns(".xharchive"))
    assert run(["verify", "-d", backup]).code == 0
    assert "1 complete" in run(["status", "-d", backup]).out
    calls = len(world.calls)
    assert run(["get", NOTE, "-d", backup, *world.options]).code == 0
    assert run(["resume", "-d", backup, *world.options]).code == 0
    assert len(world.calls) == calls
    assert set(manifests(backup)) == {NOTE}


def test_a_damaged_file_is_found_deleted_and_fetched_again(world: FakeWorld, tmp_path: Path) -> None:
    """What `verify` says to do works, and costs no call."""
    archive = tmp_path / "my notes"
    run(["get", NOTE, OTHER, "-d", archive, *world.options])
    motion = folder_of(archive, NOTE) / "01.mp4"
    content = bytearray(motion.read_bytes())
    content[5000] ^= 1
    motion.write_bytes(content)
    found = run(["verify", "-d", archive])
    assert found.code == 5
    assert "01.mp4" in found.out
    assert "delete damaged ones first" in found.err
    motion.unlink()
    calls = len(world.calls)
    assert run(["resume", "-d", archive, *world.options]).code == 0
    assert run(["verify", "-d", archive]).code == 0
    assert len(world.calls) == calls


def test_the_hint_can_be_pasted_into_a_shell(world: FakeWorld, tmp_path: Path) -> None:
    """A folder with spaces is quoted where the user is told how to go on."""
    archive = tmp_path / "with space"
    world.script[("*", "/stream/")] = "4"
    world.script[("*", "/livephoto/")] = "4"
    ran = run(["get", NOTE, "-d", archive, *world.options])
    assert ran.code == 3
    assert f"xharchive resume -d '{archive}'" in ran.err


def test_an_empty_note_is_asked_for_again_once_its_folder_is_gone(world: FakeWorld, tmp_path: Path) -> None:
    """As docs/guide.md says: the folder is the memory of what was paid, and deleting it forgets."""
    empty = "6a064da2000000001c03e8d7"
    for code in (3, 0):  # the second time it is no news
        assert run(["get", empty, "-d", tmp_path, *world.options]).code == code
    assert len(world.calls) == 3
    shutil.rmtree(folder_of(tmp_path, empty))
    assert run(["get", empty, "-d", tmp_path, *world.options]).code == 3
    assert len(world.calls) == 6


def test_a_name_that_is_not_utf_8_is_reported_and_stops_nothing_else(
    world: FakeWorld, tmp_path: Path
) -> None:
    """Some programs unpack a copied archive so. Every command shows the others, and says which folder."""
    assert run(["get", NOTE, OTHER, "-d", tmp_path, *world.options]).code == 0
    folder, calls = folder_of(tmp_path, NOTE), len(world.calls)
    strange = folder.with_name(os.fsdecode("笔记".encode("gbk")) + f"_{NOTE}")
    folder.rename(strange)
    for command in ("ls", "find", "show", "open", "verify", "status", "gallery", "reindex", "reparse"):
        words = {"find": ("a",), "show": (OTHER,), "open": (OTHER, "--print", "--folder")}
        ran = run([command, *words.get(command, ()), "-d", tmp_path])
        assert ran.code == 0, ran.err
        assert ran.err.count(f"_{NOTE} is not UTF-8; rename it") == 1
    assert run(["ls", "--ids", "-d", tmp_path]).out == f"{OTHER}\n"
    assert "1 complete" in run(["status", "-d", tmp_path]).out
    assert len(world.calls) == calls


@pytest.mark.parametrize("name", [f"_{NOTE}", ""])
def test_a_note_in_a_folder_whose_name_is_not_utf_8_is_not_paid_for_again(
    world: FakeWorld, tmp_path: Path, name: str
) -> None:
    """With its id in the name or not: it fails with what to do, the others of the list are archived."""
    assert run(["get", NOTE, "-d", tmp_path, *world.options]).code == 0
    folder = folder_of(tmp_path, NOTE)
    strange = folder.with_name(os.fsdecode("笔记".encode("gbk")) + name)
    folder.rename(strange)
    assert "there already  1" in run(["get", NOTE, "-d", tmp_path, "--dry-run", *world.options]).out
    ran = run(["get", NOTE, OTHER, "-d", tmp_path, *world.options])
    assert ran.code == 3
    assert "1 archived, 0 unchanged, 0 partial, 0 empty, 1 failed" in ran.err
    assert "rename that folder and run again" in ran.err
    assert [call for call in world.calls if NOTE in call] == [f"v1 {NOTE}"]
    (strange / "01.mp4").write_bytes(b"damaged")
    found = run(["verify", "--json", "-d", tmp_path])
    assert (found.code, [event["path"] for event in found.events]) == (5, ["01.mp4"])
    (strange / "01.mp4").unlink()
    strange.rename(folder)
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert [call for call in world.calls if NOTE in call] == [f"v1 {NOTE}"]
    assert run(["verify", "-d", tmp_path]).code == 0
