"""Width and height are told as a picture is shown."""

import io

import pytest
from image_samples import drawing, exif, heic
from PIL import Image

from xharchive.images.decode import decode_and_convert


@pytest.fixture(autouse=True)
def _pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a worker sets for its whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def turned(kind: str, orientation: int) -> bytes:
    """A picture of 64 x 48 stored pixels."""
    sink = io.BytesIO()
    drawing().save(sink, kind, exif=exif(orientation))
    return sink.getvalue()


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize(
    ("orientation", "sides"), [(1, (64, 48)), (3, (64, 48)), (6, (48, 64)), (8, (48, 64))]
)
def test_a_turned_picture_tells_the_sides_that_are_seen(
    name: str, orientation: int, sides: tuple[int, int]
) -> None:
    """And how its pixels are turned for that."""
    picture, _ = decode_and_convert(turned(name.upper(), orientation), name, 10_000, None)
    assert (picture.width, picture.height, picture.orientation) == (*sides, orientation)


def test_a_heif_is_upright_when_it_is_decoded() -> None:
    """Its own boxes turn it, whatever its EXIF says besides."""
    picture, _ = decode_and_convert(heic(exif=exif(6)), "heif", 10_000, None)
    assert picture.orientation == 1


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_an_orientation_that_is_none_turns_nothing(orientation: int) -> None:
    """EXIF counts from 1 to 8."""
    picture, _ = decode_and_convert(turned("JPEG", orientation), "jpeg", 10_000, None)
    assert (picture.width, picture.height, picture.orientation) == (64, 48, 1)
