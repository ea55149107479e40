"""What listings and short links may spend, and what is left of them when they end early."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.command import Ran, ledger, manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE

from xharchive.archive import Archive
from xharchive.demo.demo_listings import AUTHOR, EVERYTHING, PROFILE_LINK, TOPIC, DemoListings, short_link

SEARCH_V2 = "/api/xiaohongshu/search-note/v2"
LINK = short_link(LIVE_NOTE)
LINK_ID = f"https://{LINK.partition('://')[2]}"


def xh(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    return run([*arguments, "-d", archive, *world.options])


def intents(archive: Path) -> list[dict[str, Any]]:
    return [line for line in ledger(archive) if line["event"] == "intent"]


def endpoints(archive: Path) -> list[str]:
    return [line["endpoint"] for line in intents(archive)]


def cut_off(archive: Path, subject: str, endpoint: str) -> None:
    """Leave an archive as a run does that was killed in a call."""
    state = archive / ".xharchive"
    state.mkdir(parents=True, exist_ok=True)
    line = {"event": "intent", "call": "x-1", "note": subject, "endpoint": endpoint}
    with (state / "ledger.jsonl").open("a") as book:
        book.write(json.dumps(line, ensure_ascii=False) + "\n")


def at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("xharchive.cli.runner.is_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", _Says(answer))


class _Says:
    def __init__(self, text: str) -> None:
        self._text = text

    def readline(self) -> str:
        return self._text

    def isatty(self) -> bool:
        return True


def test_a_profile_link_whose_call_was_cut_off_waits(world: FakeWorld, tmp_path: Path) -> None:
    """As everywhere: exit 4 and no call without leave."""
    world.script["xhslink.com", "/m/"] = "4"
    profile = f"https://{PROFILE_LINK.partition('://')[2]}"
    cut_off(tmp_path, profile, "share-url-transfer-v1")
    ran = xh(world, tmp_path, "author", PROFILE_LINK, "--resolve-links")
    assert (ran.code, "--on-unknown pay" in ran.err) == (4, True)
    assert len(intents(tmp_path)) == 1
    paid = xh(
        world, tmp_path, "author", PROFILE_LINK, "--resolve-links", "--on-unknown", "pay", "--pages", "1"
    )
    assert paid.code == 0


def test_a_profile_link_is_under_the_same_budget(world: FakeWorld, tmp_path: Path) -> None:
    """The call for the link and those for pages are one run; so they are for a question before it."""
    world.script["xhslink.com", "/m/"] = "4"
    ran = xh(world, tmp_path / "a", "author", PROFILE_LINK, "--resolve-links", "--max-calls", "1")
    assert ran.code == 4
    assert endpoints(tmp_path / "a") == ["share-url-transfer-v1"]
    assert "the budget of 1 API call " in ran.err
    asked = ("--resolve-links", "--pages", "1", "--confirm-above", "1")
    assert xh(world, tmp_path / "b", "author", PROFILE_LINK, *asked).code == 4
    assert intents(tmp_path / "b") == []


@pytest.mark.parametrize("letter", ["S", "T"])
def test_no_other_way_is_paid_for_where_the_first_may_have_been_billed_or_is_limited(
    world: FakeWorld, tmp_path: Path, letter: str
) -> None:
    """A stall may have been billed, a rate limit is the token's: v4 is asked for neither."""
    world.script["127.0.0.1", SEARCH_V2] = letter
    ran = xh(world, tmp_path, "search", EVERYTHING, "--api-timeout", "0.3", "--retry-wait", "0")
    assert ran.code == 3
    assert set(endpoints(tmp_path)) == {"search-v2"}
    assert "a page could not be loaded" in ran.err


