"""A run that ended between a call's intent and its outcome: nobody knows whether it was billed."""

import io
import json
import signal
import sys
from pathlib import Path

import pytest
from support.another_process import started
from support.command import ledger, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, resume

from xharchive.demo.server import API_PATHS

OTHER = "694c7be6000000002200e19b"
PATHS = {name: path for path, name in API_PATHS.items()}


@pytest.fixture
def cut_off(world: FakeWorld, tmp_path: Path) -> Path:
    """An archive whose only call was under way when its run was killed."""
    world.script["127.0.0.1", PATHS["v1"]] = "S"
    with started(world, tmp_path, "get", LIVE_NOTE) as process:
        world.until(lambda: len(world.asked) == 1)
        process.signal(signal.SIGKILL)
    world.until(lambda: len(world.calls) == 1)
    world.script.clear()
    return tmp_path


class Terminal(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Let the command ask, and answer it."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr("support.command.StringIO", Terminal)


def bills(archive: Path) -> list[str]:
    """The events of the ledger in short."""
    return [line["event"] for line in ledger(archive)]


@pytest.mark.parametrize("arguments", [(), ("--on-unknown", "ask"), ("--on-unknown", "skip")])
def test_without_a_terminal_it_waits_for_a_decision(
    world: FakeWorld, cut_off: Path, arguments: tuple[str, ...]
) -> None:
    """No call, exit 4, and the sentence that says what to do; the note stays wanted."""
    before = len(world.calls)
    left = resume(world, cut_off, *arguments)
    assert left.code == 4
    assert len(world.calls) == before
    assert left.ran.report["held_back"] == 1
    assert "--on-unknown pay" in left.ran.err
    assert bills(cut_off) == ["intent"]
    assert resume(world, cut_off).code == 4


def test_who_says_pay_pays(world: FakeWorld, cut_off: Path) -> None:
    """One more call, and the matter is settled: the run after that pays nothing and asks nothing."""
    before = len(world.calls)
    left = resume(world, cut_off, "--on-unknown", "pay")
    assert left.code == 0
    assert left.is_complete()
    assert len(world.calls) == before + 1
    assert bills(cut_off) == ["intent", "intent", "outcome"]
    assert get(world, cut_off).code == 0
    assert len(world.calls) == before + 1


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("是\n", 0), ("n\n", 4), ("\n", 4), ("", 4)]
)
def test_at_a_terminal_the_user_is_asked(
    world: FakeWorld, cut_off: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    """Yes pays; no, nothing and a closed terminal do not."""
    before = len(world.calls)
    at_a_terminal(monkeypatch, answer)
    left = resume(world, cut_off)
    assert left.code == code
    assert "A call of an earlier run was cut off, and may have been billed." in left.ran.err
    assert len(world.calls) == before + (code == 0)


def test_nobody_is_asked_about_notes_of_no_interest(
    world: FakeWorld, cut_off: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another note is archived without a question."""
    at_a_terminal(monkeypatch, "")
    left = get(world, cut_off, notes=(OTHER,))
    assert left.code == 0
    assert "cut off" not in left.ran.err


def test_what_is_known_is_archived_without_the_call(world: FakeWorld, tmp_path: Path) -> None:
    """The second endpoint's call was cut off: cover and text are archived, the video waits; exit 4."""
    world.script["127.0.0.1", PATHS["v6"]] = "S"
    with started(world, tmp_path, "get", VIDEO_NOTE) as process:
        world.until(lambda: len(world.asked) == 2)
        process.signal(signal.SIGKILL)
    world.until(lambda: len(world.calls) == 2)
    world.script.clear()
    left = resume(world, tmp_path)
    assert left.code == 4
    assert left.state(VIDEO_NOTE) == "partial"
    assert "video" in left.gaps(VIDEO_NOTE)
    assert world.calls == [f"v1 {VIDEO_NOTE}", f"v6 {VIDEO_NOTE}"]
    healed = resume(world, tmp_path, "--on-unknown", "pay")
    assert healed.code == 0
    assert healed.is_complete(VIDEO_NOTE)


def test_an_answer_on_disk_is_no_question(world: FakeWorld, cut_off: Path) -> None:
    """Killed after the reply was kept, before its outcome was written down: it is there, and counts."""
    reply = world.world.reply("v1", LIVE_NOTE)
    folder = cut_off / ".xharchive" / "work" / LIVE_NOTE / "replies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "v1.json").write_bytes(reply)
    before = len(world.calls)
    left = resume(world, cut_off)
    assert left.code == 0
    assert left.is_complete()
    assert len(world.calls) == before


def _intent(archive: Path, note: str, endpoint: str, reason: str) -> None:
    """A run was killed inside this call."""
    record = {"event": "intent", "call": "x-1", "note": note, "endpoint": endpoint, "reason": reason}
    with (archive / ".xharchive" / "ledger.jsonl").open("a") as book:
        book.write(json.dumps(record) + "\n")


def test_an_older_reply_does_not_answer_a_call_that_was_cut_off(world: FakeWorld, tmp_path: Path) -> None:
    """Asked again for an empty note, and cut off: the old empty reply is no answer to that."""
    empty = next(note.id for note in world.world.notes.values() if note.state == "empty")
    get(world, tmp_path, notes=(empty,))
    paid = len(world.calls)
    _intent(tmp_path, empty, "v1", "refresh")
    arguments = ["get", empty, "-d", str(tmp_path), "--recheck-empty", *world.options]
    assert run([*arguments, "--on-unknown", "skip"]).code == 4
    assert run(arguments).code == 4
    assert len(world.calls) == paid
    assert run([*arguments, "--on-unknown", "pay"]).code == 3
    assert len(world.calls) == 2 * paid


def test_a_cut_off_call_for_new_addresses_is_asked_about(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the re-resolve was cut off: the dry run knows it, the user is asked, and yes pays once."""
    world.script["*", "/stream/"] = world.script["*", "/livephoto/"] = "3"
    get(world, tmp_path, "--no-reresolve")
    _intent(tmp_path, LIVE_NOTE, "v1", "expired")
    planned = run(["resume", "-d", tmp_path, "--dry-run", "--json"]).events
    assert planned[0]["held_back"] == 1
    at_a_terminal(monkeypatch, "y\n")
    ran = run(["resume", "-d", tmp_path, *world.options])
    assert "A call of an earlier run was cut off" in ran.err
    assert ran.code == 3
    assert len(world.calls) == 2


def test_an_answer_that_was_kept_settles_its_call_for_good(world: FakeWorld, tmp_path: Path) -> None:
    """Killed between reply and outcome: the next run writes the outcome down, later ones have no question."""
    work = tmp_path / ".xharchive" / "work" / LIVE_NOTE / "replies"
    work.mkdir(parents=True)
    (work / "v1.json").write_bytes(world.world.reply("v1", LIVE_NOTE))
    _intent(tmp_path, LIVE_NOTE, "v1", "first")
    world.script["*", "/stream/"] = world.script["*", "/livephoto/"] = "4"
    arguments = ["-d", str(tmp_path), "--image-format", "keep", *world.options]
    assert run(["get", LIVE_NOTE, *arguments]).code == 3
    assert world.calls == []
    assert [(line["event"], line["call"]) for line in ledger(tmp_path)] == [
        ("intent", "x-1"),
        ("outcome", "x-1"),
    ]
    assert ledger(tmp_path)[1]["billed"] == "yes"
    world.script["*", "/stream/"] = world.script["*", "/livephoto/"] = "333o"
    assert run(["resume", *arguments]).code == 0
    assert world.calls == [f"v1 {LIVE_NOTE}"]
