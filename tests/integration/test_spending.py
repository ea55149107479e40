"""What a run would cost, before it costs anything."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command import Ran, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, resume

OTHERS = ("694c7be6000000002200e19b", "6a34c6f0000000000900d3b8")


def dry(archive: Path, *arguments: str) -> Ran:
    """A dry run, which needs neither a token nor a server."""
    return run([*arguments, "-d", archive, "--dry-run"])


def plan(archive: Path, *arguments: str) -> dict[str, Any]:
    """What a dry run says, as an event."""
    ran = dry(archive, *arguments, "--json")
    assert ran.code == 0
    (event,) = ran.events
    assert event.pop("event") == "run_planned"
    return event


def test_a_dry_run_without_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All is to be paid, one to three calls each; no token is needed and no folder made."""
    monkeypatch.delenv("XHARCHIVE_TOKEN")
    archive = tmp_path / "none"
    assert plan(archive, "get", LIVE_NOTE, VIDEO_NOTE) == {
        "notes": 2,
        "settled": 0,
        "paid": 0,
        "held_back": 0,
        "calls": 2,
        "most_calls": 6,
        "links": 0,
    }
    text = dry(archive, "get", LIVE_NOTE, VIDEO_NOTE, "--endpoints", "v1").out
    assert "to be paid     2: 2 API calls, and retries" in text
    assert "nothing was sent" in text
    assert not archive.exists()


def test_a_dry_run_knows_what_is_there(world: FakeWorld, tmp_path: Path) -> None:
    """Archived, resolved but partial, cut off in a call, unheard of: each is counted where it belongs."""
    get(world, tmp_path, notes=(LIVE_NOTE,))
    world.script["*", "/stream/"] = "4"
    world.script["*", "/pre_post/"] = "4"
    world.script["*", "/spectrum/"] = "4"
    get(world, tmp_path, notes=(VIDEO_NOTE,))
    with (tmp_path / ".xharchive" / "ledger.jsonl").open("a") as book:
        book.write(f'{{"event": "intent", "call": "x-1", "note": "{OTHERS[0]}", "endpoint": "v1"}}\n')
    before = len(world.seen)
    notes = (LIVE_NOTE, VIDEO_NOTE, *OTHERS)
    found = plan(tmp_path, "get", *notes)
    assert found == {
        "notes": 4,
        "settled": 1,
        "paid": 1,
        "held_back": 1,
        "calls": 1,
        "most_calls": 3,
        "links": 0,
    }
    assert plan(tmp_path, "get", *notes, "--on-unknown", "pay")["calls"] == 2
    assert "undecided      1" in dry(tmp_path, "get", *notes).out
    assert plan(tmp_path, "resume") == {
        "notes": 1,
        "settled": 0,
        "paid": 1,
        "held_back": 0,
        "calls": 0,
        "most_calls": 0,
        "links": 0,
    }
    assert len(world.seen) == before


def test_a_wrong_order_is_told_by_a_dry_run_too(tmp_path: Path) -> None:
    """The plan is for the order of endpoints that is named."""
    ran = dry(tmp_path, "get", LIVE_NOTE, "--endpoints", "v99")
    assert ran.code == 2
    assert "v99" in ran.err


def test_an_expensive_run_is_refused_where_nobody_can_be_asked(world: FakeWorld, tmp_path: Path) -> None:
    """Exit 4 before the first call, and the notes are not put on any list."""
    arguments = ("--confirm-above", "1")
    left = get(world, tmp_path, *arguments, notes=(LIVE_NOTE, VIDEO_NOTE))
    assert left.code == 4
    assert "this run needs 2 to 6 API calls, more than --confirm-above 1" in left.ran.err
    assert world.seen == []
    assert plan(tmp_path, "resume")["notes"] == 0
    assert get(world, tmp_path, *arguments, notes=(LIVE_NOTE,)).code == 0
    assert get(world, tmp_path, "--confirm-above", "0", notes=(LIVE_NOTE,)).code == 0


class Terminal(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "calls"), [("y\n", 0, 1), ("no\n", 4, 0), ("", 4, 0)])
def test_an_expensive_run_is_asked_about(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, calls: int
) -> None:
    """At a terminal the user decides; nothing typed is no."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr("support.command.StringIO", Terminal)
    left = get(world, tmp_path, "--confirm-above", "0")
    assert left.code == code
    assert "This run needs 1 to 3 API calls, more than --confirm-above 0. Go on? [y/N]" in left.ran.err
    assert len(world.calls) == calls


def test_empty_notes_are_asked_again_on_demand(world: FakeWorld, tmp_path: Path) -> None:
    """Known to be empty costs nothing, unless the user wants to know again: then each is paid anew."""
    empty = next(note.id for note in world.world.notes.values() if note.state == "empty")
    left = get(world, tmp_path, notes=(empty,))
    assert left.code == 3
    paid = len(world.calls)
    assert get(world, tmp_path, notes=(empty,)).code == 0
    assert get(world, tmp_path, "--strict-empty", notes=(empty,)).code == 3
    assert len(world.calls) == paid
    assert plan(tmp_path, "get", empty, "--recheck-empty")["calls"] == 1
    again = get(world, tmp_path, "--recheck-empty", notes=(empty,))
    assert again.code == 3
    assert len(world.calls) == 2 * paid
    reasons = [line["reason"] for line in again.ledger if line["event"] == "intent"]
    assert reasons[paid:] == ["refresh"] * paid
    assert again.state(empty) == "empty"


def test_a_paid_answer_about_an_empty_note_is_not_swept_away(world: FakeWorld, tmp_path: Path) -> None:
    """Asked again, answered, killed before the commit: the next run takes the reply in, and pays nothing."""
    empty = next(note.id for note in world.world.notes.values() if note.state == "empty")
    get(world, tmp_path, notes=(empty,))
    paid = len(world.calls)
    reply = json.loads(world.world.reply("v1", LIVE_NOTE))
    reply["data"][0]["note_list"][0]["id"] = empty
    work = tmp_path / ".xharchive" / "work" / empty / "replies"
    work.mkdir(parents=True)
    (work / "v1.json").write_text(json.dumps(reply))
    assert run(["get", OTHERS[0], "-d", tmp_path, *world.options]).code == 0
    assert (work / "v1.json").exists()
    left = resume(world, tmp_path)
    assert left.code == 0
    assert left.state(empty) == "complete"
    assert len(world.calls) == paid + 1
    assert not work.exists()


def test_resume_asks_again_for_empty_notes_on_demand(world: FakeWorld, tmp_path: Path) -> None:
    """Without being named again."""
    empty = next(note.id for note in world.world.notes.values() if note.state == "empty")
    get(world, tmp_path, notes=(empty,))
    paid = len(world.calls)
    assert plan(tmp_path, "resume")["notes"] == 0
    assert plan(tmp_path, "resume", "--recheck-empty")["calls"] == 1
    assert resume(world, tmp_path, "--recheck-empty").code == 3
    assert len(world.calls) == 2 * paid


def test_a_quiet_run_still_says_why_it_stopped(world: FakeWorld, tmp_path: Path) -> None:
    """-q shows troubles only, and a refusal is one."""
    world.script["127.0.0.1", "/api/"] = "N"
    ran = run(["get", LIVE_NOTE, "-d", tmp_path, "-q", *world.options])
    assert ran.code == 4
    assert ran.err.startswith("stopped: the token has no permission")
