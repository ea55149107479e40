"""What a later run does about a note that is there, but not as it should be."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, get, resume

from xharchive.demo.world import ServedFile


def damage(path: Path, how: str) -> None:
    """Delete, empty or cut a file."""
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"" if how == "emptied" else path.read_bytes()[:-1])


@pytest.mark.parametrize("how", ["deleted", "emptied", "cut"])
@pytest.mark.parametrize("name", ["01.heic", "01.mp4"])
def test_a_damaged_original_is_fetched_again_without_a_call(
    world: FakeWorld, tmp_path: Path, how: str, name: str
) -> None:
    """The kept reply says where it is; one media request, nothing else, and all is as it was."""
    get(world, tmp_path)
    media = len(world.media)
    damage(folder_of(tmp_path, LIVE_NOTE) / name, how)
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert world.media[media:] == [
        f"ci.xiaohongshu.com{HEIC}" if name == "01.heic" else f"sns-v8.rednotecdn.com{STREAM}"
    ]


def test_a_deleted_derivative_is_made_again_without_any_request(world: FakeWorld, tmp_path: Path) -> None:
    """The original is there, so nothing need be asked; the new one is what the first was."""
    get(world, tmp_path, "--image-format", "jpeg")
    derivative = folder_of(tmp_path, LIVE_NOTE) / "01.jpg"
    before, seen = derivative.read_bytes(), len(world.seen)
    derivative.unlink()
    left = resume(world, tmp_path, "--image-format", "jpeg")
    assert left.code == 0
    assert derivative.read_bytes() == before
    assert len(world.seen) == seen
    assert left.is_complete()


def test_a_derivative_that_an_earlier_run_did_not_want_is_made_when_the_note_is_touched(
    world: FakeWorld, tmp_path: Path
) -> None:
    """Kept without conversion, motion failed; the next run converts from the original that waits."""
    world.script["*", "/stream/"] = "4"
    get(world, tmp_path)
    world.script.clear()
    left = get(world, tmp_path, "--image-format", "png")
    assert left.code == 0
    assert (folder_of(tmp_path, LIVE_NOTE) / "01.png").exists()
    assert world.count("ci.xiaohongshu.com", HEIC) == 1


def test_half_a_manifest_is_no_manifest(world: FakeWorld, tmp_path: Path) -> None:
    """It is made anew from the kept reply: no call is paid for."""
    get(world, tmp_path)
    path = folder_of(tmp_path, LIVE_NOTE) / "manifest.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert run(["verify", "-d", tmp_path]).code == 5
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_an_unreadable_picture_is_kept_and_marked(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A HEIC that no decoder reads, from every host and in every rendition: kept, with a gap, exit 3.

    The next run looks at it again, without a request, and says the same.
    """
    broken = bytearray(world.world.original(LIVE_NOTE, "image-1"))
    configuration = broken.index(b"hvcC") + 4
    broken[configuration : configuration + 23] = bytes(23)
    healthy = world.world.media

    def media(host: str, path: str) -> ServedFile | None:
        found = healthy(host, path)
        return replace(found, body=bytes(broken)) if found and path.startswith("/notes_uhdr/") else found

    monkeypatch.setattr(world.world, "media", media)
    asked: list[int] = []
    for _ in range(2):
        assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.options]).code == 3
        (data,) = manifests(tmp_path).values()
        assert data["state"] == "partial"
        (gap,) = data["gaps"]
        assert (gap["kind"], gap["reason"]) == ("image", "undecodable")
        assert (folder_of(tmp_path, LIVE_NOTE) / "01.heic").read_bytes() == bytes(broken)
        assert not (folder_of(tmp_path, LIVE_NOTE) / "01.jpg").exists()
        asked.append(len(world.seen))
    assert asked[0] == asked[1]
    assert world.calls == [f"v1 {LIVE_NOTE}"]
