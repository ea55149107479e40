"""The nouns: what a note id is, how a slot is written, and that values stay as they were made."""

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.media import AssetKind
from xharchive.models import Candidate, MediaSource, Note, NoteId, NoteType, Quality, Slot

ID = "69aed4e2000000000e00c358"


def test_an_id_carries_its_publish_time() -> None:
    """The first eight digits are Unix seconds."""
    assert NoteId(ID).published == datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC)
    assert str(NoteId(ID)) == ID


@given(st.integers(0, 16**24 - 1))
def test_every_24_hex_digits_are_an_id_with_a_time(number: int) -> None:
    """No id makes the time fail, the first and the last included."""
    note_id = NoteId(f"{number:024x}")
    assert note_id.published.tzinfo is UTC


@pytest.mark.parametrize("text", ["", ID[:-1], ID + "0", ID.upper(), ID + "\n", " " + ID, "g" * 24, "٠" * 24])
def test_anything_else_is_no_id(text: str) -> None:
    """A wrong id never gets as far as an API call or a path."""
    with pytest.raises(ValueError, match="not a note id"):
        NoteId(text)


def test_the_refusal_of_an_id_stays_short() -> None:
    """A megabyte of junk is not quoted in full."""
    with pytest.raises(ValueError, match="not a note id") as raised:
        NoteId("x" * 1_000_000)
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize(
    ("slot", "text"),
    [
        (Slot(AssetKind.IMAGE, 3), "image-3"),
        (Slot(AssetKind.VIDEO), "video"),
        (Slot(AssetKind.SUBTITLE, 0, "zh-CN"), "subtitle-zh-CN"),
        (Slot(AssetKind.COVER, 2, "x"), "cover-2-x"),
    ],
)
def test_a_slot_is_written_as_kind_place_and_label(slot: Slot, text: str) -> None:
    """Work files and messages name an asset by this text."""
    assert str(slot) == text


def test_qualities_are_listed_best_first() -> None:
    """The order of the names is the order of preference (docs/api.md#quality)."""
    assert list(Quality) == ["original", "rendition", "transcode", "degraded"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (NoteId(ID), "text"),
        (Slot(AssetKind.IMAGE), "position"),
        (MediaSource("f"), "url"),
        (Candidate("https://x", Quality.ORIGINAL, "f"), "url"),
        (Note(NoteId(ID), NoteType.IMAGE, ()), "title"),
    ],
)
def test_nouns_never_change(value: object, name: str) -> None:
    """Values are handed from room to room, so nobody may write on them."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, "other")
