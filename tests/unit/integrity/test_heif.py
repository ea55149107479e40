"""HEIF and AVIF."""

import pytest
from integrity_samples import FTYP, Track, box, endless_box, heif, item_places, look, mvhd

from xharchive import media


@pytest.mark.parametrize("version", [0, 1, 2])
def test_items_inside_the_file_are_whole(version: int) -> None:
    """All three versions of the item location box are read."""
    assert look(heif(item_places(version, [(0, [(100, 8), (104, 2)])])), media.HEIC).whole


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_item_that_reaches_beyond_the_file_is_missing_bytes(version: int) -> None:
    """The base offset counts."""
    seen = look(heif(item_places(version, [(0, [(1, 8)])], base=5000)), media.HEIC)
    assert seen.problem == "an item lies outside the file"


def test_items_that_lie_elsewhere_are_not_measured() -> None:
    """Construction method 1 means inside the meta box: its offsets have another origin."""
    assert look(heif(item_places(1, [(1, [(5000, 8)])])), media.HEIC).whole


def test_a_sequence_without_items_is_checked_as_a_movie() -> None:
    """Brands like `msf1` may have tracks only."""
    head = box("ftyp", b"msf1", bytes(4), b"msf1")
    assert look(head + box("moov", mvhd(), Track().box()) + box("mdat"), media.HEIC).whole
    assert look(head + box("mdat"), media.HEIC).problem == "there is no moov box"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (box("meta"), "there is no ftyp box"),
        (FTYP + box("meta"), "there is no iloc box"),
        (FTYP + box("meta", bytes(4), box("free")), "there is no iloc box"),
        (heif(item_places(0, [(0, [])])[:-4] + b"\x00\x00\xff\xff"), "a table ends too early"),
        (heif(item_places(0, [(0, [(0, 0)] * 60_000)] * 2)), "too many items"),
        (
            heif(box("iloc", bytes([0, 0, 0, 0, 0, 0, 0, 1])) + box("free", bytes(40))),
            "a table ends too early",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_picture_is_refused_with_its_reason(data: bytes, problem: str) -> None:
    """Missing parts, tables that end too early and hostile amounts."""
    assert look(data, media.HEIC).problem == problem


@pytest.mark.parametrize(
    "tail", [bytes(4), b"sefd behind it", box("mpvd", bytes(40))[:-1], endless_box("mpvd")]
)
def test_a_tail_leaves_a_picture_whole_and_unproven(tail: bytes) -> None:
    """All items are there; a motion behind them may be cut, or have no end of its own."""
    seen = look(heif(item_places(1, [(0, [(100, 8)])])) + tail, media.HEIC)
    assert (seen.whole, seen.proves_length) == (True, False)
