"""Addresses past their time: 403 wherever the reply points. One more paid call a note and run, then only."""

from pathlib import Path

import pytest
from support.command import folder_of
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, Left, get, resume

from xharchive.demo.server import API_PATHS

V1 = next(path for path, name in API_PATHS.items() if name == "v1")
ASK = f"v1 {LIVE_NOTE}"
EVERYWHERE = ("/stream/", "/livephoto/", "/notes_uhdr/")


def reasons(left: Left) -> list[str]:
    """Why each call of the archive was made."""
    return [line["reason"] for line in left.ledger if line["event"] == "intent"]


def replies(left: Left, note: str = LIVE_NOTE) -> dict[str, str]:
    """The outcome of each kept reply by its file."""
    return {reply["path"]: reply["outcome"] for reply in left.manifest(note)["replies"]}


def test_new_addresses_are_paid_for_once(world: FakeWorld, tmp_path: Path) -> None:
    """Picture and motion are refused, one more call serves both; its reply is kept beside the older one."""
    for start in EVERYWHERE:
        world.script["*", start] = "33o"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert world.calls == [ASK, ASK]
    assert reasons(left) == ["first", "expired"]
    assert left.billed == ["yes", "yes"]
    assert replies(left) == {"replies/v1.json": "note", "replies/v1.2.json": "renewal"}
    for path in replies(left):
        assert (folder_of(tmp_path, LIVE_NOTE) / path).is_file()
    again = get(world, tmp_path)
    assert again.code == 0
    assert world.calls == [ASK, ASK]


def test_what_is_finished_is_not_fetched_again(world: FakeWorld, tmp_path: Path) -> None:
    """The picture was there before: only the motion's addresses are asked under the new reply."""
    world.script["*", "/stream/"] = "33o"
    world.script["*", "/livephoto/"] = "3"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert sum("/notes_uhdr/" in asked for asked in world.media) == 1


def test_it_does_not_help(world: FakeWorld, tmp_path: Path) -> None:
    """The new addresses are refused too: one call in this run and no more; another run may pay again."""
    world.script["*", "/stream/"] = "3"
    world.script["*", "/livephoto/"] = "3"
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.gaps() == {"live-1": "forbidden"}
    assert left.is_untouched("image-1")
    assert world.calls == [ASK, ASK]
    again = resume(world, tmp_path)
    assert again.code == 3
    assert reasons(again) == ["first", "expired", "expired"]
    world.script.clear()
    healed = resume(world, tmp_path)
    assert healed.code == 0
    assert healed.is_complete()
    assert len(world.calls) == 3


def test_not_without_leave(world: FakeWorld, tmp_path: Path) -> None:
    """`--no-reresolve`: the gap stays, nothing is paid."""
    world.script["*", "/stream/"] = "3"
    world.script["*", "/livephoto/"] = "3"
    left = get(world, tmp_path, "--no-reresolve")
    assert left.code == 3
    assert world.calls == [ASK]


@pytest.mark.parametrize("letter", ["4", "5", "S", "X", "H"])
def test_nothing_else_is_worth_a_call(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """Missing, busy, silent, broken, a page: new addresses would not help."""
    for start in ("/stream/", "/livephoto/"):
        world.script["*", start] = letter
    left = get(world, tmp_path, "--timeout", "0.1", "--retries", "1")
    assert left.code == 3
    assert set(left.gaps()) == {"live-1"}
    assert world.calls == [ASK]


def test_one_listed_address_that_is_only_busy_saves_the_call(world: FakeWorld, tmp_path: Path) -> None:
    """Forbidden but for one host that answers 503: it may give the file another day, for nothing."""
    world.script["sns-v8.rednotecdn.com", "/stream/"] = "5"
    world.script["*", "/stream/"] = "3"
    world.script["*", "/livephoto/"] = "3"
    left = get(world, tmp_path, "--retries", "1")
    assert left.code == 3
    assert world.calls == [ASK]


@pytest.mark.parametrize(("letter", "code"), [("W", 3), ("E", 3), ("I", 3), ("Q", 4), ("N", 4)])
def test_the_old_reply_is_not_given_up_for_nothing(
    world: FakeWorld, tmp_path: Path, letter: str, code: int
) -> None:
    """The API has another note, no answer, or no more quota: what was known and archived stays."""
    world.script["*", "/stream/"] = "3"
    world.script["*", "/livephoto/"] = "3"
    world.script["127.0.0.1", V1] = f"o{letter}"
    left = get(world, tmp_path)
    assert left.code == code
    assert left.gaps() == {"live-1": "forbidden"}
    assert left.is_untouched("image-1")
    assert replies(left) == {"replies/v1.json": "note"}


def test_a_video_whose_addresses_are_too_old(world: FakeWorld, tmp_path: Path) -> None:
    """Resolved in one run, fetched days later: only the endpoint that gave the addresses is asked again."""
    for stored in world.world.notes[VIDEO_NOTE].stored:
        if stored.host_family == "videos":
            world.script["*", f"/{stored.key}"] = "433o"
    order = ("--endpoints", "v1,v6")
    first = get(world, tmp_path, *order, notes=(VIDEO_NOTE,))
    assert first.code == 3
    assert world.calls == [f"v1 {VIDEO_NOTE}", f"v6 {VIDEO_NOTE}"]
    left = resume(world, tmp_path, *order)
    assert left.code == 0
    assert left.is_complete(VIDEO_NOTE)
    assert world.calls[2:] == [f"v6 {VIDEO_NOTE}"]
    assert replies(left, VIDEO_NOTE) == {
        "replies/v1.json": "note",
        "replies/v6.json": "note",
        "replies/v6.2.json": "renewal",
    }
