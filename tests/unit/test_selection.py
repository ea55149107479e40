"""Filters that cost nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from xharchive.filters import Selection
from xharchive.models import NoteId, NoteType

NOTE = NoteId("69aed4e2000000000e00c358")
THEN = NOTE.published
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(after=THEN), True),
        (Selection(after=THEN + SECOND), False),
        (Selection(before=THEN), False),
        (Selection(before=THEN + SECOND), True),
        (Selection(after=THEN, before=THEN + SECOND), True),
        (Selection(kind=NoteType.VIDEO), True),
        (Selection(kind=NoteType.IMAGE), False),
    ],
)
def test_a_note_is_wanted_or_not(selection: Selection, taken: bool) -> None:
    """From its day on, before the other day, of its type."""
    assert selection.takes(NOTE, NoteType.VIDEO) is taken


def test_what_nobody_knows_is_no_reason() -> None:
    """A note of unknown type may be what is wanted."""
    assert Selection(kind=NoteType.IMAGE).takes(NOTE, NoteType.UNKNOWN)


def test_a_time_that_is_told_counts_before_the_ids() -> None:
    """A listing knows better when a note was published."""
    told = datetime(2020, 1, 1, tzinfo=UTC)
    assert Selection(before=THEN).takes(NOTE, NoteType.UNKNOWN, told)
    assert not Selection(after=THEN).takes(NOTE, NoteType.UNKNOWN, told)
