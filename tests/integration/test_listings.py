"""Search, feed, author and topic against the demo world: what is shown, what is paid, what is archived."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.command import Ran, ledger, manifests, run
from support.fake_world import FakeWorld
from support.single_run import VIDEO_NOTE

from xharchive.demo.demo_listings import AUTHOR, EVERYTHING, PROFILE_LINK, TOPIC, short_link

SEARCH_V2 = "/api/xiaohongshu/search-note/v2"


def listed(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    """Run a listing verb against the world."""
    return run([*arguments, "-d", archive, *world.options])


def asked(world: FakeWorld) -> list[tuple[str, str]]:
    """Endpoint and page (or cursor) of each listing call."""
    found = []
    for seen in world.seen:
        parts = urlsplit(seen.raw_path)
        query = parse_qs(parts.query)
        if seen.kind == "api" and "noteId" not in query:
            place = query.get("page") or query.get("lastCursor") or query.get("cursor") or [""]
            found.append((parts.path.removeprefix("/api/xiaohongshu/"), place[0]))
    return found


def intents(archive: Path) -> list[dict[str, Any]]:
    return [line for line in ledger(archive) if line["event"] == "intent"]


def test_a_search_prints_a_json_line_a_note(world: FakeWorld, tmp_path: Path) -> None:
    """One page unless the user asks for more; suggestions are counted, not shown."""
    ran = listed(world, tmp_path, "search", EVERYTHING)
    assert ran.code == 0
    shown = ran.events
    assert len(shown) == 4
    assert set(shown[0]) == {"id", "type", "title", "author", "published", "likes", "cover"}
    assert asked(world) == [("search-note/v2", "1")]
    assert "4 notes on 1 page; 1 skipped: card; 1 API call (1 billed)" in ran.err
    (intent,) = intents(tmp_path)
    assert intent["reason"] == "first"
    assert f"keyword={EVERYTHING}" in intent["note"]


def test_all_pages_and_each_note_once(world: FakeWorld, tmp_path: Path) -> None:
    """The last page comes twice, then an empty one: the listing ends, nothing is shown twice."""
    ran = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000", "--ids")
    ids = ran.out.split()
    assert ran.code == 0
    assert sorted(ids) == sorted(world.world.notes)
    assert len(asked(world)) == len(intents(tmp_path)) == -(-len(ids) // 4) + 2
    assert "repeated" in ran.err


def test_the_pipe_archives_what_the_search_found(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`search | get`: calls = pages + notes, because a video is asked where videos are."""
    ran = listed(world, tmp_path / "listing", "search", EVERYTHING, "--limit", "8", "--type", "video")
    found = [event["id"] for event in ran.events]
    assert VIDEO_NOTE in found
    pages = len(asked(world))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ran.out.encode())))
    got = run(["get", "-", "-d", tmp_path / "out", "--image-format", "keep", *world.options])
    assert set(manifests(tmp_path / "out")) == set(found)
    assert got.code in (0, 3)
    calls = [line["note"] for line in intents(tmp_path / "out")]
    ordinary = [note for note in found if "v6" in world.world.notes[note].replies]
    assert len(ordinary) >= 4
    assert {calls.count(note) for note in ordinary} == {1}
    assert pages == len(intents(tmp_path / "listing"))


