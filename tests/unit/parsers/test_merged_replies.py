"""What several replies say together, and whether it is enough (docs/architecture.md#the-way-of-a-note)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from xharchive.media import AssetKind
from xharchive.models import (
    Asset,
    Author,
    Counts,
    MediaSource,
    Mention,
    Note,
    NoteId,
    NoteType,
    Quality,
    Slot,
)
from xharchive.parsers import is_sufficient, merge, missing_slots

_ID = NoteId("69aed4e2000000000e00c358")
_VIDEO = Slot(AssetKind.VIDEO)
_COVER = Slot(AssetKind.COVER)


def _note(endpoint: str, kind: NoteType, *assets: Asset, motion_known: bool = True) -> Note:
    return Note(_ID, kind, (endpoint,), motion_known=motion_known, assets=assets)


def _asset(slot: Slot, *names: str, endpoint: str = "v1") -> Asset:
    sources = tuple(
        MediaSource("f", url=name) if "://" in name else MediaSource("f", key=name, quality=Quality.ORIGINAL)
        for name in names
    )
    return Asset(slot, endpoint, sources)


def _still(position: int) -> Slot:
    return Slot(AssetKind.IMAGE, position)


def _live(position: int) -> Slot:
    return Slot(AssetKind.LIVE, position)


def _names(note: Note) -> dict[str, list[str]]:
    return {str(each.slot): [source.url or source.key for source in each.sources] for each in note.assets}


def test_the_later_reply_brings_the_video() -> None:
    """A cover from v1 and a video from PGY are one whole note."""
    first = _note("v1", NoteType.VIDEO, _asset(_COVER, "c"))
    later = _note(
        "pgy", NoteType.VIDEO, _asset(_VIDEO, "v"), _asset(_COVER, "spectrum/c"), motion_known=False
    )
    both = merge(first, later)
    assert _names(both) == {"video": ["v"], "cover": ["c", "spectrum/c"]}
    assert both.replies == ("v1", "pgy")
    assert both.motion_known
    assert (is_sufficient(first), is_sufficient(both)) == (False, True)


def test_a_slot_without_sources_is_filled() -> None:
    """What the first only declared the later may have."""
    first = _note("v1", NoteType.IMAGE, _asset(_still(1), "a"), _asset(_still(2)))
    later = _note("v3", NoteType.IMAGE, _asset(_still(1), "a"), _asset(_still(2), "b", endpoint="v3"))
    both = merge(first, later)
    assert _names(both) == {"image-1": ["a"], "image-2": ["b"]}
    assert both.assets[1].endpoint == "v3"


def test_further_sources_stand_behind() -> None:
    """The first's sources keep their rank, and the same one is not listed twice; sizes fill up."""
    one = replace(_asset(_still(1), "n/a", "https://h/a?1"), width=5)
    two = replace(_asset(_still(1), "https://h/a?1", "https://h/a?2"), width=6, height=7, duration_ms=8)
    (both,) = merge(_note("v1", NoteType.IMAGE, one), _note("v3", NoteType.IMAGE, two)).assets
    assert [source.url or source.key for source in both.sources] == ["n/a", "https://h/a?1", "https://h/a?2"]
    assert (both.width, both.height, both.duration_ms) == (5, 7, 8)


def test_motions_join_the_pictures_they_belong_to() -> None:
    """PGY's pictures get their motions from an app reply that shows the same pictures."""
    first = _note(
        "pgy", NoteType.IMAGE, _asset(_still(1), "s/a"), _asset(_still(2), "s/b"), motion_known=False
    )
    later = _note("v1", NoteType.IMAGE, _asset(_still(1), "a"), _asset(_still(2), "b"), _asset(_live(2), "m"))
    both = merge(first, later)
    assert list(_names(both)) == ["image-1", "image-2", "live-2"]
    assert (is_sufficient(first), is_sufficient(both)) == (False, True)


def test_pictures_that_disagree_are_not_mixed() -> None:
    """After an edit in between, no still gets another picture's motion, and motions stay unknown."""
    first = _note("pgy", NoteType.IMAGE, _asset(_still(1), "a"), _asset(_still(2), "b"), motion_known=False)
    later = _note(
        "v1",
        NoteType.IMAGE,
        _asset(_still(1), "b"),
        _asset(_live(1), "m"),
        _asset(Slot(AssetKind.SOUND), "s"),
    )
    both = merge(first, later)
    assert _names(both) == {"image-1": ["a"], "image-2": ["b"], "sound": ["s"]}
    assert not both.motion_known
    assert not is_sufficient(both)


