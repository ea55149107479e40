"""What was paid, from the ledger alone."""

import json
from pathlib import Path

import pytest
from support.command import run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get

LEDGER = """\
{"at": "2026-10-31T23:59:59.000+00:00", "event": "intent", "call": "a-1", "note": "n", "endpoint": "v1", "reason": "first"}
{"at": "2026-10-31T23:59:59.000+00:00", "event": "outcome", "call": "a-1", "code": 301, "http": 200, "billed": "no"}
{"at": "2026-11-01T00:00:00.000+00:00", "event": "intent", "call": "a-2", "note": "n", "endpoint": "v1", "reason": "retry"}
{"at": "2026-11-01T00:00:00.000+00:00", "event": "outcome", "call": "a-2", "code": 0, "http": 200, "billed": "yes"}
{"at": "2026-11-01T00:00:00.000+00:00", "event": "intent", "call": "a-3", "note": "n", "endpoint": "v6", "reason": "cascade"}
{"at": "2026-11-01T00:00:00.000+00:00", "event": "outc
"""  # noqa: E501 - the file's own lines
TEXT = """\
API calls    3: 1 billed, 1 free, 1 unknown
by endpoint  v1        2: 1 billed, 1 free, 0 unknown
             v6        1: 0 billed, 0 free, 1 unknown
by reason    cascade   1: 0 billed, 0 free, 1 unknown
             first     1: 0 billed, 1 free, 0 unknown
             retry     1: 1 billed, 0 free, 0 unknown
by month     2026-10   1: 0 billed, 1 free, 0 unknown
             2026-11   2: 1 billed, 0 free, 1 unknown
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with a ledger whose last line a power cut tore."""
    (tmp_path / ".xharchive").mkdir()
    (tmp_path / ".xharchive" / "ledger.jsonl").write_text(LEDGER)
    return tmp_path


def test_the_bill_in_words(archive: Path) -> None:
    """By endpoint, reason and month; a call that may have been billed makes the price a range."""
    assert run(["cost", "-d", archive]).out == TEXT
    assert run(["cost", "-d", archive, "--price", "0.15"]).out == TEXT + "cost         0.15 to 0.30\n"


def test_the_bill_as_json(archive: Path) -> None:
    """The same figures for programs."""
    said = json.loads(run(["cost", "-d", archive, "--json", "--price", "2"]).out)
    assert said["total"] == {"calls": 3, "billed": 1, "free": 1, "unknown": 1}
    assert said["by_reason"]["retry"]["billed"] == 1
    assert said["cost"] == {"least": 2.0, "most": 4.0}
    assert "cost" not in json.loads(run(["cost", "-d", archive, "--json"]).out)


def test_the_bill_is_what_the_server_saw(world: FakeWorld, tmp_path: Path) -> None:
    """Two notes, one call that was refused for the moment: three billed, one free."""
    world.script["127.0.0.1", "/api/xiaohongshu/get-note-detail/v1"] = "Eo"
    get(world, tmp_path, notes=(LIVE_NOTE, VIDEO_NOTE))
    total = json.loads(run(["cost", "-d", tmp_path, "--json"]).out)["total"]
    assert total["calls"] == len(world.calls)
    assert total["free"] == total["calls"] - 3
    assert run(["cost", "-d", tmp_path, "--price", "1"]).out.endswith("cost         3.00\n")


@pytest.mark.parametrize("price", ["-1", "inf", "nan", "dear"])
def test_a_price_is_a_number(archive: Path, price: str) -> None:
    """Anything else is wrong input."""
    assert run(["cost", "-d", archive, f"--price={price}"]).code == 2


def test_no_archive_no_bill(tmp_path: Path) -> None:
    """A mistyped folder is told, not summed up as nothing."""
    assert run(["cost", "-d", tmp_path / "none"]).code == 2
