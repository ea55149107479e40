"""Thumbnails: as good to the eye as the slow way makes them, upright, in the web's colours."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

from tools.demo_media.scenes import draw_scene
from xharchive.images.encode import make_thumbnail

BOX = (360, 640)
MOST_PIXELS = 60_000_000
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")  # red is blue


def photograph(folder: Path, size: tuple[int, int], **saving: Any) -> Path:
    path = folder / "picture.jpg"
    draw_scene(7, size).save(path, quality=92, **saving)
    return path


def shrunk(path: Path, most: int = MOST_PIXELS) -> Image.Image:
    with path.open("rb") as file:
        data, width, height = make_thumbnail(file, "JPEG", most, *BOX)
    small = Image.open(BytesIO(data))
    assert small.format == "WEBP"
    assert small.size == (width, height)
    return small.convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Root of the mean square, in grey levels."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).rms)


def encoded(picture: Image.Image) -> Image.Image:
    sink = BytesIO()
    picture.save(sink, "WEBP", quality=80, method=4)
    return Image.open(sink).convert("RGB")


@pytest.mark.parametrize("size", [(96, 128), (700, 500), (1500, 2000), (2857, 2143), (3000, 200), (90, 4000)])
def test_the_fast_way_looks_like_the_slow_one(tmp_path: Path, size: tuple[int, int]) -> None:
    """Whatever fraction the decoder chose: it is no further from the original than the encoder alone is."""
    path = photograph(tmp_path, size)
    slow = Image.open(path)
    slow.load()
    slow.thumbnail(BOX, Image.Resampling.LANCZOS, reducing_gap=None)
    small = shrunk(path)
    assert small.size == slow.size
    assert difference(small, slow) < 1.1 * difference(encoded(slow), slow) + 0.3


@pytest.mark.parametrize("size", [(2400, 1800), (1800, 2400)])
def test_a_picture_that_lies_on_its_side_is_stood_up(tmp_path: Path, size: tuple[int, int]) -> None:
    """It fills the box as it is shown, not as it is stored, and is as sharp."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = photograph(tmp_path, size, exif=exif)
    slow = ImageOps.exif_transpose(Image.open(path))
    slow.thumbnail(BOX, Image.Resampling.LANCZOS, reducing_gap=None)
    small = shrunk(path)
    assert small.size == slow.size
    assert difference(small, slow) < 1.1 * difference(encoded(slow), slow) + 0.3


def test_profiles_do_not_rub_off(tmp_path: Path) -> None:
    """A profile is understood once; a picture with another one, or with nonsense, is not painted in it."""
    plain = shrunk(photograph(tmp_path, (300, 400)))
    for _ in range(2):
        assert difference(shrunk(photograph(tmp_path, (300, 400), icc_profile=SRGB)), plain) < 2
        assert difference(shrunk(photograph(tmp_path, (300, 400), icc_profile=SWAPPED)), plain) > 8
        for useless in (LAB, b"no profile"):
            assert difference(shrunk(photograph(tmp_path, (300, 400), icc_profile=useless)), plain) == 0


def test_more_pixels_than_allowed_are_not_decoded(tmp_path: Path) -> None:
    """However small a part of them would be decoded."""
    with pytest.raises(ValueError, match="more than 100 pixels"):
        shrunk(photograph(tmp_path, (300, 400)), most=100)
