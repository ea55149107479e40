"""API calls that time out: each may have been billed, so they are counted and hardly repeated."""

from pathlib import Path

import pytest
from support.command import ledger, run
from support.fake_world import FakeWorld

NOTE = "69aed4e2000000000e00c358"


@pytest.mark.parametrize("retries", ["0", "1", "5"])
def test_a_call_that_times_out_is_repeated_once_at_most(
    world: FakeWorld, tmp_path: Path, retries: str
) -> None:
    """Two calls, not one for each retry and endpoint; the bill of both is unknown, in the ledger."""
    world.script[("127.0.0.1", "/api/")] = "S"
    limits = ["--api-timeout", "2", "--retries", retries]
    ran = run(["get", NOTE, "-d", tmp_path, "--json", *world.options, *limits])
    calls = 1 if retries == "0" else 2
    world.until(lambda: len(world.calls) == calls)
    assert world.calls == [f"v1 {NOTE}"] * calls
    assert ran.code == 3
    assert ran.report["calls"] == calls
    bills = [line["billed"] for line in ledger(tmp_path) if line["event"] == "outcome"]
    assert bills == ["unknown"] * calls
    assert not list(tmp_path.glob(f"*{NOTE}"))


def test_a_call_that_times_out_once_is_made_good(world: FakeWorld, tmp_path: Path) -> None:
    """The one repetition that is allowed finds the note."""
    world.script[("127.0.0.1", "/api/")] = "So"
    ran = run(["get", NOTE, "-d", tmp_path, *world.options, "--api-timeout", "2"])
    assert ran.code == 0
    world.until(lambda: len(world.calls) == 2)
    assert world.calls == [f"v1 {NOTE}"] * 2
