"""JPEG, PNG, WebP and GIF."""

import io
import struct

import pytest
from integrity_samples import look, picture

from xharchive import media
from xharchive.integrity import StructureError
from xharchive.integrity.jpeg_png_gif_webp import jpeg_header_frames
from xharchive.media import Format

JPEG, PNG, GIF = picture("JPEG"), picture("PNG"), picture("GIF")
PLAIN_WEBP, EXTENDED_WEBP = picture("WEBP"), picture("WEBP", xmp=b"<x/>")


@pytest.mark.parametrize(
    ("found", "data"),
    [
        (media.JPEG, JPEG),
        (media.PNG, PNG),
        (media.GIF, GIF),
        (media.WEBP, PLAIN_WEBP),
        (media.WEBP, picture("WEBP", lossless=True)),
        (media.WEBP, EXTENDED_WEBP),
    ],
)
def test_it_tells_the_size(found: Format, data: bytes) -> None:
    """Width and height stand in every header."""
    assert (look(data, found).width, look(data, found).height) == (64, 48)


@pytest.mark.parametrize(("found", "data"), [(media.JPEG, JPEG), (media.PNG, PNG), (media.GIF, GIF)])
def test_anything_may_follow_the_end_mark(found: Format, data: bytes) -> None:
    """Motion photos append a video, editors padding."""
    assert look(data + bytes(500) + b"MotionPhoto", found).whole


def test_an_end_mark_inside_a_jpegs_thumbnail_proves_nothing() -> None:
    """A cut JPEG whose EXIF holds a whole small one stays cut."""
    thumbnail = b"\xff\xe1" + (len(JPEG) + 2).to_bytes(2, "big") + JPEG
    data = JPEG[:2] + thumbnail + JPEG[2:]
    assert look(data, media.JPEG).whole
    assert look(data[:-2], media.JPEG).problem == "the file ends inside the picture data"


def test_restart_marks_stuffing_and_fill_bytes_belong_to_a_jpeg() -> None:
    """Only a real marker ends a scan, and a marker may be preceded by any number of 0xFF."""
    scan = JPEG.index(b"\xff\xda")
    data = JPEG[:scan] + b"\xff\xff" + JPEG[scan:-2] + b"\xff\x00\xff\xd0\xff\xd7\xff\xff" + JPEG[-2:]
    assert look(data, media.JPEG).whole


def test_a_long_scan_is_searched_in_steps() -> None:
    """A marker is found where two steps meet."""
    start = JPEG.index(b"\xff\xda")
    head = start + 2 + int.from_bytes(JPEG[start + 2 : start + 4], "big")
    for length in ((1 << 18) - 1, 1 << 18, 3 << 18):
        data = JPEG[:head] + bytes(length) + b"\xff\xd9"
        assert look(data, media.JPEG).whole
        assert not look(data[:-1], media.JPEG).whole


def test_a_moving_webp_keeps_its_pixels_in_frames() -> None:
    """ANMF chunks are pixels too."""
    payload = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\x3f\x00\x00\x2f\x00\x00"
    payload += b"ANMF" + struct.pack("<I", 3) + b"abc\x00"
    data = b"RIFF" + struct.pack("<I", 4 + len(payload)) + b"WEBP" + payload
    assert (look(data, media.WEBP).width, look(data, media.WEBP).height) == (64, 48)


def test_gifs_with_a_table_for_each_picture_are_walked() -> None:
    """Local colour tables and extensions are passed over; a global table may be missing."""
    image = b"\x2c" + bytes(8) + b"\x80" + bytes(6) + b"\x02\x02\x4c\x01\x00"
    data = b"GIF89a" + b"\x40\x00\x30\x00" + bytes(3) + b"\x21\xf9\x04" + bytes(4) + b"\x00" + image + b"\x3b"
    assert look(data, media.GIF).whole