def test_a_cut_off_page_waits_and_no_other_way_is_taken(world: FakeWorld, tmp_path: Path) -> None:
    """Exit 4; with leave it is paid for, once."""
    subject = f"search-v2 keyword={EVERYTHING} noteType=_0 sort=general #1"
    cut_off(tmp_path, subject, "search-v2")
    ran = xh(world, tmp_path, "search", EVERYTHING)
    assert (ran.code, "--on-unknown pay" in ran.err, len(intents(tmp_path))) == (4, True, 1)
    assert xh(world, tmp_path, "search", EVERYTHING, "--on-unknown", "pay").code == 0
    assert endpoints(tmp_path) == ["search-v2", "search-v2"]


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 4)])
def test_at_a_terminal_the_user_is_asked_about_a_page_and_about_a_link(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    """Not only about notes."""
    at_a_terminal(monkeypatch, answer)
    cut_off(tmp_path / "a", f"author-v4 userId={AUTHOR} #1", "author-v4")
    ran = xh(world, tmp_path / "a", "author", AUTHOR, "--pages", "1")
    assert (ran.code, "was cut off, and may have been billed" in ran.err) == (code, True)
    world.script["xhslink.com", "/a/"] = "4"
    cut_off(tmp_path / "b", LINK_ID, "share-url-transfer-v1")
    ran = xh(world, tmp_path / "b", "get", LINK, "--resolve-links")
    assert (ran.code, "was cut off, and may have been billed" in ran.err) == (code, True)


def test_notes_of_a_listing_are_asked_about_too(world: FakeWorld, tmp_path: Path) -> None:
    """`--get --confirm-above`: pages fit, notes do not: nothing of them is paid, and all are remembered."""
    ran = xh(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--get", "--confirm-above", "3")
    assert ran.code == 4
    assert endpoints(tmp_path) == ["search-v2", "search-v2"]
    assert run(["resume", "-d", tmp_path, "--dry-run", "--json"]).events[0]["notes"] == 8
    again = xh(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--ids")
    assert (again.code, len(endpoints(tmp_path))) == (0, 2)


def test_pages_are_kept_until_their_notes_are_archived(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies between the listing and the archive pays no page again."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "add_pending", dies)
        assert xh(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--get").code == 130
    ran = xh(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--get")
    assert ran.code in (0, 3)
    assert endpoints(tmp_path).count("search-v2") == 2
    xh(world, tmp_path, "search", EVERYTHING, "--pages", "1", "--ids")
    assert endpoints(tmp_path).count("search-v2") == 3, "dealt with: asked again, it begins anew"


def test_what_was_found_before_a_page_failed_is_archived(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page 2 cannot be had: the notes of page 1 are there, exit 3; the same command goes on."""
    reply = DemoListings.reply

    def fails_later(self: DemoListings, path: str, query: Mapping[str, str]) -> bytes:
        return b'{"code": 301, "data": null}' if query.get("lastCursor") else reply(self, path, query)

    with monkeypatch.context() as patched:
        patched.setattr(DemoListings, "reply", fails_later)
        ran = xh(world, tmp_path, "author", AUTHOR, "--get", "--retries", "0")
    assert ran.code == 3
    first_page = len(manifests(tmp_path))
    assert 2 <= first_page <= 4
    assert "run the same command again to continue" in ran.err
    assert xh(world, tmp_path, "author", AUTHOR, "--get").code in (0, 3)
    assert len(manifests(tmp_path)) > first_page
    assert len(manifests(tmp_path)) == sum(int(note, 16) % 2 for note in world.world.notes)
    assert endpoints(tmp_path).count("author-v4") == 1 + 1 + -(-len(manifests(tmp_path)) // 4) - 1


def test_two_long_searches_are_two_subjects(world: FakeWorld, tmp_path: Path) -> None:
    """Cut at the same letter, they are told apart: one's call does not settle the other's."""
    xh(world, tmp_path, "search", "x" * 220, "--sort", "newest")
    xh(world, tmp_path, "search", "x" * 220, "--sort", "popular")
    subjects = {line["note"] for line in intents(tmp_path)}
    assert len(subjects) == len(intents(tmp_path))


def test_a_type_that_is_known_is_known_to_resume(world: FakeWorld, tmp_path: Path) -> None:
    """A video is asked where videos are, also days later: one call."""
    path = tmp_path / "notes.jsonl"
    path.write_text(json.dumps({"id": VIDEO_NOTE, "type": "video"}) + "\n")
    assert xh(world, tmp_path / "a", "get", "-i", str(path), "--max-calls", "0").code == 4
    assert xh(world, tmp_path / "a", "resume").code == 0
    assert endpoints(tmp_path / "a") == ["v6"]


def test_short_links_are_left_for_resume(world: FakeWorld, tmp_path: Path) -> None:
    """A link that could not be followed is work that is left: counted, gone on with, done."""
    world.script["xhslink.com", "/a/"] = "4"
    assert xh(world, tmp_path, "get", LINK).code == 3
    assert json.loads(run(["status", "-d", tmp_path, "--json"]).out)["unfinished"] == 1
    assert xh(world, tmp_path, "resume").code == 3
    world.script.clear()
    assert xh(world, tmp_path, "resume").code == 0
    assert set(manifests(tmp_path)) == {LIVE_NOTE}
    assert (tmp_path / ".xharchive" / "wanted.txt").read_text() == ""


def test_filters_that_nothing_can_pass_are_refused(world: FakeWorld, tmp_path: Path) -> None:
    """Before anything is paid, for listings and for lists."""
    dates = ("--after", "2026-02-01", "--before", "2026-02-01")
    for command in (("search", "x"), ("get", LIVE_NOTE)):
        ran = xh(world, tmp_path, *command, *dates)
        assert (ran.code, "--before" in ran.err) == (2, True)
    assert world.seen == []


def test_a_listing_without_anything_wanted_ends(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By time, one page of older notes is enough; elsewhere ten pages; `--pages` reads on."""
    monkeypatch.setattr("xharchive.cli.listing_runner._MOST_TOO_OLD", 4)
    monkeypatch.setattr("xharchive.cli.listing_runner._MOST_FILTERED_OUT", 8)
    late = ("--after", "2090-01-01", "--limit", "5")
    ran = xh(world, tmp_path / "a", "author", AUTHOR, *late)
    assert (ran.code, len(intents(tmp_path / "a"))) == (0, 1)
    assert "older than --after" in ran.err
    ran = xh(world, tmp_path / "b", "topic", TOPIC, *late)
    assert (ran.code, len(intents(tmp_path / "b"))) == (0, 2)
    assert "do not pass the filters" in ran.err
    ran = xh(world, tmp_path / "c", "topic", TOPIC, *late, "--pages", "4")
    assert (ran.code, len(intents(tmp_path / "c"))) == (0, 4)


def test_a_quiet_listing_says_why_it_stopped(world: FakeWorld, tmp_path: Path) -> None:
    """What nobody may miss."""
    ran = xh(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--max-calls", "1", "-q")
    assert (ran.code, "stopped: the budget of 1 API call " in ran.err) == (4, True)


def test_an_unfinished_listing_can_begin_anew(world: FakeWorld, tmp_path: Path) -> None:
    """Its pages grow old: the plan says of when they are, and `--anew` pays for new ones."""
    assert xh(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--max-calls", "1").code == 4
    plan = xh(world, tmp_path, "search", EVERYTHING, "--dry-run")
    assert "1 kept from an earlier run of 20" in plan.out
    ran = xh(world, tmp_path, "search", EVERYTHING, "--pages", "1", "--anew", "--ids")
    assert (ran.code, len(intents(tmp_path)), len(ran.out.split())) == (0, 2, 4)


@pytest.mark.parametrize(("name", "command"), [("listings", ("search", "x")), ("links", ("get", LINK))])
def test_no_reply_is_kept_through_a_planted_link(
    world: FakeWorld, tmp_path: Path, name: str, command: tuple[str, ...]
) -> None:
    """An archive's own folders are real ones: exit 5, nothing written elsewhere, nothing paid."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / "a" / ".xharchive").mkdir(parents=True)
    (tmp_path / "a" / ".xharchive" / name).symlink_to(victim)
    ran = xh(world, tmp_path / "a", *command)
    assert (ran.code, "symbolic link" in ran.err) == (5, True)
    assert list(victim.iterdir()) == []
    assert intents(tmp_path / "a") == []


def test_no_keyword_breaks_a_terminal_or_the_program(world: FakeWorld, tmp_path: Path) -> None:
    """Bytes that are no text are refused; control characters are shown as what they are."""
    ran = xh(world, tmp_path, "search", "\udcff")
    assert (ran.code, "neither UTF-8 nor" in ran.err) == (2, True)
    plan = xh(world, tmp_path, "search", "a\x1b[31m", "--dry-run")
    assert (plan.code, "\x1b" in plan.out) == (0, False)
