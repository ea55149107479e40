"""Addresses past their time, and an author who edited the pictures before new ones were paid for.

A picture is known by its storage name: whatever stands where in the newer reply, each slot gets the bytes
that the first reply declared for it, and what is archived keeps its number.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld, note_in
from support.command import folder_of, run
from support.fake_world import running
from support.single_run import Left, get, left_by, resume

from xharchive.demo.world import DemoWorld

STILLS, LIVES, STRANGER = (
    "68f2b6a0000000000703a1c4",
    "691e44b2000000001f00c8d1",
    "6a1d8bee000000000f02c1a4",
)
"""Five stills; five pictures of which the second and the fourth move; a note with a picture to add."""

Edit = Callable[[list[Any]], list[Any]]


def same(reply: dict[str, Any]) -> dict[str, Any]:
    return reply


def edited(edit: Edit) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What the API says of a note after its author edited the pictures."""

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        note = note_in(reply)
        note["images_list"] = edit(note["images_list"])
        return reply

    return change


def state_of(archive: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of the note folders, with the time at which it was written."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in archive.glob("2*/**/*")
        if path.is_file()
    }


def as_declared(left: Left, note: str, slots: set[str]) -> bool:
    """Whether these slots, and no others of the note, hold the bytes that were declared for them at first."""
    declared = set(left.world.world.notes[note].originals)
    return set(left.files(note)) & declared == slots and all(left.is_untouched(slot, note) for slot in slots)


def costs_nothing_more(left: Left, note: str) -> None:
    """No later command pays, fetches, or touches a file; `reparse` finds nothing to change."""
    before, seen = state_of(left.archive), len(left.world.seen)
    assert resume(left.world, left.archive).code == 0
    assert left_by(left.world, left.archive, "get", note).code == 0
    ran = run(["reparse", "-d", left.archive])
    assert ran.code == 0
    assert len(left.world.seen) == seen
    assert state_of(left.archive) == before


EDITS: dict[str, Edit] = {
    "the same": lambda listed: listed,
    "turned round": lambda listed: listed[::-1],
    "the first moved to the end": lambda listed: [*listed[1:], listed[0]],
    "the first removed": lambda listed: listed[1:],
    "one in the middle removed": lambda listed: [*listed[:2], *listed[3:]],
    "all but one removed": lambda listed: listed[3:4],
    "removed and turned round": lambda listed: listed[:0:-1],
}


@pytest.mark.parametrize("note", [STILLS, LIVES])
@pytest.mark.parametrize("edit", EDITS)
def test_each_slot_holds_what_the_first_reply_declared(
    demo_world: DemoWorld, tmp_path: Path, no_workers: None, note: str, edit: str
) -> None:
    """Pictures moved or gone: every slot is filled from its own addresses, new or old; one call more."""
    world = AlteredWorld(demo_world)
    world.tells_in_turn("v1", note, same, edited(EDITS[edit]))
    with running(world) as fake:
        fake.everywhere = "33o"
        left = get(fake, tmp_path, notes=(note,))
        assert left.code == 0
        assert left.is_complete(note)
        assert as_declared(left, note, set(world.notes[note].originals))
        assert fake.calls == [f"v1 {note}"] * 2
        replies = {reply["path"]: reply["outcome"] for reply in left.manifest(note)["replies"]}
        assert replies == {"replies/v1.json": "note", "replies/v1.2.json": "renewal"}
        costs_nothing_more(left, note)


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_picture_that_was_added_comes_behind(
    demo_world: DemoWorld, tmp_path: Path, no_workers: None, place: int
) -> None:
    """Wherever the author put it: it is archived under the next number, the others keep theirs."""
    world = AlteredWorld(demo_world)
    added = note_in(json.loads(world.reply("v1", STRANGER)))["images_list"]
    world.tells_in_turn("v1", STILLS, same, edited(lambda listed: [*listed[:place], *added, *listed[place:]]))
    with running(world) as fake:
        fake.everywhere = "33o"
        fake.script["*", f"/{added[0]['fileid']}"] = "o"
        left = get(fake, tmp_path, notes=(STILLS,))
        assert left.code == 0
        assert as_declared(left, STILLS, set(world.notes[STILLS].originals))
        assert left.files(STILLS)["image-6"]["sha256"] == world.sha256(STRANGER, "image-1")
        assert set(left.files(STILLS)) == {f"image-{number}" for number in range(1, 7)}
        costs_nothing_more(left, STILLS)


