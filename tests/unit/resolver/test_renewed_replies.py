"""Newer replies of an endpoint, kept as `v1.2.json` and so on: which count, and in which order."""

import json
from pathlib import Path
from typing import Any

import pytest

from xharchive.archive import ReplyStore
from xharchive.archive_path import ArchivePath
from xharchive.demo.world import DemoWorld
from xharchive.models import NoteId
from xharchive.parsers import DEFAULT_ORDER, ENDPOINTS
from xharchive.resolver import newer_replies, read_saved, read_saved_replies

NOTE = NoteId("68f2b6a0000000000703a1c4")
OTHER = "6a1d8bee000000000f02c1a4"
ORDER = tuple(ENDPOINTS[name] for name in DEFAULT_ORDER)


@pytest.fixture
def shelf(tmp_path: Path, demo_world: DemoWorld) -> ReplyStore:
    """A shelf with the first reply of v1."""
    tmp_path.joinpath("v1.json").write_bytes(demo_world.reply("v1", NOTE.text))
    return ReplyStore(ArchivePath(tmp_path))


def renewed(shelf: ReplyStore, number: int, body: bytes, word: str) -> None:
    """Put a newer reply beside the first; this word tells its addresses from all others."""
    told: dict[str, Any] = json.loads(body)
    for picture in told["data"][0]["note_list"][0]["images_list"]:
        picture["url"] = f"https://ci.xiaohongshu.com/{picture['fileid']}?{word}"
        for name in ("original", "url_multi_level", "url_size_large"):
            picture.pop(name, None)
    (shelf.folder / f"v1.{number}.json").unguarded.write_bytes(json.dumps(told).encode())


async def words(shelf: ReplyStore) -> set[str]:
    """What the addresses of the pictures say about the reply that they are from."""
    known = await read_saved_replies(NOTE, shelf, ORDER)
    note, entry = known["v1"]
    assert note is not None
    assert (entry.path, entry.outcome) == ("replies/v1.json", "note")
    urls = {source.url for asset in note.assets for source in asset.sources if source.url}
    return {query if len(query := url.partition("?")[2]) < 10 else "first" for url in urls}


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        ((), ("v1",), []),
        (("v1", "v6"), ("v1", "v6"), []),
        (("v1", "v1.2"), ("v1",), ["v1.2"]),
        (("v1.10", "v1.9", "v1.2", "v1"), ("v1",), ["v1.2", "v1.9", "v1.10"]),
        (("v6.3", "v1.2", "v6.2"), ("v1", "v6"), ["v1.2", "v6.2", "v6.3"]),
        (("v6.2", "v1.2"), ("v1",), ["v1.2"]),
        (("v1.0a1b2c3d", "v1.", "v1.-2", "v1.2.3", "v1.2x", "v1. 2"), ("v1",), []),
        ((".2", "fresh.2", "pgy.2"), ("v1",), []),
    ],
)
def test_newer_replies_by_their_numbers(
    names: tuple[str, ...], known: tuple[str, ...], expected: list[str]
) -> None:
    """By number and not by letter; those of endpoints without a first reply, and other names, are none."""
    assert newer_replies(frozenset(names), known) == expected


@pytest.mark.parametrize("name", ["v1.²", "v1.٢", "v1.02", "v1.+2", "v1.1_0"])
async def test_a_name_that_is_no_number_of_ours(shelf: ReplyStore, demo_world: DemoWorld, name: str) -> None:
    """Digits of other scripts, zeros in front: nobody but we names replies, and we name them otherwise."""
    (shelf.folder / f"{name}.json").unguarded.write_bytes(demo_world.reply("v1", NOTE.text))
    assert await words(shelf) == {"first"}


async def test_the_newest_address_counts(shelf: ReplyStore, demo_world: DemoWorld) -> None:
    """Of two newer replies the second one's URLs count, though its name sorts first as a text."""
    body = demo_world.reply("v1", NOTE.text)
    assert await words(shelf) == {"first"}
    renewed(shelf, 9, body, "ninth")
    assert await words(shelf) == {"ninth"}
    renewed(shelf, 10, body, "tenth")
    assert await words(shelf) == {"tenth"}


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"code": 301, "data": null}', b'{"code": 0, "data": []}'],
)
async def test_a_newer_reply_that_cannot_be_read_counts_for_nothing(
    shelf: ReplyStore, demo_world: DemoWorld, damage: bytes
) -> None:
    """Whatever a torn disk left of it: the one before it has the say, and nobody crashes."""
    renewed(shelf, 2, demo_world.reply("v1", NOTE.text), "second")
    (shelf.folder / "v1.3.json").unguarded.write_bytes(damage)
    assert await words(shelf) == {"second"}


async def test_a_newer_reply_about_another_note_counts_for_nothing(
    shelf: ReplyStore, demo_world: DemoWorld
) -> None:
    """It would put a stranger's picture into the archive."""
    (shelf.folder / "v1.2.json").unguarded.write_bytes(demo_world.reply("v1", OTHER))
    assert await words(shelf) == {"first"}


async def test_without_a_first_reply_there_is_nothing_to_renew(
    shelf: ReplyStore, demo_world: DemoWorld
) -> None:
    """An empty one declared nothing, and a lost one is paid for again."""
    renewed(shelf, 2, demo_world.reply("v1", NOTE.text), "second")
    first = shelf.folder / "v1.json"
    first.unguarded.write_bytes(b'{"code": 0, "data": []}')
    known = await read_saved_replies(NOTE, shelf, ORDER)
    assert known["v1"][0] is None
    first.unlink()
    assert await read_saved_replies(NOTE, shelf, ORDER) == {}


async def test_a_reply_that_is_not_there_or_of_nobody(shelf: ReplyStore) -> None:
    """Nothing is read, and nothing is made up."""
    (shelf.folder / "v99.json").unguarded.write_bytes(b"{}")
    for name in ("v6", "v1.7", "v99"):
        assert await read_saved(NOTE, shelf, name) is None


async def test_each_renewal_gets_the_next_number(tmp_path: Path) -> None:
    """Those in the note's own folder count too: nothing that was paid for is overwritten."""
    published, work = tmp_path / "published", tmp_path / "work"
    published.mkdir()
    (published / "v1.json").write_bytes(b"first")
    (published / "v1.2.json").write_bytes(b"second")
    root = ArchivePath(tmp_path)
    shelf = ReplyStore(root / "work", (root / "published",))
    for number, body in ((3, b"third"), (4, b"fourth")):
        await shelf.incoming.save("v1", body)
        await shelf.promote("v1")
        assert (work / f"v1.{number}.json").read_bytes() == body
        assert await shelf.incoming.endpoints() == frozenset()
    assert {name: await shelf.find(name) for name in await shelf.endpoints()} == {
        "v1": b"first",
        "v1.2": b"second",
        "v1.3": b"third",
        "v1.4": b"fourth",
    }
    assert await shelf.find("v1.5") is None
