"""Short links in any input: followed for nothing, else asked about for money, and never twice."""

from pathlib import Path
from typing import Any

import pytest
from support.command import Ran, ledger, manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE

from xharchive.demo.demo_listings import PROFILE_LINK, short_link

SHARE_URL = "/api/xiaohongshu/share-url-transfer/v1"
LINK = short_link(LIVE_NOTE)
KEY = LINK.rpartition("/")[2]
SHARE_TEXT = (
    f"85 阿明发布了一篇小红书笔记，快来看吧！ 😆 xZ3kQp 😆 {LINK}，复制本条信息，打开【小红书】App查看！"
)


def got(world: FakeWorld, archive: Path, *arguments: str | Path) -> Ran:
    """Run `get` against the world."""
    return run(["get", *arguments, "-d", archive, "--image-format", "keep", *world.options])


def asked_of(world: FakeWorld) -> list[tuple[str, str]]:
    """Hosts and paths that have to do with short links."""
    return [
        (seen.host, seen.raw_path.partition("?")[0])
        for seen in world.seen
        if "xhslink" in seen.host or SHARE_URL in seen.raw_path
    ]


def intents(archive: Path) -> list[dict[str, Any]]:
    return [line for line in ledger(archive) if line["event"] == "intent"]


@pytest.mark.parametrize("given", [LINK, SHARE_TEXT, LINK.removeprefix("http://"), f"{LINK}?share=1#x"])
def test_a_short_link_is_followed(world: FakeWorld, tmp_path: Path, given: str) -> None:
    """One free request, one call for the note; the next run needs neither."""
    ran = got(world, tmp_path, given)
    assert ran.code == 0, ran.err
    assert set(manifests(tmp_path)) == {LIVE_NOTE}
    assert asked_of(world) == [("xhslink.com", f"/a/{KEY}")]
    assert [line["note"] for line in intents(tmp_path)] == [LIVE_NOTE]
    before = len(world.seen)
    again = got(world, tmp_path, given)
    assert again.code == 0
    assert len(world.seen) == before


def test_nothing_of_who_shared_it_is_kept(world: FakeWorld, tmp_path: Path) -> None:
    """Of the redirect's target only the note stays."""
    assert got(world, tmp_path, LINK).code == 0
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"shareRedId" not in path.read_bytes()


def test_a_link_that_cannot_be_followed_costs_nothing_unasked(world: FakeWorld, tmp_path: Path) -> None:
    """It is named by its place, the rest goes on, exit 3; and the run says what would help."""
    world.script["xhslink.com", "/a/"] = "4"
    path = tmp_path / "notes.txt"
    path.write_text(f"{VIDEO_NOTE}\n\n{LINK}\n")
    failed = tmp_path / "again.txt"
    ran = got(world, tmp_path / "a", "-i", path, "--failed-out", failed)
    assert ran.code == 3
    assert f"{path}, line 3: https://xhslink.com/a/{KEY}: " in ran.err
    assert "--resolve-links" in ran.err
    assert set(manifests(tmp_path / "a")) == {VIDEO_NOTE}
    assert failed.read_text() == f"https://xhslink.com/a/{KEY}\n"
    world.script.clear()
    healed = got(world, tmp_path / "a", "-i", failed, "--failed-out", failed)
    assert healed.code == 0
    assert set(manifests(tmp_path / "a")) == {VIDEO_NOTE, LIVE_NOTE}
    assert failed.read_text() == ""


