"""The list of the notes asked for, in memory and on disk; filters that cost nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.models import NoteId, NoteType, PendingNote, ShortLink
from xharchive.sources.requested_notes import NoteFilter, NoteList

NOTE = NoteId("69aed4e2000000000e00c358")
THEN = NOTE.published
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("note_filter", "taken"),
    [
        (NoteFilter(), True),
        (NoteFilter(after=THEN), True),
        (NoteFilter(after=THEN + SECOND), False),
        (NoteFilter(before=THEN), False),
        (NoteFilter(before=THEN + SECOND), True),
        (NoteFilter(after=THEN, before=THEN + SECOND), True),
        (NoteFilter(kind=NoteType.VIDEO), True),
        (NoteFilter(kind=NoteType.IMAGE), False),
    ],
)
def test_a_note_is_wanted_or_not(note_filter: NoteFilter, taken: bool) -> None:
    """From its day on, before the other day, of its type."""
    assert note_filter.accepts(NOTE, NoteType.VIDEO) is taken


def test_what_nobody_knows_is_no_reason() -> None:
    """A note of unknown type may be what is wanted."""
    assert NoteFilter(kind=NoteType.IMAGE).accepts(NOTE, NoteType.UNKNOWN)


def test_a_time_that_is_told_counts_before_the_ids() -> None:
    """A listing knows better when a note was published."""
    told = datetime(2020, 1, 1, tzinfo=UTC)
    assert NoteFilter(before=THEN).accepts(NOTE, NoteType.UNKNOWN, told)
    assert not NoteFilter(after=THEN).accepts(NOTE, NoteType.UNKNOWN, told)


LINKS = [ShortLink(f"https://xhslink.com/o/{number}") for number in range(4)]
IDS = [NoteId(f"{number:024x}") for number in range(10)]
BOUNDS = pytest.mark.parametrize("in_memory", [0, 3, 100_000])


@BOUNDS
@given(st.lists(st.sampled_from([*IDS, *LINKS]), max_size=40), st.integers(0, 15))
def test_a_list_has_each_note_once(in_memory: int, named: list[NoteId | ShortLink], limit: int) -> None:
    """In the order of the first mention, with the links; and so do its first entries."""
    with NoteList(in_memory) as notes:
        for target in named:
            notes.add(target)
        distinct = list(dict.fromkeys(named))
        assert [want.target for want in notes.pending_notes()] == distinct
        assert notes.truncate(limit) == max(0, len(distinct) - limit)
        wanted = distinct[:limit]
        assert [want.target for want in notes.pending_notes()] == wanted
        assert list(notes) == [target for target in wanted if isinstance(target, NoteId)]
        assert list(notes.links) == [target for target in wanted if isinstance(target, ShortLink)]
        assert len(notes) + len(notes.links) == len(wanted)


@BOUNDS
def test_a_followed_link_gives_its_place_to_its_note(in_memory: int) -> None:
    """Unless the list has the note, or the filter excludes it (None); its type stays known."""
    first, second, third = IDS[:3]
    with NoteList(in_memory) as notes:
        for number, link in enumerate(LINKS):
            notes.add(link, NoteType.VIDEO, f"line {number}")
        notes.add(first)
        assert notes.links[LINKS[2]] == "line 2"
        notes.replace_links({LINKS[0]: second, LINKS[1]: None, LINKS[2]: first})
        notes.add(third, NoteType.IMAGE)
        assert list(notes) == [second, first, third]
        assert dict(notes.links) == {LINKS[3]: "line 3"}
        hints = [notes.hint(target) for target in (first, second, third, LINKS[3], IDS[3])]
        assert hints == [NoteType.UNKNOWN, NoteType.VIDEO, NoteType.IMAGE, NoteType.VIDEO, NoteType.UNKNOWN]


@BOUNDS
def test_a_list_is_its_pending_notes(in_memory: int) -> None:
    """With what is known of their types."""
    with NoteList(in_memory) as notes:
        notes.add(NOTE, NoteType.VIDEO)
        notes.add(LINKS[0], source="line 2")
        notes.add(IDS[0])
        notes.add(NOTE)
        expected = [PendingNote(NOTE, NoteType.VIDEO), PendingNote(LINKS[0]), PendingNote(IDS[0])]
        assert list(notes.pending_notes()) == expected
