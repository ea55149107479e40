"""The small version made with a derivative: as the gallery would make it, and never at its expense."""

import io
import random
from pathlib import Path
from typing import Any

import pytest
from image_samples import SRGB, exif, heic
from PIL import Image, ImageChops, ImageStat
from support.archive_paths import guarded

from tools.demo_media.scenes import draw_scene
from xharchive.archive_path import ArchivePath
from xharchive.images import ImageFormat
from xharchive.images.decode import decode_and_convert
from xharchive.images.encode import EncodedFiles, Recipe, make_thumbnail
from xharchive.images.worker import handle_request

BOX = (360, 640)
ENOUGH = 60_000_000
PILLOWS = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}
SWAPPED = SRGB.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")  # red is blue


def made(data: bytes, target: str, thumbnail: tuple[int, int] | None = BOX) -> EncodedFiles:
    return decode_and_convert(data, "heif", ENOUGH, Recipe(target, 90, thumbnail))[1]


@pytest.mark.slow
@pytest.mark.parametrize("target", list(PILLOWS))
@pytest.mark.parametrize("options", [{}, {"icc_profile": SWAPPED}, {"mode": "RGBA"}, {"exif": exif(6)}])
def test_it_is_what_the_gallery_would_make_of_the_derivative(target: str, options: dict[str, Any]) -> None:
    """Its pixels, its size and its colours; and the derivative is the same without it, byte for byte."""
    data = heic(size=(1600, 1200), **options)
    files = made(data, target)
    later, *size = make_thumbnail(io.BytesIO(files.derivative), PILLOWS[target], ENOUGH, *BOX)
    ours, theirs = (Image.open(io.BytesIO(each)) for each in (files.thumbnail, later))
    assert [*ours.size] == [*theirs.size] == size
    assert ours.mode == theirs.mode
    assert max(ImageStat.Stat(ImageChops.difference(ours, theirs)).rms) < 3
    assert made(data, target, thumbnail=None) == EncodedFiles(files.derivative)


@pytest.mark.slow
def test_of_a_picture_full_of_grain_it_is_nearly_the_same() -> None:
    """The derivative has lost some grain; the small version was made before."""
    size = (1600, 1200)
    grain = Image.frombytes("RGB", size, random.Random(2).randbytes(size[0] * size[1] * 3))  # noqa: S311
    sink = io.BytesIO()
    Image.blend(draw_scene(3, size), grain, 0.25).save(sink, "HEIF", quality=90)
    files = made(sink.getvalue(), "jpeg")
    with (
        Image.open(io.BytesIO(files.derivative)) as large,
        Image.open(io.BytesIO(files.thumbnail)) as thumbnail,
    ):
        large.thumbnail(BOX, Image.Resampling.LANCZOS, reducing_gap=None)
        assert max(ImageStat.Stat(ImageChops.difference(large, thumbnail.convert("RGB"))).rms) < 8


def request(folder: Path, thumbnail: Path) -> dict[str, Any]:
    """A request as the pool's clients make it."""
    original = folder / "01.heic"
    original.write_bytes(heic(size=(800, 600)))
    return {
        "original": guarded(original).as_json(),
        "format": "heif",
        "derivative": guarded(folder / "01.jpg").as_json(),
        "target": ImageFormat.JPEG.value,
        "quality": 92,
        "max_pixels": ENOUGH,
        "thumbnail": {
            "path": ArchivePath(folder, thumbnail.parent.name, thumbnail.name).as_json(),
            "width": 360,
            "height": 640,
        },
    }


def test_it_lies_there_whole(tmp_path: Path) -> None:
    """In a folder that was made for it, under its own name and no other; an older one is replaced."""
    thumbnail = tmp_path / "aside" / "a.webp"
    for _ in range(2):
        assert handle_request(request(tmp_path, thumbnail))["derivative"]["size"] > 0
        assert [path.name for path in thumbnail.parent.iterdir()] == ["a.webp"]
        with Image.open(thumbnail) as picture:
            assert (picture.format, picture.size) == ("WEBP", (360, 270))
        (tmp_path / "01.jpg").unlink()


@pytest.mark.parametrize("trouble", ["its folder is a link", "its folder is a file", "a folder has its name"])
def test_the_derivative_is_there_without_it(tmp_path: Path, trouble: str) -> None:
    """Nothing is told, nothing is written elsewhere: the gallery makes what is not there."""
    thumbnail, victim = tmp_path / "aside" / "a.webp", tmp_path / "victim"
    victim.mkdir()
    if trouble == "its folder is a link":
        thumbnail.parent.symlink_to(victim)
    elif trouble == "its folder is a file":
        thumbnail.parent.write_text("mine")
    else:
        (thumbnail / "theirs").mkdir(parents=True)
    told = handle_request(request(tmp_path, thumbnail))
    assert (tmp_path / "01.jpg").stat().st_size == told["derivative"]["size"]
    assert not thumbnail.is_file()
    assert list(victim.iterdir()) == []


def test_half_of_one_is_in_nobodys_way(tmp_path: Path) -> None:
    """A worker was killed over it, or somebody planted a link: it is replaced, not written to."""
    thumbnail, victim = tmp_path / "aside" / "a.webp", tmp_path / "victim"
    thumbnail.parent.mkdir()
    thumbnail.with_name("a.webp.new").symlink_to(victim)
    assert handle_request(request(tmp_path, thumbnail))["derivative"]["size"] > 0
    assert thumbnail.stat().st_size > 0
    assert not victim.exists()
    assert [path.name for path in thumbnail.parent.iterdir()] == ["a.webp"]


def test_one_that_cannot_be_made_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The derivative is whole."""

    def refuse(*_: object) -> None:
        raise MemoryError

    data = heic(size=(800, 600))
    expected = made(data, "jpeg", thumbnail=None)
    monkeypatch.setattr("xharchive.images.encode.encode_thumbnail", refuse)
    assert made(data, "jpeg") == expected
