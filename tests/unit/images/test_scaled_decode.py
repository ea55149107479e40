"""A JPEG that is only checked is decoded in small: docs/decisions/0012. It must never say anything else."""

import io
import random

import pytest
from image_samples import drawing, encoded
from jpeg_samples import mutant, of_every_kind
from PIL import Image, JpegImagePlugin

from xharchive.images import DecodedImage, DecodeStatus, decode
from xharchive.images.decode import can_decode_scaled, decode_and_convert
from xharchive.images.encode import Recipe
from xharchive.integrity.jpeg_png_gif_webp import jpeg_header_frames

ENOUGH = 1_000_000
MUTANTS = 4_000
SAMPLES = tuple(of_every_kind())


@pytest.fixture(autouse=True)
def _pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a worker sets for its whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def said(data: bytes) -> DecodedImage:
    return decode_and_convert(data, "jpeg", ENOUGH, None)[0]


def both_ways(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[DecodedImage, DecodedImage]:
    """What the check says, and what a decode of every pixel says."""
    in_small = said(data)
    with monkeypatch.context() as patch:
        patch.setattr(decode, "can_decode_scaled", lambda _head: False)
        return in_small, said(data)


def assert_alike(data: bytes, monkeypatch: pytest.MonkeyPatch) -> DecodeStatus:
    in_small, in_full = both_ways(data, monkeypatch)
    assert in_small == in_full, data.hex()
    return in_full.verdict


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_a_healthy_jpeg_is_the_same_picture(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind takes the short way, and keeps the size of the whole picture."""
    data = SAMPLES[number]
    assert can_decode_scaled(data)
    assert assert_alike(data, monkeypatch) is DecodeStatus.DECODED


@pytest.mark.parametrize("number", range(0, len(SAMPLES), 5))
def test_a_cut_is_seen_wherever_it_is(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder in small reads all coded data: it misses a byte exactly where the other does."""
    data = SAMPLES[number]
    verdicts = [assert_alike(data[:cut], monkeypatch) for cut in range(2, len(data), max(1, len(data) // 60))]
    assert DecodeStatus.UNREADABLE in verdicts


@pytest.mark.parametrize("seed", range(4))
def test_no_accident_is_judged_otherwise(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of damaged files: the verdict, its reason and every number are those of a full decode."""
    chance = random.Random(seed)  # noqa: S311 - accidents, no secret
    verdicts = {
        assert_alike(mutant(chance, chance.choice(SAMPLES), chance.choice(SAMPLES)), monkeypatch)
        for _ in range(MUTANTS // 4)
    }
    assert {DecodeStatus.DECODED, DecodeStatus.UNREADABLE} <= verdicts


@pytest.mark.parametrize("frame", [0xC3, 0xC5, 0xC9, 0xCA, 0xCB])
def test_other_frames_are_decoded_in_full(frame: int) -> None:
    """Nothing is proven about lossless, differential and arithmetic frames."""
    data = encoded("JPEG")
    at = data.index(b"\xff\xc0")
    other = data[: at + 1] + bytes([frame]) + data[at + 2 :]
    assert jpeg_header_frames(io.BytesIO(other)) == [frame]
    assert not can_decode_scaled(other)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (0, b"\x00"),
        (2, b"\xff"),
        (2, b"\xff\xd0"),
        (2, b"\xff\xe0\x00\x01"),
        (2, b"\xff\xe0\xff\xff"),
        (2, b"x"),
    ],
)
def test_an_irregular_head_is_decoded_in_full(where: int, what: bytes) -> None:
    """Where this program and the decoder might read different segments, no short way is taken."""
    data = encoded("JPEG")
    other = data[:where] + what + data[where + len(what) * (where == 0) :]
    assert can_decode_scaled(data)
    assert not can_decode_scaled(other)
    assert not can_decode_scaled(data[: data.index(b"\xff\xda")])


def test_two_frames_are_decoded_in_full() -> None:
    """A decoder may take either."""
    data = encoded("JPEG")
    at = data.index(b"\xff\xc0")
    twice = data[:at] + data[at : at + 19] + data[at:]
    assert jpeg_header_frames(io.BytesIO(twice)) == [0xC0, 0xC0]
    assert not can_decode_scaled(twice)


def test_a_derivative_is_made_of_every_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a recipe nothing is decoded in small."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", refuse)
    picture, made = decode_and_convert(encoded("JPEG"), "jpeg", ENOUGH, Recipe("png", 1))
    assert picture.verdict is DecodeStatus.DECODED
    assert made.derivative
    assert drawing().size == (picture.width, picture.height)
