"""A kept reply or `note.md` that was damaged or removed: `verify` says what helps, and that helps."""

import json
import os
from pathlib import Path

import pytest
from support.command import Ran, folder_of, ledger, manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE

REPLY = "replies/v1.json"


def got(world: FakeWorld, archive: Path) -> Path:
    """Archive a note; return its folder."""
    assert run(["get", LIVE_NOTE, "-d", archive, *world.options]).code == 0
    return folder_of(archive, LIVE_NOTE)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def verify(archive: Path, *options: str) -> Ran:
    return run(["verify", "-d", archive, *options])


@pytest.mark.parametrize("damage", [zero, Path.unlink])
def test_a_kept_reply(world: FakeWorld, tmp_path: Path, damage: object) -> None:
    """It does not come back by itself, and `verify` says so; its loss can be accepted, which pays nothing."""
    folder = got(world, tmp_path)
    assert callable(damage)
    damage(folder / REPLY)
    found = verify(tmp_path)
    assert found.code == 5
    assert "do not come back by themselves" in found.err
    assert "--accept-lost-replies" in found.err
    assert "delete damaged ones" not in found.err
    before = (folder / "01.heic").read_bytes(), ledger(tmp_path)
    accepted = verify(tmp_path, "--accept-lost-replies")
    assert accepted.code == 0
    assert "recorded as lost: 1" in accepted.err
    assert [reply["outcome"] for reply in manifests(tmp_path)[LIVE_NOTE]["replies"]] == ["lost"]
    assert verify(tmp_path, "--strict").code == 0
    for verb in (["get", LIVE_NOTE], ["resume"]):
        assert run([*verb, "-d", tmp_path, *world.options]).code == 0
    assert run(["reparse", "-d", tmp_path]).code == 0
    assert verify(tmp_path).code == 0
    assert ((folder / "01.heic").read_bytes(), ledger(tmp_path)) == before
    assert len(world.calls) == 1


def test_without_a_loss_nothing_is_accepted(world: FakeWorld, tmp_path: Path) -> None:
    """No manifest is written."""
    folder = got(world, tmp_path)
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert "recorded as lost: 0" in verify(tmp_path, "--accept-lost-replies").err
    assert (folder / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [zero, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("verb", ["gallery", "reparse"])
def test_the_text(world: FakeWorld, tmp_path: Path, damage: object, verb: str) -> None:
    """`note.md` is compared with what would be written; each of these writes it again without a request."""
    folder = got(world, tmp_path)
    text, requests = (folder / "note.md").read_bytes(), len(world.seen)
    assert callable(damage)
    damage(folder / "note.md")
    found = verify(tmp_path)
    assert found.code == 5
    assert "note.md is written again by `xharchive reparse" in found.err
    assert run([verb, "-d", tmp_path]).code == 0
    assert (folder / "note.md").read_bytes() == text
    assert verify(tmp_path).code == 0
    assert len(world.seen) == requests


@pytest.mark.parametrize("verb", [["reparse"], ["gallery", "--rebuild"]])
def test_a_text_that_rotted_under_its_old_time(world: FakeWorld, tmp_path: Path, verb: list[str]) -> None:
    """Neither its size nor its time tells of it: these compare the bytes of every note."""
    folder = got(world, tmp_path)
    at = (folder / "note.md").stat()
    zero(folder / "note.md")
    os.utime(folder / "note.md", ns=(at.st_atime_ns, at.st_mtime_ns))
    assert verify(tmp_path).code == 5
    assert run([*verb, "-d", tmp_path]).code == 0
    assert verify(tmp_path).code == 0


@pytest.mark.parametrize("verb", ["gallery", "reparse"])
def test_a_folder_in_place_of_note_md_gets_one_sentence(world: FakeWorld, tmp_path: Path, verb: str) -> None:
    """What is wrong and where; a run for a finished note does not look at it."""
    folder = got(world, tmp_path)
    (folder / "note.md").unlink()
    (folder / "note.md").mkdir()
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.options]).code == 0
    ran = run([verb, "-d", tmp_path])
    assert ran.code == 5
    assert f"{folder.name}/note.md: a folder stands where a regular file is expected; remove it" in ran.err
    assert "Traceback" not in ran.err


def test_each_kind_of_damage_has_its_own_advice(world: FakeWorld, tmp_path: Path) -> None:
    """Media, converted pictures, manifests; programs read the kind."""
    folder = got(world, tmp_path)
    zero(folder / "01.mp4")
    found = verify(tmp_path)
    assert "delete damaged ones first" in found.err
    assert "converted pictures" not in found.err
    zero(folder / "01.jpg")
    (folder / "manifest.json.bak").write_bytes(b"")
    found = verify(tmp_path, "--json")
    assert "converted pictures are made again by `xharchive resume" in found.err
    kinds = [json.loads(line)["kind"] for line in found.out.splitlines()]
    assert sorted(kinds) == ["derivative", "original"]
    (folder / "01.mp4").unlink()
    (folder / "01.jpg").unlink()
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert verify(tmp_path).code == 0
    (folder / "manifest.json").write_bytes(b"{")
    found = verify(tmp_path)
    assert "the manifest is written again by `xharchive resume" in found.err
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert verify(tmp_path).code == 0
    assert len(world.calls) == 1