@pytest.mark.parametrize(
    ("found", "data", "problem"),
    [
        (media.JPEG, b"\xff\xd9", "the first bytes are another format's"),
        (media.JPEG, b"\xff\xd8\xff\xd9", "the image has no pixels"),
        (media.JPEG, JPEG[:2] + b"\x00" + JPEG[2:], "a marker is missing"),
        (media.JPEG, JPEG[:2] + b"\xff\xe1\x00\x01" + JPEG[2:], "a segment has an impossible size"),
        (media.PNG, PNG[:12] + b"IDAT" + PNG[16:], "the first bytes are another format's"),
        (media.PNG, PNG[:33] + PNG[-12:], "the image has no pixels"),
        (media.PNG, PNG[:-2], "the file ends inside a chunk"),
        (media.WEBP, PLAIN_WEBP[:-1], "the file is shorter than it says"),
        (media.WEBP, PLAIN_WEBP[:4] + b"\x10" + PLAIN_WEBP[5:], "the chunks do not fill the file"),
        (media.WEBP, b"RIFF\x04\x00\x00\x00WEBP", "the image has no pixels"),
        (media.GIF, GIF[:13] + b"\x3b", "the file ends too early"),
        (media.GIF, GIF[:10] + b"\x00" + GIF[11:13] + b"\x3b", "the image has no pixels"),
        (media.GIF, GIF[:10] + b"\x00" + GIF[11:13] + b"\x99", "an unknown block"),
    ],
)
def test_a_broken_picture_is_refused_with_its_reason(found: Format, data: bytes, problem: str) -> None:
    """What is missing or impossible is named in a few words."""
    seen = look(data, found)
    assert (seen.whole, seen.problem) == (False, problem)


def test_a_hostile_amount_of_parts_ends_the_walk() -> None:
    """Millions of parts are no honest picture."""
    data = GIF[:10] + b"\x00" + GIF[11:13] + b"\x21\xfe" + b"\x01a" * 1_000_001 + b"\x00\x3b"
    assert look(data, media.GIF).problem == "the file has too many parts"


@pytest.mark.parametrize(
    ("found", "data"),
    [(media.JPEG, JPEG), (media.PNG, PNG), (media.GIF, GIF), (media.WEBP, PLAIN_WEBP)],
)
def test_what_follows_the_end_mark_proves_nothing(found: Format, data: bytes) -> None:
    """A gain map or a motion behind the picture can be cut unseen: then only a length proves the transfer."""
    assert look(data, found).proves_length
    for tail in (b"\x00", b"MotionPhoto", JPEG):
        seen = look(data + tail, found)
        assert seen.whole
        assert not seen.proves_length


@pytest.mark.parametrize(("found", "data"), [(media.JPEG, JPEG), (media.PNG, PNG), (media.GIF, GIF)])
def test_a_missing_end_mark_is_told_from_a_cut_file(found: Format, data: bytes) -> None:
    """Neither is whole; where only the mark is missing, the size is known and a decoder may look further."""
    mark = {"jpeg": 2, "png": 12, "gif": 1}[found.name]
    for missing in range(1, mark + 1):
        seen = look(data[:-missing], found)
        assert (seen.whole, seen.lacks_end_marker) == (False, True)
        assert (seen.width, seen.height) == (64, 48)
    if found is not media.JPEG:  # whether a scan is complete only a decoder knows
        assert not look(data[: -mark - 1], found).lacks_end_marker


@pytest.mark.parametrize(
    "data", [JPEG[:30], PNG[:33], GIF[:13], JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") : -2]]
)
def test_a_picture_without_pixels_lacks_more_than_its_end_mark(data: bytes) -> None:
    """It ends behind its header, or its size is nowhere."""
    found = {0xFF: media.JPEG, 0x89: media.PNG, 0x47: media.GIF}[data[0]]
    assert not look(data, found).lacks_end_marker


def test_a_jpeg_that_ends_before_its_first_scan_has_no_usable_header() -> None:
    """A decoder may read other segments than the walk."""
    with pytest.raises(StructureError, match="irregular"):
        jpeg_header_frames(io.BytesIO(b"\xff\xd8\xff\xd9\x00\x02"))
