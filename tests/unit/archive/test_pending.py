"""Notes that wait for another run: each once, by the options that it was asked for with last."""

import pytest
from support.note_folders import note_id

from xharchive.archive.pending import MAX_OPTION_SETS, collect_pending, without_duplicates
from xharchive.errors import UsageError
from xharchive.models import NoteType, PendingNote, ShortLink

A, B = '["--quality","1"]', '["--quality","2"]'
LINK = ShortLink("https://xhslink.com/a/AbC")


def test_later_options_count_and_unknown_ones_do_not() -> None:
    """A type that was said once is known for good."""
    wants = [
        PendingNote(note_id(1), options=A),
        PendingNote(note_id(2), NoteType.VIDEO, A),
        PendingNote(LINK, options=B),
        PendingNote(note_id(3)),
        PendingNote(note_id(1), options=B),
        PendingNote(note_id(2)),
    ]
    with collect_pending(wants) as found:
        assert found.limited_option_sets() == [B, A, None]
        assert list(found.with_options(B)) == [
            PendingNote(note_id(1), options=B),
            PendingNote(LINK, options=B),
        ]
        assert list(found.with_options(A)) == [PendingNote(note_id(2), NoteType.VIDEO, A)]
        assert list(found.with_options(None)) == [PendingNote(note_id(3))]
        assert [want.target for want in found] == [note_id(1), note_id(2), LINK, note_id(3)]
    assert [want.target for want in without_duplicates(wants)] == [note_id(1), LINK, note_id(2), note_id(3)]


def test_nothing_pending_has_no_options() -> None:
    """And asks for no run."""
    with collect_pending([]) as found:
        assert found.limited_option_sets() == []
        assert list(found) == []


def test_the_number_of_runs_is_bounded() -> None:
    """A hundred different sets of options are served, one more is refused."""
    wants = [PendingNote(note_id(number), options=f"[{number}]") for number in range(MAX_OPTION_SETS + 1)]
    with collect_pending(wants[1:]) as found:
        assert len(found.limited_option_sets()) == MAX_OPTION_SETS
    with collect_pending(wants) as found, pytest.raises(UsageError, match="more than 100 sets"):
        found.limited_option_sets()