def test_a_removed_picture_that_nobody_has_any_more(
    demo_world: DemoWorld, tmp_path: Path, no_workers: None
) -> None:
    """A gap under its own number; another run may pay again, keeps that reply too, renumbers nothing."""
    world = AlteredWorld(demo_world)
    world.tells_in_turn("v1", LIVES, same, edited(lambda listed: [listed[4], listed[3], *listed[1:3]]))
    gone = next(stored.key for stored in world.notes[LIVES].stored if stored.key.endswith("hehire7j"))
    left_slots = set(world.notes[LIVES].originals) - {"image-1"}
    with running(world) as fake:
        fake.everywhere = "33o"
        fake.script["*", f"/{gone}"] = "3"
        left = get(fake, tmp_path, notes=(LIVES,))
        assert left.code == 3
        assert left.gaps(LIVES) == {"image-1": "forbidden"}
        assert as_declared(left, LIVES, left_slots)
        media = len(fake.media)
        archived = {
            path: content
            for path, content in state_of(tmp_path).items()
            if path.endswith((".mp4", ".jpg", ".heic", ".webp"))
        }
        assert len(archived) == len(left_slots)

        unpaid = resume(fake, tmp_path, "--no-reresolve")
        assert unpaid.code == 3
        assert len(fake.calls) == 2
        again = resume(fake, tmp_path)
        assert again.code == 3
        assert again.gaps(LIVES) == {"image-1": "forbidden"}
        assert fake.calls == [f"v1 {LIVES}"] * 3
        names = [reply["path"] for reply in again.manifest(LIVES)["replies"]]
        assert names == ["replies/v1.json", "replies/v1.2.json", "replies/v1.3.json"]
        assert all(gone in asked for asked in fake.media[media:])
        assert archived.items() <= state_of(tmp_path).items()

        fake.script.clear()
        healed = resume(fake, tmp_path)
        assert healed.code == 0
        assert healed.is_complete(LIVES)
        costs_nothing_more(healed, LIVES)


def test_of_two_newer_replies_the_last_one_has_the_say(
    demo_world: DemoWorld, tmp_path: Path, no_workers: None
) -> None:
    """The second renewal brings back a picture that the first had lost: its newest address is asked."""

    def signed(word: str, keep: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def change(reply: dict[str, Any]) -> dict[str, Any]:
            note = note_in(reply)
            note["images_list"] = [
                {"url": f"https://ci.xiaohongshu.com/{key}?sign={word}{number}&t=1", "fileid": ""}
                for number, key in enumerate(item["fileid"] for item in note["images_list"])
            ][keep:]
            return reply

        return change

    world = AlteredWorld(demo_world)
    world.tells_in_turn("v1", STILLS, signed("old", 0), signed("newer", 1), signed("newest", 0))
    with running(world) as fake:
        first = next(stored.key for stored in world.notes[STILLS].stored)
        fake.script["ci.xiaohongshu.com", f"/{first}?sign=newest"] = "o"
        fake.script["*", f"/{first}"] = "3"
        for stored in world.notes[STILLS].stored:
            fake.script["ci.xiaohongshu.com", f"/{stored.key}?sign=newe"] = "o"
        fake.everywhere = "3"
        left = get(fake, tmp_path, notes=(STILLS,))
        assert left.code == 3
        assert left.gaps(STILLS) == {"image-1": "forbidden"}
        again = resume(fake, tmp_path)
        assert again.code == 0
        assert again.is_complete(STILLS)
        assert fake.calls == [f"v1 {STILLS}"] * 3
        assert [asked for asked in fake.media if "sign=newest" in asked] == [
            f"ci.xiaohongshu.com/{first}?sign=newest0&t=1"
        ]
        costs_nothing_more(again, STILLS)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"code": 301}', b"\xff\xfe"])
def test_a_newer_reply_that_is_damaged(
    demo_world: DemoWorld, tmp_path: Path, no_workers: None, damage: bytes
) -> None:
    """`verify` names it; a missing picture is fetched from the older reply's addresses, for nothing."""
    world = AlteredWorld(demo_world)
    world.tells_in_turn("v1", STILLS, same, edited(EDITS["turned round"]))
    with running(world) as fake:
        fake.everywhere = "33o"
        assert get(fake, tmp_path, notes=(STILLS,)).code == 0
        folder = folder_of(tmp_path, STILLS)
        (folder / "replies" / "v1.2.json").write_bytes(damage)
        verified = run(["verify", "-d", tmp_path])
        assert verified.code != 0
        assert "v1.2.json" in verified.out + verified.err
        next(folder.glob("02.*")).unlink()
        ran = run(["resume", "-d", tmp_path, "--image-format", "keep", "--json", *fake.options])
        left = Left(ran, tmp_path, fake)
        assert ran.code == 0, ran.err
        assert left.is_complete(STILLS)
        assert len(fake.calls) == 2
