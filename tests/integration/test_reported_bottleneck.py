"""The report names what a run waited for: whole runs in which one thing is slow."""

import os
import threading
from pathlib import Path

import pytest
from support.command import Ran, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE

from xharchive.demo.world import DemoWorld

KEEP = ("--image-format", "keep")
THREE = (LIVE_NOTE, VIDEO_NOTE, "694c7be6000000002200e19b")


@pytest.fixture(autouse=True)
def made_before(demo_world: DemoWorld) -> None:
    """The world makes its media when it is first asked; that would look like a slow API, and be one."""
    for note in THREE:
        for slot in demo_world.notes[note].originals:
            demo_world.original(note, slot)


def got(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    ran = run(["get", *THREE, "-d", archive, "--json", *world.options, *arguments])
    assert ran.code == 0, ran.err
    return ran


def bound_of(ran: Ran) -> str:
    """What the report names, and that its numbers and its words say so too."""
    bound, shares = ran.report["bound_by"], ran.report["shares"]
    assert set(shares) == {"api", "network", "cpu", "disk", "other"}
    assert sum(shares.values()) == pytest.approx(1, abs=0.01)
    assert shares[bound] == max(share for name, share in shares.items() if name != "other")
    (line,) = (line for line in ran.err.splitlines() if line.startswith("bound by: "))
    assert f"({shares[bound]:.0%} of the time" in line
    return str(bound)


def test_a_slow_api(world: FakeWorld, tmp_path: Path, no_workers: None) -> None:
    """Each call takes a third of a second, the media nothing."""
    world.script["127.0.0.1", "/"] = "s"
    assert bound_of(got(world, tmp_path, "--api-jobs", "1", *KEEP)) == "api"


def test_a_rate_of_calls(world: FakeWorld, tmp_path: Path, no_workers: None) -> None:
    """Calls take nothing but wait for their turn: that is the API's time."""
    assert bound_of(got(world, tmp_path, "--api-rate", "5/s", *KEEP)) == "api"


def test_a_slow_network(world: FakeWorld, tmp_path: Path, no_workers: None) -> None:
    """Each medium takes a third of a second, the API nothing."""
    world.everywhere = "s"
    assert bound_of(got(world, tmp_path, "-j", "2", *KEEP)) == "network"


def test_hosts_that_are_to_be_left_alone(world: FakeWorld, tmp_path: Path, no_workers: None) -> None:
    """Waiting until a busy host may be asked again is waiting for the network."""
    world.everywhere = "5o"
    assert bound_of(got(world, tmp_path, "--retry-wait", "0.3", *KEEP)) == "network"


def test_slow_conversions(world: FakeWorld, tmp_path: Path) -> None:
    """Everything comes at once, and is made into AVIF."""
    assert bound_of(got(world, tmp_path, "--image-format", "avif")) == "cpu"


def test_a_slow_disk(
    world: FakeWorld, tmp_path: Path, no_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes its time for every fsync: of the ledger, the replies, the note."""
    really = os.fsync

    def slow(descriptor: int) -> None:
        threading.Event().wait(0.05)
        really(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    assert bound_of(got(world, tmp_path, *KEEP)) == "disk"


def test_where_nothing_was_fetched_nothing_is_said(
    world: FakeWorld, tmp_path: Path, no_workers: None
) -> None:
    """A run over what is there already has no bound; a quiet one keeps its words for troubles."""
    assert "bound by" not in run(["get", LIVE_NOTE, "-d", tmp_path, "-q", *KEEP, *world.options]).err
    again = run(["get", LIVE_NOTE, "-d", tmp_path, "--json", *KEEP, *world.options])
    assert (again.report["bound_by"], again.report["shares"]) == ("", {})
    assert "bound by" not in again.err
