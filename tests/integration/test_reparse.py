"""A better parser over kept replies: manifests are renewed, nobody is asked, nothing is paid."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, Left, get, resume

from xharchive import parsers
from xharchive import resolver as saved_replies
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType
from xharchive.parsers import Envelope


def reparsed(archive: Path) -> dict[str, Any]:
    """What the command says, as JSON."""
    ran = run(["reparse", "-d", archive, "--json"])
    assert ran.code == 0
    return dict(json.loads(ran.out))


@pytest.fixture
def old_parser() -> Iterator[pytest.MonkeyPatch]:
    """A version that knows neither titles nor motions nor videos, until the patch is undone."""
    patch = pytest.MonkeyPatch()

    def read_less(envelope: Envelope, endpoint: parsers.Endpoint, note_id: NoteId) -> Note:
        note = parsers.read_note(envelope, endpoint, note_id)
        unseen = (AssetKind.LIVE, AssetKind.VIDEO)
        seen = tuple(asset for asset in note.assets if asset.slot.kind not in unseen)
        return replace(note, title="", assets=seen, type=NoteType.IMAGE)

    patch.setattr(saved_replies, "read_note", read_less)
    yield patch
    patch.undo()


def files(archive: Path) -> Mapping[str, bytes]:
    """Every file of the note folders but for the manifests and the texts made of them."""
    ours = ("manifest.json", "note.md")
    return {
        str(path): path.read_bytes()
        for path in archive.glob("2*/**/*")
        if path.is_file() and path.name not in ours
    }


def test_the_same_parser_changes_nothing(world: FakeWorld, tmp_path: Path) -> None:
    """Every note of the demo, complete, partial and empty: not one manifest is written."""
    get(world, tmp_path, notes=tuple(world.world.notes))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/manifest.json")}
    asked = len(world.seen)
    assert reparsed(tmp_path) == {"notes": len(before), "changed": 0, "wanted": 0, "skipped": 0}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/manifest.json")} == before
    assert len(world.seen) == asked


def test_what_an_old_parser_missed_is_found(
    world: FakeWorld, tmp_path: Path, old_parser: pytest.MonkeyPatch
) -> None:
    """Title and motion appear, the motion as a gap; `resume` fetches it without another call."""
    left = get(world, tmp_path)
    assert (left.code, left.manifest()["note"]["title"]) == (0, "")
    old_parser.undo()
    before, asked = files(tmp_path), len(world.seen)
    assert reparsed(tmp_path) == {"notes": 1, "changed": 1, "wanted": 1, "skipped": 0}
    assert files(tmp_path) == before
    assert len(world.seen) == asked
    left = Left(left.ran, tmp_path, world)
    assert left.gaps() == {"live-1": "not-fetched"}
    assert left.state() == "partial"
    assert left.manifest()["note"]["title"] == world.world.notes[LIVE_NOTE].title
    text = (folder_of(tmp_path, LIVE_NOTE) / "note.md").read_text("utf-8")
    assert world.world.notes[LIVE_NOTE].title in text
    assert reparsed(tmp_path)["changed"] == 0
    calls = len(world.calls)
    healed = resume(world, tmp_path)
    assert healed.code == 0
    assert healed.is_complete()
    assert len(world.calls) == calls


def test_a_gap_that_the_replies_explain_now(
    world: FakeWorld, tmp_path: Path, old_parser: pytest.MonkeyPatch
) -> None:
    """An endpoint's video was not understood: it is known by now, and to be fetched."""
    left = get(world, tmp_path, "--endpoints", "v6,v1", notes=(VIDEO_NOTE,))
    assert "video" not in left.files(VIDEO_NOTE)
    old_parser.undo()
    assert reparsed(tmp_path)["wanted"] >= 1
    assert Left(left.ran, tmp_path, world).gaps(VIDEO_NOTE)["video"] == "not-fetched"


def test_replies_that_tell_nothing_any_more_cost_no_manifest(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worse parser, or an odd one, must not empty an archive."""
    get(world, tmp_path)
    before = manifests(tmp_path)
    monkeypatch.setattr(saved_replies, "merged", lambda *_: None)
    monkeypatch.setattr("xharchive.run.reparse_notes.merged", lambda *_: None)
    assert reparsed(tmp_path) == {"notes": 1, "changed": 0, "wanted": 0, "skipped": 0}
    assert manifests(tmp_path) == before


def test_unfinished_and_damaged_notes_are_left_to_resume(world: FakeWorld, tmp_path: Path) -> None:
    """Their work folders and holes are not touched."""
    get(world, tmp_path)
    get(world, tmp_path, notes=(VIDEO_NOTE,))
    (folder_of(tmp_path, LIVE_NOTE) / "01.mp4").unlink()
    (tmp_path / ".xharchive" / "work" / VIDEO_NOTE).mkdir(parents=True)
    (tmp_path / "2026-01-01_no manifest_698ab064000000001503876d").mkdir()
    assert reparsed(tmp_path) == {"notes": 0, "changed": 0, "wanted": 0, "skipped": 3}
    (tmp_path / ".xharchive" / "work" / VIDEO_NOTE).mkdir(parents=True)
    text = run(["reparse", "-d", tmp_path]).out
    assert "3 notes left out: unfinished or damaged" in text
    assert "xharchive resume -d" in text


@pytest.mark.parametrize("damage", [None, b'{"code": 601, "data": null}'])
def test_a_lost_reply_is_not_forgotten(world: FakeWorld, tmp_path: Path, damage: bytes | None) -> None:
    """Removed or overwritten: the note is left out, `verify` goes on saying so, nothing is paid for it."""
    get(world, tmp_path, notes=(VIDEO_NOTE,))
    before, calls = manifests(tmp_path), len(world.calls)
    reply = folder_of(tmp_path, VIDEO_NOTE) / "replies" / "v6.json"
    reply.unlink() if damage is None else reply.write_bytes(damage)
    assert reparsed(tmp_path) == {"notes": 0, "changed": 0, "wanted": 0, "skipped": 1}
    assert manifests(tmp_path) == before
    assert run(["verify", "-d", tmp_path]).code == 5
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert len(world.calls) == calls


@pytest.mark.parametrize("command", ["reparse", "resume", "verify", "status"])
def test_a_manifest_of_a_newer_version_is_not_touched(world: FakeWorld, tmp_path: Path, command: str) -> None:
    """What a later program wrote down is not ours to overwrite: exit 5, and what to do."""
    get(world, tmp_path)
    path = folder_of(tmp_path, LIVE_NOTE) / "manifest.json"
    newer = path.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 99')
    path.write_text(newer, "utf-8")
    (tmp_path / ".xharchive" / "catalog.sqlite3").unlink()
    ran = run([command, "-d", tmp_path, *(world.options if command == "resume" else ())])
    assert ran.code == 5
    assert "written by a newer xharchive" in ran.err
    assert path.read_text("utf-8") == newer
