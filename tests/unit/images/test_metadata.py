"""The metadata blocks: edited in place, whatever their shape."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_samples import CHINESE, exif
from PIL import ExifTags, Image

from xharchive.images.decode import short_reason
from xharchive.images.image_metadata import (
    MetadataBlocks,
    collect_metadata,
    fit_into_jpeg,
    has_gain_map,
    without_maker_note,
    without_orientation,
)

PREFIX = b"Exif\x00\x00"


def tags(data: bytes) -> Image.Exif:
    """Read EXIF back by Pillow."""
    whole = Image.Exif()
    whole.load(PREFIX + data)
    return whole


def little(value_type: int, value: int) -> bytes:
    """A little-endian EXIF block with an orientation only."""
    entry = b"\x12\x01" + value_type.to_bytes(2, "little") + b"\x01\x00\x00\x00" + value.to_bytes(4, "little")
    return b"II*\x00\x08\x00\x00\x00\x01\x00" + entry + bytes(4)


@pytest.mark.parametrize("value_type", [3, 4])
def test_an_orientation_is_set_upright_in_either_type(value_type: int) -> None:
    """Some writers make it a LONG."""
    told = collect_metadata({"exif": little(value_type, 6)}, "RGB").exif
    assert told == little(3, 1)


def test_taking_the_orientation_out_moves_nothing_else() -> None:
    """The other entries and their values are found where they were."""
    data = exif(6).removeprefix(PREFIX)
    without = without_orientation(data)
    assert len(without) == len(data)
    assert ExifTags.Base.Orientation not in tags(without)
    assert tags(without)[ExifTags.Base.ImageDescription].encode("latin-1") == CHINESE.encode()
    assert tags(without).get_ifd(ExifTags.IFD.Exif) == tags(data).get_ifd(ExifTags.IFD.Exif)
    assert without_orientation(without) == without


def test_what_is_no_exif_is_left_out() -> None:
    """A block without a TIFF header would only confuse readers."""
    assert collect_metadata({"exif": b"Exif\x00\x00rubbish"}, "RGB") == MetadataBlocks(lost=("exif",))
    assert collect_metadata({"exif": None, "icc_profile": None}, "RGB") == MetadataBlocks()


def test_long_exif_that_cannot_be_read_is_left_out() -> None:
    """What cannot be shortened does not fit."""
    rubbish = b"MM\x00*" + b"\xff" * 70_000
    assert fit_into_jpeg(MetadataBlocks(exif=rubbish)) == MetadataBlocks(lost=("exif",))


def test_cutting_the_maker_note_out_keeps_everything_else() -> None:
    """Text, types and offsets before and behind it are found as they were; only the note is gone."""
    data = exif(6, maker_note=3000, comment=50).removeprefix(PREFIX)
    cut = without_maker_note(data)
    assert cut is not None
    assert len(data) - len(cut) == 3010
    before, after = tags(data), tags(cut)
    details = dict(before.get_ifd(ExifTags.IFD.Exif))
    del details[ExifTags.Base.MakerNote]
    assert after.get_ifd(ExifTags.IFD.Exif) == details
    assert after[ExifTags.Base.ImageDescription] == before[ExifTags.Base.ImageDescription]


def test_there_may_be_no_maker_note() -> None:
    """Then there is nothing to cut out."""
    assert without_maker_note(exif().removeprefix(PREFIX)) is None
    assert without_maker_note(little(3, 6)) is None


def test_a_maker_note_that_holds_other_parts_stays() -> None:
    """A directory inside the note would be cut with it: better not."""
    data = exif(6, maker_note=3000).removeprefix(PREFIX)
    note = data.index(b"Apple iOS")
    directory = int.from_bytes(data[4:8], "big" if data[:2] == b"MM" else "little")
    order: Literal["big", "little"] = "big" if data[:2] == b"MM" else "little"
    inside = (note + 100).to_bytes(4, order)
    count = int.from_bytes(data[directory : directory + 2], order)
    link = directory + 2 + count * 12
    assert without_maker_note(data[:link] + inside + data[link + 4 :]) is None


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=8))
def test_mutated_exif_raises_nothing(edits: list[tuple[int, int]]) -> None:
    """Offsets may point anywhere, loops included."""
    data = bytearray(exif(6, maker_note=40).removeprefix(PREFIX))
    for place, value in edits:
        data[place % len(data)] = value
    cut = without_maker_note(bytes(data))
    assert cut is None or len(cut) <= len(data)
    assert len(without_orientation(bytes(data))) == len(data)


@given(st.binary(max_size=200))
def test_arbitrary_exif_raises_nothing(data: bytes) -> None:
    """Any bytes behind a TIFF header can be handled."""
    for header in (b"II*\x00", b"MM\x00*"):
        told = collect_metadata({"exif": header + data}, "RGB").exif
        assert len(told) == len(header + data)
        assert len(without_orientation(told)) == len(told)


def test_a_gain_map_needs_a_name() -> None:
    """Short and empty files have none."""
    assert not has_gain_map(b"")
    assert not has_gain_map(b"\x00\x00\x00\x18ftypheic")


def test_a_refusal_is_one_short_line() -> None:
    """No addresses of objects, no control characters, no empty text."""

    assert short_reason(ValueError("")) == "ValueError"
    assert short_reason(ValueError("cannot read <object at 0x7f>")) == "ValueError"
    assert short_reason(ValueError("two\nlines\x1b[2J.")) == "two lines [2J"
    assert len(short_reason(ValueError("x" * 500))) == 120


@pytest.mark.parametrize("head", [b"", b"Exif\0\0", b"\xff\xe1\x00\x7aExif\0\0"])
def test_exif_is_found_behind_the_head_of_a_jpeg_segment(head: bytes) -> None:
    """Some writers copy a whole segment into a HEIC, marker and length and all."""
    tiff = exif(6).removeprefix(PREFIX)
    blocks = collect_metadata({"exif": head + tiff}, "RGB")
    assert blocks.lost == ()
    assert CHINESE.encode() in blocks.exif
    assert blocks.exif[:4] == tiff[:4]
