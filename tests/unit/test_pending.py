"""Notes that wait for another run: each once, by the options that it was asked for with last."""

import pytest
from support.note_folders import note_id

from xharchive.archived_notes import pending
from xharchive.archived_notes.pending import MAX_OPTION_SETS, distinct
from xharchive.errors import UsageError
from xharchive.links import ShortLink, Want
from xharchive.models import NoteType

A, B = '["--quality","1"]', '["--quality","2"]'
LINK = ShortLink("https://xhslink.com/a/AbC")


def test_later_options_count_and_unknown_ones_do_not() -> None:
    """A type that was said once is known for good."""
    wants = [
        Want(note_id(1), options=A),
        Want(note_id(2), NoteType.VIDEO, A),
        Want(LINK, options=B),
        Want(note_id(3)),
        Want(note_id(1), options=B),
        Want(note_id(2)),
    ]
    with pending(wants) as found:
        assert found.few_groups() == [B, A, None]
        assert list(found.asked_with(B)) == [Want(note_id(1), options=B), Want(LINK, options=B)]
        assert list(found.asked_with(A)) == [Want(note_id(2), NoteType.VIDEO, A)]
        assert list(found.asked_with(None)) == [Want(note_id(3))]
        assert [want.what for want in found] == [note_id(1), note_id(2), LINK, note_id(3)]
    assert [want.what for want in distinct(wants)] == [note_id(1), LINK, note_id(2), note_id(3)]


def test_nothing_pending_has_no_options() -> None:
    """And asks for no run."""
    with pending([]) as found:
        assert found.few_groups() == []
        assert list(found) == []


def test_the_number_of_runs_is_bounded() -> None:
    """A hundred different sets of options are served, one more is refused."""
    wants = [Want(note_id(number), options=f"[{number}]") for number in range(MAX_OPTION_SETS + 1)]
    with pending(wants[1:]) as found:
        assert len(found.few_groups()) == MAX_OPTION_SETS
    with pending(wants) as found, pytest.raises(UsageError, match="more than 100 sets"):
        found.few_groups()
