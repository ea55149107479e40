"""The API is down: connections break, or nobody listens. The run brakes, stops, and leaves the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import Ran, ledger, run
from support.fake_world import FakeWorld
from support.raw_http import deaf_port
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, left_by, resume

NOTES = tuple(f"69aed4e2{number:016x}" for number in range(1, 21))
PROBES = 5
ONE_BY_ONE = ("--api-jobs", "1", "--retry-wait", "0")


@pytest.mark.parametrize("letter", ["X", "C", "5"])
def test_breaking_connections_stop_the_run(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """Two calls for each of five notes, a single one for each probe; then exit 4, and all notes are left."""
    world.script["127.0.0.1", "/api/"] = letter
    left = left_by(world, tmp_path, "get", *NOTES, *ONE_BY_ONE)
    calls = [f"v1 {note}" for note in NOTES[:5] for _ in range(2)]
    calls += [f"v1 {note}" for note in NOTES[5 : 5 + PROBES]]
    assert left.code == 4
    assert world.calls_that_came == calls
    assert left.billed == ["unknown"] * len(calls)
    report = left.ran.report
    assert (report["left"], report["notes"]["failed"]) == (len(NOTES), 0)
    assert (report["billed"], report["perhaps_billed"], report["free"]) == (0, len(calls), 0)
    assert f"{len(calls)} API calls (0 billed, {len(calls)} perhaps billed)" in left.ran.err
    assert "stopped: the API did not reply to 10 notes in a row" in left.ran.err
    assert f"{len(calls)}: 0 billed, 0 free, {len(calls)} unknown" in run(["cost", "-d", tmp_path]).out
    assert list(tmp_path.glob("*/manifest.json")) == []


def test_resume_does_all_that_an_outage_left(world: FakeWorld, tmp_path: Path) -> None:
    """The notes without a reply are not failed but wanted, those that were never begun too."""
    world.script["127.0.0.1", "/api/"] = "X"
    notes = (LIVE_NOTE, *NOTES[:5], VIDEO_NOTE)
    assert left_by(world, tmp_path, "get", *notes, *ONE_BY_ONE).code == 4
    world.script.clear()
    again = resume(world, tmp_path)
    assert again.is_complete(LIVE_NOTE)
    assert again.is_complete(VIDEO_NOTE)
    assert again.ran.report["left"] == 0


def test_calls_at_once_do_not_lift_the_brake(world: FakeWorld, tmp_path: Path) -> None:
    """Only calls that were under way when the fifth note ended come on top."""
    world.script["127.0.0.1", "/api/"] = "X"
    left = left_by(world, tmp_path, "get", *NOTES, "--api-jobs", "3", "--retry-wait", "0")
    assert left.code == 4
    assert len(world.calls_that_came) <= 2 * (5 + 2) + PROBES
    assert left.ran.report["left"] == len(NOTES)


def test_a_list_of_five_ends_without_a_probe(world: FakeWorld, tmp_path: Path) -> None:
    """No other note is there to probe with: exit 4 at once."""
    world.script["127.0.0.1", "/api/"] = "X"
    left = left_by(world, tmp_path, "get", *NOTES[:5], *ONE_BY_ONE)
    assert (left.code, left.ran.report["left"], len(world.calls_that_came)) == (4, 5, 10)


def test_media_of_resolved_notes_arrive_meanwhile(world: FakeWorld, tmp_path: Path) -> None:
    """What was paid for before the outage is finished in the same run."""
    world.everywhere = "4"
    assert get(world, tmp_path).state() == "partial"
    world.everywhere = ""
    world.script["127.0.0.1", "/api/"] = "X"
    left = left_by(world, tmp_path, "get", *NOTES[:4], LIVE_NOTE, *NOTES[4:], *ONE_BY_ONE)
    assert left.code == 4
    assert left.is_complete()
    assert left.ran.report["left"] == len(NOTES)


@contextmanager
def _nobody_listens(_world: FakeWorld) -> Iterator[str]:
    with deaf_port() as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _no_tls(world: FakeWorld) -> Iterator[str]:
    yield f"https://127.0.0.1:{world.port}"


@pytest.mark.parametrize("place", [_nobody_listens, _no_tls])
@pytest.mark.parametrize("budget", ["1", "50"])
def test_attempts_that_never_left_are_free(world: FakeWorld, tmp_path: Path, place, budget: str) -> None:  # type: ignore[no-untyped-def]
    """They use up no budget, and stand in the ledger as what they are; the outage stops the run."""
    with place(world) as base:
        ran = _get(world, tmp_path, "--api-base", base, "--max-calls", budget)
    assert world.seen == []
    assert ran.code == 4
    assert "stopped: the API did not reply" in ran.err
    assert ran.report["left"] == len(NOTES)
    outcomes = [line for line in ledger(tmp_path) if line["event"] == "outcome"]
    assert {(line["billed"], line["sent"]) for line in outcomes} == {("no", False)}
    assert ran.report["calls"] == ran.report["free"] == len(outcomes)
    assert f"(0 billed, {len(outcomes)} free)" in ran.err
    assert f"0 billed, {len(outcomes)} free, 0 unknown" in run(["cost", "-d", tmp_path]).out


def _get(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    return run(["get", *NOTES, "-d", archive, *world.options, "--json", "--retry-wait", "0", *arguments])


@pytest.mark.parametrize("letter", ["X", "C", "5"])
def test_no_other_way_to_a_listing_on_a_broken_host(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """A page is asked for twice, and `search-note/v4` of the same host not at all."""
    world.script["127.0.0.1", "/api/"] = letter
    ran = run(["search", "x", "-d", tmp_path, *world.options, "--retry-wait", "0"])
    assert ran.code == 3
    assert [line["endpoint"] for line in ledger(tmp_path) if line["event"] == "intent"] == ["search-v2"] * 2
    assert "2 API calls (0 billed, 2 perhaps billed)" in ran.err


class _UntilCall(dict[tuple[str, str], str]):
    """A script by which the first so many calls break, whoever they are about."""

    def __init__(self, world: FakeWorld, calls: int) -> None:
        super().__init__({("127.0.0.1", "/api/"): "X"})
        self._asked = world.asked
        self._calls = calls

    def items(self):  # type: ignore[no-untyped-def]
        return super().items() if len(self._asked) <= self._calls else {}.items()


def test_an_outage_that_passes(world: FakeWorld, tmp_path: Path) -> None:
    """The third probe is replied to: the run goes on; exit 3, for the notes without a reply are left."""
    world.script = _UntilCall(world, 12)
    left = left_by(world, tmp_path, "get", *NOTES[:7], LIVE_NOTE, VIDEO_NOTE, *ONE_BY_ONE)
    assert left.code == 3
    assert left.is_complete(LIVE_NOTE)
    assert left.is_complete(VIDEO_NOTE)
    assert (left.ran.report["left"], left.ran.report["stopped"]) == (7, "")
    assert "the API replies again; 7 notes without a reply are left" in left.ran.err
    assert resume(world, tmp_path).ran.report["left"] == 0


def test_a_few_notes_without_a_reply_are_no_outage(world: FakeWorld, tmp_path: Path) -> None:
    """Four of them failed, the others are archived, and nothing waits."""
    world.script = _UntilCall(world, 8)
    left = left_by(world, tmp_path, "get", *NOTES[:4], LIVE_NOTE, *ONE_BY_ONE)
    assert left.code == 3
    assert left.is_complete()
    assert (left.ran.report["left"], left.ran.report["notes"]["failed"]) == (0, 4)


def test_short_links_during_an_outage(world: FakeWorld, tmp_path: Path) -> None:
    """Links that only the API can follow: the same brake, and no call for a note after it."""
    world.script["xhslink.com", "/"] = "4"
    world.script["127.0.0.1", "/api/"] = "X"
    links = [f"http://xhslink.com/a/AbCdE{number:02}" for number in range(20)]
    options = ["-d", str(tmp_path), *world.options, "--json", "--retry-wait", "0", "--resolve-links"]
    ran = run(["get", LIVE_NOTE, *links, *options])
    assert ran.code == 4
    assert len(world.calls_that_came) <= 2 * (5 + 2) + PROBES
    assert LIVE_NOTE not in " ".join(world.calls_that_came)
    assert (ran.report["left"], ran.report["notes"]["failed"]) == (1, 0)