@pytest.mark.parametrize("keyword", ["豫园", "夜", "四点", "园"])
def test_two_processes_in_a_pipe(world: FakeWorld, tmp_path: Path, keyword: str) -> None:
    """As a user types it: calls = pages + notes exactly, and all that was found is archived."""
    line = (
        '"$0" -P -m xharchive search "$1" --limit 50 -d "$2/listing" "${@:3}" '
        '| "$0" -P -m xharchive get -d "$2/out" --image-format keep "${@:3}" -'
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, sys.executable, keyword, tmp_path, *world.options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {note.id for note in world.world.notes.values() if keyword in note.title}
    assert {note: data["state"] for note, data in manifests(tmp_path / "out").items()} == dict.fromkeys(
        found, "complete"
    )
    pages = len(intents(tmp_path / "listing"))
    assert pages == len(asked(world))
    assert len(intents(tmp_path / "out")) == len(found)
    assert sum(seen.kind == "api" for seen in world.seen) == pages + len(found)


def test_get_does_both(world: FakeWorld, tmp_path: Path) -> None:
    """`--get -d`: the notes lie in the archive, pages and notes in one ledger, under one budget."""
    ran = listed(
        world, tmp_path, "search", EVERYTHING, "--limit", "2", "--type", "image", "--get", "--max-calls", "3"
    )
    assert ran.code == 0
    assert len(manifests(tmp_path)) == 2
    assert len(intents(tmp_path)) == 3
    assert (
        listed(world, tmp_path / "b", "search", EVERYTHING, "--limit", "2", "--get", "--max-calls", "1").code
        == 4
    )


def test_an_interrupted_search_goes_on_at_its_page(world: FakeWorld, tmp_path: Path) -> None:
    """The budget ends it on page 3: the pages before are kept, and shown again without a call."""
    first = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000", "--ids", "--max-calls", "2")
    assert first.code == 4
    assert len(first.out.split()) == 8
    plan = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000", "--dry-run")
    assert "2 kept from an earlier run" in plan.out
    again = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000", "--ids")
    assert again.code == 0
    assert sorted(again.out.split()) == sorted(world.world.notes)
    assert asked(world).count(("search-note/v2", "1")) == 1
    assert "2 pages kept from an earlier run" in again.err
    anew = listed(world, tmp_path, "search", EVERYTHING, "--pages", "1", "--ids")
    assert anew.code == 0
    assert asked(world).count(("search-note/v2", "1")) == 2


def test_a_rate_limit_in_the_middle(world: FakeWorld, tmp_path: Path) -> None:
    """302 on a page: it is asked again after a pause, and nothing is lost."""
    world.script["127.0.0.1", SEARCH_V2] = "To"
    ran = listed(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--ids")
    assert ran.code == 0
    assert len(ran.out.split()) == 8
    assert [line["reason"] for line in intents(tmp_path)] == ["first", "retry", "page", "retry"]


def test_the_fourth_version_steps_in(world: FakeWorld, tmp_path: Path) -> None:
    """v2 cannot answer: v4 is asked for the same words."""
    world.script["127.0.0.1", SEARCH_V2] = "E"
    ran = listed(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--ids", "--retries", "0")
    assert ran.code == 0
    assert len(ran.out.split()) == 8
    assert [path for path, _ in asked(world)] == ["search-note/v2", "search-note/v4", "search-note/v4"]


def test_a_users_notes(world: FakeWorld, tmp_path: Path) -> None:
    """All pages by cursor, from an id or a profile's link; strangers are not theirs."""
    link = f"https://www.xiaohongshu.com/user/profile/{AUTHOR}?xsec_token=x"
    ran = listed(world, tmp_path, "author", link)
    own = [note for note in world.world.notes if int(note, 16) % 2]
    assert ran.code == 0
    assert sorted(event["id"] for event in ran.events) == sorted(own)
    assert {event["author"]["id"] for event in ran.events} == {AUTHOR}
    assert "skipped: stranger" in ran.err
    assert asked(world)[0][1] == ""
    assert len(asked(world)) == -(-len(own) // 4)


def test_a_users_notes_by_a_short_link(world: FakeWorld, tmp_path: Path) -> None:
    """As the app shares a profile: followed for nothing, known to the next run; a note's is refused."""
    own = [note for note in world.world.notes if int(note, 16) % 2]
    unknown = listed(world, tmp_path, "author", PROFILE_LINK, "--dry-run")
    assert (unknown.code, "was not followed yet" in unknown.err) == (2, True)
    ran = listed(world, tmp_path, "author", PROFILE_LINK, "--ids")
    assert (ran.code, sorted(ran.out.split())) == (0, sorted(own))
    assert "user/profile" not in ran.err
    assert listed(world, tmp_path, "author", PROFILE_LINK, "--dry-run").code == 0
    assert sum(seen.host == "xhslink.com" for seen in world.seen) == 1
    note = listed(world, tmp_path, "author", short_link(VIDEO_NOTE))
    assert (note.code, "neither a user's id" in note.err) == (2, True)
    gone = listed(world, tmp_path, "author", "http://xhslink.com/m/nobody")
    assert (gone.code, "--resolve-links" in gone.err) == (3, True)
    world.script["xhslink.com", "/m/"] = "4"
    paid = listed(world, tmp_path / "b", "author", PROFILE_LINK, "--ids", "--resolve-links", "--limit", "1")
    assert paid.code == 0
    assert next(line["endpoint"] for line in intents(tmp_path / "b")) == "share-url-transfer-v1"
    refused = listed(
        world, tmp_path / "c", "author", PROFILE_LINK, "--ids", "--resolve-links", "--max-calls", "0"
    )
    assert refused.code == 4


def test_a_topic(world: FakeWorld, tmp_path: Path) -> None:
    """By the cursor of the page."""
    ran = listed(world, tmp_path, "topic", TOPIC, "--pages", "2", "--ids")
    assert (ran.code, len(ran.out.split())) == (0, 8)
    assert listed(world, tmp_path, "topic", "0" * 24, "--retries", "0").code == 3


def test_a_feed(world: FakeWorld, tmp_path: Path) -> None:
    """A channel by its readable name; advertisements are skipped."""
    ran = listed(world, tmp_path, "feed", "food", "--ids")
    assert (ran.code, len(ran.out.split())) == (0, 4)
    assert "1 skipped: advertisement" in ran.err
    assert "oid=homefeed_food_v3" in world.seen[0].raw_path
    world.script["127.0.0.1", "/api/xiaohongshu/get-note-feed"] = "4"
    gone = listed(world, tmp_path, "feed", "travel", "--retries", "0")
    assert gone.code == 3
    assert "it may be gone" in gone.err


def test_filters_cost_nothing(world: FakeWorld, tmp_path: Path) -> None:
    """By the time in the id, and by the type that the card names."""
    everything = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000").events
    after = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000", "--after", "2026-01-01").events
    before = listed(world, tmp_path, "search", EVERYTHING, "--limit", "1000", "--before", "2026-01-01").events
    assert len(after) + len(before) == len(everything)
    assert all(event["published"] >= "2025-12-31T16:00" for event in after)
    videos = listed(world, tmp_path, "topic", TOPIC, "--limit", "1000", "--type", "video").events
    assert {event["type"] for event in videos} == {"video"}


def test_an_expensive_listing_is_asked_about(world: FakeWorld, tmp_path: Path) -> None:
    """Where nobody can be asked it is refused, with nothing paid."""
    assert listed(world, tmp_path, "search", EVERYTHING, "--pages", "3", "--confirm-above", "2").code == 4
    assert listed(world, tmp_path, "author", AUTHOR, "--confirm-above", "2").code == 4
    assert world.seen == []
    assert listed(world, tmp_path, "search", EVERYTHING, "--pages", "2", "--confirm-above", "2").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "  "), "keyword is empty"),
        (("feed", "cats"), "no channel of the feed"),
        (("author", "https://www.xiaohongshu.com/explore/69aed4e2000000000e00c358"), "neither a user's id"),
        (("topic", "x"), "not a topic's id"),
        (("search", "x", "--after", "yesterday"), "invalid"),
    ],
)
def test_wrong_input_is_told_before_anything_is_paid(
    world: FakeWorld, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Exit 2, and what is wrong."""
    ran = listed(world, tmp_path, *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert world.seen == []


def test_channels_can_be_looked_up() -> None:
    """Without a token, without a call."""
    ran = run(["feed", "--list-channels"])
    assert (ran.code, len(ran.out.split())) == (0, 41)


def test_json_lines_are_input(world: FakeWorld, tmp_path: Path) -> None:
    """`id`, `note_id`, `noteId`, `url`, with or without a type; a line that is none is named by number."""
    names = ("id", "note_id", "noteId")
    notes = list(world.world.notes)[:4]
    lines = [json.dumps({name: note, "type": "normal"}) for name, note in zip(names, notes, strict=False)]
    lines.append(json.dumps({"url": f"https://www.xiaohongshu.com/explore/{notes[3]}"}))
    path = tmp_path / "notes.jsonl"
    path.write_text("\n".join(lines))
    ran = run(["get", "-i", path, "-d", tmp_path / "a", "--dry-run", "--json"])
    assert ran.events[0]["notes"] == 4
    path.write_text('{"id": "short"}\n{"title": "x"}\n{"id": \n')
    ran = run(["get", "-i", path, "-d", tmp_path / "a"])
    assert ran.code == 2
    assert all(f"line {number}" in ran.err for number in (1, 2, 3))
