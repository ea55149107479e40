"""Listings on bad days: the second way to one, kept pages that are damaged, pages that cannot be had."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from support.command import Ran, ledger, run
from support.fake_world import FakeWorld

from xharchive.demo.demo_listings import AUTHOR, EVERYTHING

SEARCH_V2, SEARCH_V4 = "/api/xiaohongshu/search-note/v2", "/api/xiaohongshu/search-note/v4"


def search(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    """Search for everything, and print ids."""
    return run(["search", EVERYTHING, "-d", archive, "--ids", "--retries", "0", *arguments, *world.options])


def asked(world: FakeWorld) -> list[str]:
    """Version and page of each call."""
    found = []
    for seen in world.seen:
        parts = urlsplit(seen.raw_path)
        found.append(f"{parts.path.rpartition('/')[2]} {parse_qs(parts.query)['page'][0]}")
    return found


def kept(archive: Path) -> list[Path]:
    """The pages that are kept, in the order of their names."""
    return sorted((archive / ".xharchive" / "listings").glob("*/*.json"))


def intents(archive: Path) -> int:
    return sum(line["event"] == "intent" for line in ledger(archive))


def test_an_interrupted_second_way_goes_on_where_it_was(world: FakeWorld, tmp_path: Path) -> None:
    """v2 could not answer, v4 was interrupted: v2 works again, and the pages of v4 count all the same."""
    world.script["127.0.0.1", SEARCH_V2] = "E"
    first = search(world, tmp_path, "--limit", "1000", "--max-calls", "3")
    assert first.code == 4
    assert asked(world) == ["v2 1", "v4 1", "v4 2"]
    assert len(kept(tmp_path)) == 2
    world.script.clear()
    again = search(world, tmp_path, "--pages", "3")
    assert again.code == 0
    assert asked(world)[3:] == ["v4 3"]
    assert again.out.split()[:8] == first.out.split()
    assert len(set(again.out.split())) == 12
    assert "2 pages kept from an earlier run" in again.err
    assert intents(tmp_path) == len(world.seen)


def test_no_way_leads_to_it(world: FakeWorld, tmp_path: Path) -> None:
    """Each way is asked once, nothing is kept, exit 3; when the API is back, it is listed."""
    world.script["127.0.0.1", SEARCH_V2] = world.script["127.0.0.1", SEARCH_V4] = "E"
    ran = search(world, tmp_path)
    assert ran.code == 3
    assert ran.out == ""
    assert asked(world) == ["v2 1", "v4 1"]
    assert kept(tmp_path) == []
    world.script.clear()
    healed = search(world, tmp_path)
    assert (healed.code, len(healed.out.split())) == (0, 4)
    assert asked(world)[2:] == ["v2 1"]


def test_a_page_in_the_middle_that_cannot_be_had(world: FakeWorld, tmp_path: Path) -> None:
    """No other way is tried there: pages of two versions do not fit together. What was paid for is kept."""
    world.script["127.0.0.1", f"{SEARCH_V2}?"] = "o"
    search(world, tmp_path, "--limit", "1000", "--max-calls", "1")
    world.script["127.0.0.1", f"{SEARCH_V2}?"] = "E"
    ran = search(world, tmp_path, "--limit", "1000")
    assert ran.code == 3
    assert len(ran.out.split()) == 4
    assert asked(world) == ["v2 1", "v2 2"]
    world.script.clear()
    healed = search(world, tmp_path, "--pages", "2")
    assert (healed.code, len(healed.out.split())) == (0, 8)
    assert asked(world)[2:] == ["v2 2"]


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[]", b'{"code": 301, "data": null}'])
@pytest.mark.parametrize("page", [1, 2])
def test_a_kept_page_that_is_damaged_is_paid_for_again(
    world: FakeWorld, tmp_path: Path, page: int, damage: bytes
) -> None:
    """That page and no other; nothing is left out and nobody crashes."""
    search(world, tmp_path, "--limit", "1000", "--max-calls", "2")
    kept(tmp_path)[page - 1].write_bytes(damage)
    ran = search(world, tmp_path, "--pages", "3")
    assert ran.code == 0
    assert len(set(ran.out.split())) == 12
    assert asked(world) == ["v2 1", "v2 2", *sorted([f"v2 {page}", "v2 3"])]
    assert "1 page kept from an earlier run" in ran.err
    assert intents(tmp_path) == len(world.seen)


def test_a_damaged_first_page_whose_way_is_gone(world: FakeWorld, tmp_path: Path) -> None:
    """A page that nobody can read binds to no way: the other one is tried, as if nothing was there."""
    search(world, tmp_path, "--limit", "1000", "--max-calls", "1")
    (page,) = kept(tmp_path)
    page.write_bytes(b"{")
    world.script["127.0.0.1", SEARCH_V2] = "E"
    ran = search(world, tmp_path, "--pages", "1")
    assert ran.code == 0
    assert len(ran.out.split()) == 4
    assert asked(world) == ["v2 1", "v2 1", "v4 1"]


def test_a_listing_with_one_way_only(world: FakeWorld, tmp_path: Path) -> None:
    """No first page, no notes: exit 3 after one call, and the user learns why."""
    world.script["127.0.0.1", "/api/"] = "E"
    ran = run(["author", AUTHOR, "-d", tmp_path, "--retries", "0", *world.options])
    assert ran.code == 3
    assert len(world.seen) == 1
    assert ran.err