@pytest.mark.parametrize("letter", ["4", "5", "X", "H", "3"])
def test_the_api_is_asked_if_the_user_says_so(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """`--resolve-links`: one paid call, in the ledger, its answer kept; the next run pays nothing."""
    world.script["xhslink.com", "/a/"] = letter
    ran = got(world, tmp_path, LINK, "--resolve-links")
    assert ran.code == 0, ran.err
    assert [(line["endpoint"], line["note"], line["reason"]) for line in intents(tmp_path)] == [
        ("share-url-transfer-v1", f"https://xhslink.com/a/{KEY}", "first"),
        ("v1", LIVE_NOTE, "first"),
    ]
    assert [line["billed"] for line in ledger(tmp_path) if line["event"] == "outcome"] == ["yes", "yes"]
    assert sum(path == SHARE_URL for _, path in asked_of(world)) == 1
    assert "1 short link: 1 followed, 0 not; 1 API call (1 billed)" in ran.err
    again = got(world, tmp_path, LINK, "--resolve-links")
    assert again.code == 0
    assert len(intents(tmp_path)) == 2


def test_a_link_that_nobody_knows(world: FakeWorld, tmp_path: Path) -> None:
    """Paid for once, refused by the API: named, exit 3, and no empty archive is claimed."""
    ran = got(world, tmp_path, "http://xhslink.com/a/nobody", "--resolve-links")
    assert ran.code == 3
    assert "argument 1: https://xhslink.com/a/nobody: " in ran.err
    assert manifests(tmp_path) == {}
    assert len(intents(tmp_path)) == 1


def test_the_budget_counts_links_too(world: FakeWorld, tmp_path: Path) -> None:
    """One call allowed: the link takes it, the note waits for `resume`, which knows it by then."""
    world.script["xhslink.com", "/a/"] = "4"
    ran = got(world, tmp_path, LINK, "--resolve-links", "--max-calls", "1")
    assert ran.code == 4
    assert len(intents(tmp_path)) == 1
    resumed = run(["resume", "-d", tmp_path, "--image-format", "keep", *world.options])
    assert resumed.code == 0
    assert len(intents(tmp_path)) == 2
    assert set(manifests(tmp_path)) == {LIVE_NOTE}
    none = got(world, tmp_path / "b", LINK, "--resolve-links", "--max-calls", "0")
    assert none.code == 4
    assert not ledger(tmp_path / "b")


def test_a_refusal_of_the_token_stops_at_the_link(world: FakeWorld, tmp_path: Path) -> None:
    """Code 303: nothing more is asked, exit 4; what is known is remembered."""
    world.script["xhslink.com", "/a/"] = "4"
    world.script["127.0.0.1", SHARE_URL] = "Q"
    ran = got(world, tmp_path, LINK, VIDEO_NOTE, "--resolve-links")
    assert ran.code == 4
    assert [line["endpoint"] for line in intents(tmp_path)] == ["share-url-transfer-v1"]
    world.script.clear()
    assert run(["resume", "-d", tmp_path, "--image-format", "keep", *world.options]).code == 0
    assert set(manifests(tmp_path)) == {VIDEO_NOTE, LIVE_NOTE}


def test_a_call_that_was_cut_off_waits_for_a_decision(world: FakeWorld, tmp_path: Path) -> None:
    """It may have been billed: exit 4 and no call, until the user says so."""
    world.script["xhslink.com", "/a/"] = "4"
    link = f"https://xhslink.com/a/{KEY}"
    state = tmp_path / ".xharchive"
    state.mkdir()
    intent = f'{{"event": "intent", "call": "x-1", "note": "{link}", "endpoint": "share-url-transfer-v1"}}\n'
    (state / "ledger.jsonl").write_text(intent)
    ran = got(world, tmp_path, LINK, "--resolve-links")
    assert ran.code == 4
    assert "--on-unknown pay" in ran.err
    assert len(intents(tmp_path)) == 1
    assert got(world, tmp_path, LINK, "--resolve-links", "--on-unknown", "pay").code == 0


def test_a_link_to_a_profile_is_no_note(world: FakeWorld, tmp_path: Path) -> None:
    """Told by its place, now and in the next run; nothing is paid to hear it again."""
    for _ in range(2):
        ran = got(world, tmp_path, PROFILE_LINK, "--resolve-links")
        assert ran.code == 3
        assert "which is no note" in ran.err
    assert intents(tmp_path) == []
    assert len(asked_of(world)) == 1


def test_two_ways_to_one_note_are_one_note(world: FakeWorld, tmp_path: Path) -> None:
    """By id, by both domains of the shortener: one call."""
    china = LINK.replace("xhslink.com", "xhslink.cn")
    assert got(world, tmp_path, LINK, LIVE_NOTE, china, LINK).code == 0
    assert [line["note"] for line in intents(tmp_path)] == [LIVE_NOTE]


def test_a_dry_run_follows_nothing(world: FakeWorld, tmp_path: Path) -> None:
    """Links that were followed before are known; others are counted as what they are."""
    plan = got(world, tmp_path, LINK, "--dry-run", "--json")
    assert plan.events[0] | {"notes": 0, "links": 1} == plan.events[0]
    assert "short links    1" in got(world, tmp_path, LINK, "--dry-run").out
    assert world.seen == []
    assert got(world, tmp_path, LINK).code == 0
    known = got(world, tmp_path, LINK, "--dry-run", "--json")
    assert known.events[0] | {"notes": 1, "settled": 1, "links": 0} == known.events[0]


def test_filters_hold_for_what_a_link_leads_to(world: FakeWorld, tmp_path: Path) -> None:
    """The note's time is known once its id is: it is left out before anything is paid."""
    ran = got(world, tmp_path, LINK, VIDEO_NOTE, "--before", "2026-02-01")
    assert ran.code == 0
    assert set(manifests(tmp_path)) == {VIDEO_NOTE}
    before = len(world.seen)
    again = got(world, tmp_path, LINK, VIDEO_NOTE, "--before", "2026-02-01")
    assert again.code == 0
    assert len(world.seen) == before


def test_an_expensive_list_of_links_is_asked_about(world: FakeWorld, tmp_path: Path) -> None:
    """Each is a note, and perhaps a call more to find it."""
    ran = got(world, tmp_path, LINK, "--resolve-links", "--confirm-above", "0")
    assert ran.code == 4
    assert world.seen == []