def test_a_frame_is_no_witness_against_a_cover() -> None:
    """A video's frame gives way to the uploaded cover and is kept as a last resort."""
    frame = Asset(_COVER, "v6", (MediaSource("f", url="https://h/frame", quality=Quality.DEGRADED),))
    both = merge(_note("v6", NoteType.VIDEO, frame), _note("v1", NoteType.VIDEO, _asset(_COVER, "c")))
    assert _names(both) == {"cover": ["https://h/frame", "c"]}


@pytest.mark.parametrize("swap", [False, True])
def test_a_single_picture_becomes_the_cover_once_it_is_a_video_note(swap: bool) -> None:
    """The reply that did not know of the video called its cover an image; it is not archived twice."""
    unaware = _note("v1", NoteType.UNKNOWN, _asset(_still(1), "c"), _asset(_live(1), "m"))
    aware = _note("v6", NoteType.VIDEO, _asset(_VIDEO, "v"), _asset(_COVER, "c"))
    both = merge(aware, unaware) if swap else merge(unaware, aware)
    assert both.type is NoteType.VIDEO
    assert _names(both) == {"video": ["v"], "cover": ["c"], "live": ["m"]}


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (NoteType.UNKNOWN, NoteType.IMAGE, NoteType.IMAGE),
        (NoteType.IMAGE, NoteType.VIDEO, NoteType.VIDEO),
        (NoteType.UNKNOWN, NoteType.UNKNOWN, NoteType.UNKNOWN),
    ],
)
def test_types_add_up(one: NoteType, two: NoteType, expected: NoteType) -> None:
    """Video beats image, and either beats unknown, in both orders."""
    assert merge(_note("a", one), _note("b", two)).type is expected
    assert merge(_note("b", two), _note("a", one)).type is expected


def test_blank_words_are_filled_and_others_stand() -> None:
    """Every blank of the first is the later's, and nothing else."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    blank = Note(_ID, NoteType.IMAGE, ("a",), title="mine", counts=Counts(likes=0), author=Author(name="me"))
    full = Note(
        _ID,
        NoteType.IMAGE,
        ("b",),
        title="theirs",
        text="text",
        author=Author("1", "them", "2"),
        tags=("t",),
        mentions=(Mention("m", "M"),),
        counts=Counts(1, 2, 3, 4, 5),
        place="安徽",
        language="zh",
        published=then,
        updated=then,
        switches=({"type": "x"},),
        save_config={"a": 1},
    )
    expected = replace(
        full,
        replies=("a", "b"),
        title="mine",
        author=Author("1", "me", "2"),
        counts=Counts(0, 2, 3, 4, 5),
    )
    assert merge(blank, full) == expected


def test_two_notes_are_never_merged() -> None:
    """Mixing two notes would be worse than any crash."""
    with pytest.raises(ValueError, match="different notes"):
        merge(_note("a", NoteType.IMAGE), replace(_note("b", NoteType.IMAGE), id=NoteId("6" * 24)))


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        (_note("v1", NoteType.IMAGE, _asset(_still(1), "a")), True),
        (_note("v1", NoteType.IMAGE, _asset(_still(1))), False),
        (_note("v1", NoteType.IMAGE), False),
        (_note("pgy", NoteType.IMAGE, _asset(_still(1), "a"), motion_known=False), False),
        (_note("v6", NoteType.VIDEO, _asset(_VIDEO, "v")), True),
        (_note("v6", NoteType.VIDEO, _asset(_VIDEO)), False),
        (_note("v6", NoteType.VIDEO, _asset(_VIDEO, "v"), _asset(_COVER)), False),
        (_note("v6", NoteType.VIDEO, _asset(_VIDEO, "v"), _asset(_still(1), "a")), True),
        (_note("v1", NoteType.VIDEO, _asset(_COVER, "c")), False),
        (_note("v1", NoteType.UNKNOWN, _asset(_still(1), "a")), True),
        (_note("v1", NoteType.UNKNOWN, _asset(Slot(AssetKind.SOUND), "s")), False),
    ],
)
def test_when_a_note_is_enough(note: Note, expected: bool) -> None:
    """Enough means that no further endpoint need be paid for."""
    assert is_sufficient(note) is expected


def test_what_is_missing_is_named() -> None:
    """Slots without sources, and the video that a video note does not even declare."""
    assert missing_slots(_note("v1", NoteType.VIDEO, _asset(_COVER))) == (_VIDEO, _COVER)
    assert missing_slots(_note("v1", NoteType.VIDEO, _asset(_VIDEO))) == (_VIDEO,)
    assert missing_slots(_note("v1", NoteType.IMAGE)) == ()
