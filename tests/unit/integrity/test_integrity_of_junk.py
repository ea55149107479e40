"""Files of millions of tiny parts are refused early, wherever the parts stand."""

import io
import struct

import pytest
from integrity_samples import FTYP, Track, box, look, movie, mvhd, numbers

from xharchive import media
from xharchive.integrity import parse_structure
from xharchive.media import Format

FREE = box("free")
UNKNOWN = box("junk")
JPEG_SCAN = b"\xff\xda\x00\x02"
JPEG_SEGMENT = b"\xff\xe1\x00\x02"
PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + bytes(17)
RIFF_CHUNK = b"AAAA" + bytes(4)
WINDOW = 1 << 18


class CountingFile(io.BytesIO):
    """A file that counts the bytes that were read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.bytes_read += len(found)
        return found


def riff(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + kind + body


def track_of_junk(boxes: int) -> bytes:
    """A track whose three levels hold that many boxes each, in front of what they are read for."""
    tables = box("minf", FREE * boxes, box("stbl", FREE * boxes))
    return box("trak", box("tkhd", bytes(84)), box("mdia", FREE * boxes, box("hdlr", bytes(12)), tables))


@pytest.mark.parametrize(
    ("found", "data", "problem"),
    [
        (media.MP4, FTYP + FREE * 400_000, "too many boxes"),
        (media.MP4, FTYP + UNKNOWN * 400_000, "too many boxes"),
        (media.MP4, movie(Track(chunks=None)) + UNKNOWN * 400_000, "too many boxes"),
        (media.HEIC, FTYP + FREE * 400_000, "too many boxes"),
        (media.JPEG, b"\xff\xd8" + JPEG_SCAN * 400_000, "too many scans"),
        (media.JPEG, b"\xff\xd8" + b"\xff" * 101_000, "the file has too many parts"),
        (media.JPEG, b"\xff\xd8" + JPEG_SEGMENT * 400_000, "the file has too many parts"),
        (media.PNG, PNG_START + (bytes(4) + b"aaaa" + bytes(4)) * 200_000, "the file has too many parts"),
        (media.WEBP, riff(b"WEBP", RIFF_CHUNK * 200_000), "the file has too many parts"),
        (media.WAV, riff(b"WAVE", RIFF_CHUNK * 200_000), "the file has too many parts"),
        (media.GIF, b"GIF89a" + bytes(7) + b"\x21\xf9\x00" * 400_000, "the file has too many parts"),
        (
            media.FLAC,
            b"fLaC\x00\x00\x00\x22" + bytes(34) + b"\x01\x00\x00\x00" * 400_000,
            "the file has too many parts",
        ),
    ],
)
def test_a_file_of_tiny_parts_is_refused(found: Format, data: bytes, problem: str) -> None:
    """No honest file has a hundred thousand parts, so the walk ends there."""
    seen = look(data, found)
    assert (seen.whole, seen.problem) == (False, problem)


def test_the_rest_of_a_file_of_tiny_boxes_is_not_read() -> None:
    """A film of 40 MB that consists of boxes of 8 bytes is given up within its first megabyte."""
    file = CountingFile(FTYP + FREE * 5_000_000)
    assert parse_structure(file, media.MP4).problem == "too many boxes"
    assert file.bytes_read <= 4 * WINDOW


def test_the_scans_of_a_jpeg_are_read_a_bounded_number_of_times() -> None:
    """Each tiny scan has a whole window read, so their number is bounded."""
    file = CountingFile(b"\xff\xd8" + JPEG_SCAN * 1_000_000)
    assert parse_structure(file, media.JPEG).problem == "too many scans"
    assert file.bytes_read <= 1_002 * WINDOW


@pytest.mark.parametrize(("tracks", "boxes"), [(1, 50_000), (20, 3_000), (2_000, 30)])
def test_boxes_are_bounded_over_all_levels_and_tracks(tracks: int, boxes: int) -> None:
    """Junk that is spread over many boxes counts together, so the work does not grow with the nesting."""
    data = FTYP + box("mdat", b"media") + box("moov", mvhd(), track_of_junk(boxes) * tracks)
    assert look(data, media.MP4).problem == "too many boxes"


def test_chunks_are_bounded_over_all_tracks() -> None:
    """Each track may have a million chunks, but not each of many tracks."""
    where = len(FTYP) + 8
    table = box("stco", numbers(0, 1_000_000), numbers(where) * 1_000_000)
    track = box(
        "trak",
        box("tkhd", bytes(84)),
        box("mdia", box("hdlr", bytes(12)), box("minf", box("stbl", table))),
    )
    data = FTYP + box("mdat", b"media") + box("moov", mvhd(), track * 4)
    assert look(data, media.MP4).problem == "too many chunks"
    assert look(FTYP + box("mdat", b"media") + box("moov", mvhd(), track * 2), media.MP4).whole


def test_a_film_in_many_fragments_is_whole() -> None:
    """Hours of film in fragments of a second stay far below the bound."""
    fragment = box("moof", bytes(64)) + box("mdat", bytes(16))
    data = FTYP + box("moov", mvhd(), box("mvex"), Track(chunks=None).box()) + fragment * 20_000
    assert look(data, media.MP4).whole
