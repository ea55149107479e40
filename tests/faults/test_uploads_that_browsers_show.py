"""Uploads that browsers show and a strict decoder refuses are archived as they are."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from support.altered_demo_world import AlteredWorld
from support.fake_world import FakeWorld
from support.single_run import get

NOTE = "6a4c0a12000000002001f7e6"
"""Two pictures, both declared as 900x1200."""


def upload(world: AlteredWorld, body: bytes, slot: str = "image-1") -> str:
    """Have a picture's own bytes, and all that is made of it, be these; return its key."""
    key = world.notes[NOTE].originals[slot]
    world.serves(key, body)
    world._loaded = {**world._loaded, key: body}
    return key


def scene() -> Image.Image:
    return Image.effect_mandelbrot((900, 1200), (-2, -1.5, 1, 1.5), 20).convert("RGB")


def encoded(picture: Image.Image, kind: str, **settings: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **settings)
    return sink.getvalue()


def long_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    return encoded(scene(), "PNG", pnginfo=text)


def wrong_crc() -> bytes:
    png = encoded(scene(), "PNG", dpi=(72, 72))
    at = png.index(b"pHYs") + 13
    return png[:at] + bytes(4) + png[at + 4 :]


UPLOADS: dict[str, Callable[[], bytes]] = {
    "2 MB of text in a PNG": long_text,
    "a wrong CRC in a PNG": wrong_crc,
    "a PNG without IEND": lambda: encoded(scene(), "PNG")[:-12],
    "a JPEG without its end mark": lambda: encoded(scene(), "JPEG", quality=90)[:-2],
    "a GIF without its trailer": lambda: encoded(scene().quantize(64), "GIF")[:-1],
}


@pytest.mark.parametrize("what", UPLOADS)
def test_it_is_archived_with_one_request(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, what: str
) -> None:
    """The first address gives it, nothing else is asked for, and the note is complete."""
    world, fake = altered
    key = upload(world, UPLOADS[what]())
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 0
    assert left.is_complete(NOTE)
    assert left.files(NOTE)["image-1"]["quality"] == "original"
    assert "decoded" in left.files(NOTE)["image-1"]["checks"]
    assert [request for request in fake.media if key in request] == [f"ci.xiaohongshu.com/{key}"]
    assert fake.calls == [f"v1 {NOTE}"]


def test_a_jpeg_that_was_cut_is_refused_however_it_was_announced(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """The CDN itself has only half of it, with a length that is met: more than the end mark is missing."""
    world, fake = altered
    whole = encoded(scene(), "JPEG", quality=90)
    upload(world, whole[: len(whole) // 2])
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 3
    assert left.gaps(NOTE) == {"image-1": "not-whole"}


def test_a_jpeg_without_end_mark_and_without_length_is_refused(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """Nothing proves that only the mark is missing."""
    world, fake = altered
    upload(world, encoded(scene(), "JPEG", quality=90)[:-2])
    fake.everywhere = "c"
    left = get(fake, tmp_path, notes=(NOTE,))
    assert left.code == 3
    assert "image-1" in left.gaps(NOTE)
