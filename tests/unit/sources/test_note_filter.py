"""Filters that cost nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from xharchive.models import NoteId, NoteType
from xharchive.sources.requested_notes import NoteFilter

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
