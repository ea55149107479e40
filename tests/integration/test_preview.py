"""Previews of films that browsers may not show: made once, beside the gallery, never for the original."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from support.archive_paths import guarded
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE

H264_NOTE = "69922f5a000000001a00b4c6"

needs_av = pytest.mark.skipif(
    importlib.util.find_spec("av") is None, reason="PyAV is not installed: pip install '.[preview]'"
)


def codecs(path: Path) -> dict[str, str]:
    """What ffprobe says of a film's streams."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {stream["codec_type"]: stream["codec_name"] for stream in json.loads(done.stdout)["streams"]}


def hevc_notes(world: FakeWorld, archive: Path) -> list[Path]:
    """The HEVC originals of an archive."""
    films = [path for path in archive.glob("2*/*.mp4") if codecs(path).get("video") == "hevc"]
    assert films
    return films


@needs_av
@pytest.mark.needs("ffprobe")
def test_hevc_gets_a_preview_and_the_page_uses_it(world: FakeWorld, tmp_path: Path) -> None:
    """H.264, as long as the original, which stays as it is; made once."""
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.with_gallery]).code == 0
    (film,) = hevc_notes(world, tmp_path)
    before = film.read_bytes()
    ran = run(["preview", "-d", tmp_path])
    assert (ran.code, ran.out) == (
        0,
        "1 preview made; 0 were there, 0 videos need none, 0 could not be converted\n",
    )
    preview = tmp_path / "gallery" / "previews" / LIVE_NOTE / f"{film.name}.mp4"
    assert codecs(preview)["video"] == "h264"
    assert film.read_bytes() == before
    page = (folder_of(tmp_path, LIVE_NOTE) / "index.html").read_text("utf-8")
    assert f"../gallery/previews/{LIVE_NOTE}/{film.name}.mp4" in page
    assert run(["preview", "-d", tmp_path]).out.startswith("0 previews made; 1 was there")
    assert run(["verify", "-d", tmp_path]).code == 0


@needs_av
@pytest.mark.needs("ffprobe")
def test_what_a_browser_shows_and_what_is_no_film_get_none(world: FakeWorld, tmp_path: Path) -> None:
    """Nothing is written for either, and nothing is left behind."""
    assert run(["get", H264_NOTE, LIVE_NOTE, "-d", tmp_path, *world.with_gallery]).code == 0
    (film,) = folder_of(tmp_path, LIVE_NOTE).glob("*.mp4")
    film.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(400))
    ran = run(["preview", "-d", tmp_path])
    assert ran.code == 0
    assert ran.out.startswith("0 previews made")
    assert "1 could not be converted" in ran.out
    assert list((tmp_path / "gallery").rglob("previews/*")) == []


def test_without_the_extra_it_says_what_to_install(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 and one sentence."""
    assert run(["get", LIVE_NOTE, "-d", tmp_path, *world.with_gallery]).code == 0
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    ran = run(["preview", "-d", tmp_path])
    assert (ran.code, "pip install '.[preview]'" in ran.err) == (2, True)


@needs_av
@pytest.mark.parametrize(("turn", "size"), [(0, (64, 32)), (90, (32, 64)), (180, (64, 32)), (270, (32, 64))])
def test_a_film_that_is_to_be_turned_is_turned(tmp_path: Path, turn: int, size: tuple[int, int]) -> None:
    """As phones hold them: the preview shows what a player shows of the original."""
    flat, film, preview = tmp_path / "flat.mp4", tmp_path / "film.mp4", tmp_path / "preview.mp4"
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    make = ["-f", "lavfi", "-i", "testsrc=size=64x32:rate=5:duration=1", "-c:v", "mpeg4", "-q:v", "1"]
    subprocess.run([*ffmpeg, *make, str(flat)], check=True)
    turning = ["-i", str(flat), "-c", "copy", "-metadata:s:v", f"rotate={turn}"]
    subprocess.run([*ffmpeg, *turning, str(film)], check=True)
    request = {
        "original": guarded(film).as_json(),
        "preview": guarded(preview).as_json(),
        "longest": 640,
        "max_pixels": 10_000_000,
    }
    from xharchive.images.video_preview_worker import handle_request

    assert handle_request(request) == {"made": True}
    shots = []
    for path in (film, preview):
        shot = path.with_suffix(".png")
        subprocess.run([*ffmpeg, "-i", str(path), "-frames:v", "1", str(shot)], check=True)
        with Image.open(shot) as taken:
            shots.append(taken.convert("RGB").resize((16, 16)))
            assert taken.size == size
    difference = ImageChops.difference(*shots)
    assert max(difference.tobytes()) < 60, "it shows something else"
