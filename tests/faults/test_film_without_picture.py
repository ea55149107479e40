"""Films and sounds whose container is whole and has nothing to show or to hear."""

from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld
from support.fake_world import FakeWorld
from support.hostile_films import altered_tracks
from support.large_motion import without_sizes
from support.single_run import LIVE_NOTE, STREAM, VIDEO_NOTE, get

from tools.demo_media.movies import make_movie, make_silent_movie
from tools.demo_media.scenes import moving_scene

SOUND_NOTE = "69d7e2b6000000001d01a6c9"


@pytest.fixture(scope="module")
def film() -> bytes:
    """Three seconds with pictures and sound."""
    return make_movie("h264", 3, (160, 160), 30)


@pytest.mark.parametrize("what", ["no samples", "sound only", "a picture track without samples"])
def test_a_motion_that_shows_nothing(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, film: bytes, what: str
) -> None:
    """Refused on every mirror, once each: the still is archived, the motion is missing with its reason."""
    world, fake = altered
    films = {
        "no samples": altered_tracks(film, empty=(b"vide", b"soun")),
        "sound only": altered_tracks(film, drop=b"vide"),
        "a picture track without samples": altered_tracks(film, empty=(b"vide",)),
    }
    world.tells("v1", LIVE_NOTE, without_sizes)
    world.serves(STREAM[1:], films[what])
    left = get(fake, tmp_path)
    assert left.code == 3
    assert left.state() == "partial"
    assert left.gaps() == {"live-1": "no-picture"}
    assert left.is_untouched("image-1")
    assert fake.count("sns-v8.rednotecdn.com", STREAM) == 1
    assert fake.calls == [f"v1 {LIVE_NOTE}"]
    assert left.billed == ["yes"]


def test_a_video_that_shows_nothing_gives_way_to_a_rendition(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, film: bytes
) -> None:
    """The upload has sound only: it is refused, and the best rendition is archived."""
    world, fake = altered

    def without_digest(reply: Any) -> Any:
        reply["data"][0]["video_info_v2"]["media"]["video"]["md5"] = ""
        return reply

    world.tells("v6", VIDEO_NOTE, without_digest)
    world.serves("pre_post/", altered_tracks(film, drop=b"vide"))
    left = get(fake, tmp_path, notes=(VIDEO_NOTE,))
    assert left.code == 0
    assert left.files(VIDEO_NOTE)["video"]["quality"] == "rendition"
    assert {reason for _, reason in left.refused("video", VIDEO_NOTE)} == {"no-picture"}


def test_music_without_a_sound(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """A film without sound is no music, though an MP4 file may be one."""
    world, fake = altered
    key = world.notes[SOUND_NOTE].originals["music"]
    world.serves(key, make_silent_movie("h264", moving_scene(3, (160, 160), 30), 10))
    left = get(fake, tmp_path, notes=(SOUND_NOTE,))
    assert left.code == 3
    assert left.gaps(SOUND_NOTE) == {"music": "no-sound"}
