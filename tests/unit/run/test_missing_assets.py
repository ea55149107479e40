"""Promise 4: what a note declares and nobody gives, or nobody can even tell, is said in the manifest."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fake_world import FakeWorld, running
from support.single_run import HEIC, LIVE_NOTE, VIDEO_NOTE, Left, get, resume

from xharchive.demo.world import DemoWorld
from xharchive.images import Converter, DecodedImage, DecodeStatus

PGY_NOTE = "65c0b3fc000000002c037a49"
EMPTY = b'{"code": 0, "data": []}'


class Replies:
    """A demo world some of whose replies are other ones: `said[endpoint, note]`."""

    def __init__(self, world: DemoWorld) -> None:
        self.said: dict[tuple[str, str], bytes] = {}
        self.world = copy.copy(world)
        self.world.reply = self._reply  # type: ignore[method-assign, assignment]
        self._healthy = world.reply

    def _reply(self, endpoint: str, note: str) -> bytes:
        return self.said.get((endpoint, note)) or self._healthy(endpoint, note)


@pytest.fixture
def altered(demo_world: DemoWorld) -> Iterator[tuple[Replies, FakeWorld]]:
    """Replies to change, and the world that gives them."""
    replies = Replies(demo_world)
    with running(replies.world) as fake:
        yield replies, fake


def test_pictures_that_only_pgy_knows_may_move(
    altered: tuple[Replies, FakeWorld], demo_world: DemoWorld, tmp_path: Path
) -> None:
    """PGY cannot tell of live photos: the picture is archived, and the note is partial, not complete."""
    replies, world = altered
    pictures = json.loads(demo_world.reply("pgy", PGY_NOTE))
    pictures["data"] |= {"type": 1, "videoInfo": None}
    replies.said["pgy", PGY_NOTE] = json.dumps(pictures).encode()
    left = get(world, tmp_path, notes=(PGY_NOTE,))
    assert left.code == 3
    assert left.gaps(PGY_NOTE) == {"live": "motion-unknown"}
    assert set(left.files(PGY_NOTE)) == {"image-1"}
    assert [call.split()[0] for call in world.calls] == ["v1", "v6", "pgy"]
    again = resume(world, tmp_path)
    assert again.code == 3
    assert again.ran.report["calls"] == 0


def test_an_image_note_without_a_picture_is_not_complete(
    altered: tuple[Replies, FakeWorld], demo_world: DemoWorld, tmp_path: Path
) -> None:
    """A reply that declares nothing is no proof that there was nothing."""
    replies, world = altered
    reply = json.loads(demo_world.reply("v1", LIVE_NOTE))
    reply["data"][0]["note_list"][0]["images_list"] = []
    replies.said["v1", LIVE_NOTE] = json.dumps(reply).encode()
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.state() == "partial"
    assert left.gaps() == {"image": "not-given"}


def test_a_video_note_whose_video_nobody_gives(altered: tuple[Replies, FakeWorld], tmp_path: Path) -> None:
    """v6 and PGY know nothing: cover archived, the video a gap that names who was asked."""
    replies, world = altered
    replies.said["v6", VIDEO_NOTE] = EMPTY
    left = get(world, tmp_path, notes=(VIDEO_NOTE,))
    assert left.code == 3
    assert left.gaps(VIDEO_NOTE) == {"video": "not-given"}
    (gap,) = left.manifest(VIDEO_NOTE)["gaps"]
    assert "v1: note, v6: empty, pgy: empty" in gap["detail"]
    assert [call.split()[0] for call in world.calls] == ["v1", "v6", "pgy"]


def test_an_asset_of_an_earlier_reply_is_not_thrown_away(
    altered: tuple[Replies, FakeWorld], demo_world: DemoWorld, tmp_path: Path
) -> None:
    """A later reply no longer declares the motion: the one that was archived stays in the manifest."""
    replies, world = altered
    get(world, tmp_path)
    (folder,) = tmp_path.glob(f"*{LIVE_NOTE}")
    (folder / "replies" / "v1.json").unlink()
    (folder / "01.heic").unlink()
    reply = json.loads(demo_world.reply("v1", LIVE_NOTE))
    for image in reply["data"][0]["note_list"][0]["images_list"]:
        for key in [key for key in image if "live" in key.lower()]:
            del image[key]
    replies.said["v1", LIVE_NOTE] = json.dumps(reply).encode()
    left = get(world, tmp_path)
    assert left.code == 0
    assert set(left.files()) == {"image-1", "live-1"}
    assert left.is_untouched("live-1")


def test_a_picture_that_was_not_converted_is_a_gap_until_it_is(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder would not: the original is there and whole, its derivative is missing and said to be."""

    async def not_encoded(*_: object) -> DecodedImage:
        return DecodedImage(DecodeStatus.DECODED, "no encoder", width=4000, height=4000)

    with monkeypatch.context() as patch:
        patch.setattr(Converter, "examine", not_encoded)
        left: Left = get(world, tmp_path, "--image-format", "jpeg")
    assert left.code == 3
    assert left.gaps() == {"image-1": "not-converted"}
    assert left.is_untouched("image-1")
    again = resume(world, tmp_path, "--image-format", "jpeg")
    assert again.code == 0
    assert again.is_complete()
    assert world.count("ci.xiaohongshu.com", HEIC) == 1
