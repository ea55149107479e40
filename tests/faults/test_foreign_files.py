"""What a NAS, file managers, sync and photo programs, and the owner leave in note folders is no damage."""

import json
from pathlib import Path

from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE

LEFT = (
    "@eaDir/01.jpg/SYNOPHOTO_THUMB_M.jpg",
    "#recycle/y",
    ".stfolder/x",
    ".DS_Store",
    "._01.jpg",
    "Thumbs.db",
    ".nfs000001",
    "01.xmp",
    "01.jpg_original",
    "manifest.sync-conflict-20260101-000000-ABCDEFG.json",
    "replies/v1 (conflicted copy).json",
    "我的话.txt",
)


def litter(archive: Path) -> Path:
    """Leave such files in the folder of the note; return the folder."""
    folder = folder_of(archive, LIVE_NOTE)
    for name in LEFT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def test_they_are_counted_apart(world: FakeWorld, tmp_path: Path) -> None:
    """Exit code 0 and one line; -v lists them, and of a folder only its name; damage is still exit code 5."""
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.options]).code == 0
    folder = litter(tmp_path)
    checked = run(["verify", "-d", tmp_path])
    assert (checked.code, checked.out) == (0, "")
    assert "all as archived" in checked.err
    assert f"not the archive's: {len(LEFT)} files" in checked.err
    listed = run(["verify", "-d", tmp_path, "-v"])
    assert listed.code == 0
    assert len(listed.out.splitlines()) == len(LEFT)
    assert f"{folder.name}/@eaDir/: it is not the archive's" in listed.out
    (folder / "01.mp4").write_bytes(b"x")
    damaged = run(["verify", "-d", tmp_path])
    assert damaged.code == 5
    assert len(damaged.out.splitlines()) == 1


def test_a_closed_set_has_none(world: FakeWorld, tmp_path: Path) -> None:
    """With --strict each is listed, and the exit code is 5; programs tell them by the word."""
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.options]).code == 0
    assert run(["verify", "-d", tmp_path, "--strict"]).code == 0
    litter(tmp_path)
    assert run(["verify", "-d", tmp_path, "--json"]).out == ""
    checked = run(["verify", "-d", tmp_path, "--strict", "--json"])
    assert checked.code == 5
    records = [json.loads(line) for line in checked.out.splitlines()]
    assert {record["problem"] for record in records} == {"foreign"}
    assert len(records) == len(LEFT)
