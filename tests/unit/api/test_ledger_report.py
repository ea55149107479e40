"""What the ledger says: every call once, with its bill; and the calls whose end nobody knows."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archive_paths import guarded

from xharchive.api.ledger import PaidCall, cut_off_calls, ledger_totals, paid_calls
from xharchive.api.status_codes import Billed
from xharchive.errors import ArchiveError

ONE, TWO = "69aed4e2000000000e00c358", "698ab064000000001503876d"


def intent(call: str, note: str = ONE, endpoint: str = "v1", reason: str = "first") -> dict[str, object]:
    at = "2026-03-09T14:09:06.123+00:00"
    return {"at": at, "event": "intent", "call": call, "note": note, "endpoint": endpoint, "reason": reason}


def outcome(call: str, billed: object = "yes", code: object = 0) -> dict[str, object]:
    return {"at": "2026", "event": "outcome", "call": call, "code": code, "http": 200, "billed": billed}


def written(folder: Path, *records: dict[str, object], tail: str = "") -> Path:
    path = folder / "ledger.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records) + tail)
    return path


def test_every_call_with_its_bill(tmp_path: Path) -> None:
    """In the order in which they ended; one without an end is unknown, and last."""
    begun = (intent("r-1"), intent("r-2", TWO, "v6", "cascade"), intent("r-3"))
    path = written(tmp_path, *begun, outcome("r-2", "no", 301), outcome("r-1"))
    at = "2026-03-09T14:09:06.123+00:00"
    assert list(paid_calls(guarded(path))) == [
        PaidCall(TWO, "v6", "cascade", at, 301, Billed.NO),
        PaidCall(ONE, "v1", "first", at, 0, Billed.YES),
        PaidCall(ONE, "v1", "first", at, None, Billed.UNKNOWN),
    ]


def test_nothing_is_cut_off_in_a_ledger_that_closed_in_order(tmp_path: Path) -> None:
    """Neither without a ledger, nor with one whose calls all came to an end."""
    assert cut_off_calls(guarded(tmp_path / "ledger.jsonl")) == {}
    path = written(tmp_path, intent("r-1"), outcome("r-1", "unknown", None), intent("r-2"), outcome("r-2"))
    assert cut_off_calls(guarded(path)) == {}


@pytest.mark.parametrize("tail", ["", '{"event":"inte', "[1]\n", "\n"])
def test_an_intent_without_an_outcome_is_cut_off(tmp_path: Path, tail: str) -> None:
    """Whatever else a power cut tore."""
    path = written(tmp_path, intent("r-1"), outcome("r-1"), intent("r-2", TWO, "v6"), tail=tail)
    assert cut_off_calls(guarded(path)) == {(TWO, "v6"): ("r-2",)}


def test_a_later_call_that_ended_settles_the_matter(tmp_path: Path) -> None:
    """Somebody paid again, and has the answer; the bill of the first stays unknown."""
    path = written(tmp_path, intent("a-1"), intent("a-2", TWO), intent("b-1"), outcome("b-1"))
    assert cut_off_calls(guarded(path)) == {(TWO, "v1"): ("a-2",)}
    assert ledger_totals(guarded(path)).unknown == 2


def test_a_line_in_another_hand_is_read_all_the_same(tmp_path: Path) -> None:
    """The quick look gives way to a real one."""
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"call":"x","event":"intent","note":"n","endpoint":"v1"}\n')
    assert cut_off_calls(guarded(path)) == {("n", "v1"): ("x",)}


@pytest.mark.parametrize("billed", ["maybe", None, ["yes"], 1])
def test_an_outcome_without_a_bill_is_none(tmp_path: Path, billed: object) -> None:
    """The call stays unknown; an error of ours must never make it cheaper."""
    path = written(tmp_path, intent("r-1"), outcome("r-1", billed))
    assert [call.billed for call in paid_calls(guarded(path))] == [Billed.UNKNOWN]


_whole = [json.dumps(record) for record in (intent("a"), intent("b", TWO), outcome("a"))]
_torn = ['{"event": "intent", "call": "a', '{"event": "outcome", "call": 5}', "null", "", "[" * 50]
_scraps = st.sampled_from([*_whole, *_torn])


@given(st.lists(_scraps, max_size=8))
def test_no_ledger_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, scraps: list[str]) -> None:
    """Whatever lines there are, the sums add up and what is cut off was begun."""
    path = tmp_path_factory.mktemp("book") / "ledger.jsonl"
    path.write_text("\n".join(scraps))
    totals = ledger_totals(guarded(path))
    assert (
        totals.calls == totals.billed + totals.free + totals.unknown == len(list(paid_calls(guarded(path))))
    )
    assert set(cut_off_calls(guarded(path))) <= {(ONE, "v1"), (TWO, "v1")}


def test_only_a_plain_file_is_a_ledger(tmp_path: Path) -> None:
    """A link is not followed, a pipe not waited for: what was paid must not be guessed at."""
    path = tmp_path / "ledger.jsonl"
    (tmp_path / "other").write_text(json.dumps(intent("x")) + "\n")
    path.symlink_to(tmp_path / "other")
    for read in (ledger_totals, cut_off_calls):
        with pytest.raises(ArchiveError, match="symbolic link"):
            read(guarded(path))
    path.unlink()
    os.mkfifo(path)
    for read in (ledger_totals, cut_off_calls):
        with pytest.raises(ArchiveError, match="it is not a regular file"):
            read(guarded(path))
