"""Whole runs of the real command line over the demo world's notes."""

import hashlib
import json
from pathlib import Path

import pytest
from support.command import Ran, folder_of, ledger, manifests, run
from support.fake_world import FakeWorld, running

from xharchive.demo.world import DemoWorld

COMPLETE, EMPTY = "complete", "empty"


@pytest.fixture(scope="module")
def archived(
    demo_world: DemoWorld, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, FakeWorld, Ran, Ran]:
    """One archive of all demo notes, made by a first `get` and looked at again by a second."""
    archive = tmp_path_factory.mktemp("archive")
    with pytest.MonkeyPatch.context() as patch, running(demo_world) as fake:
        patch.setenv("XHARCHIVE_TOKEN", "s3cret/t0ken+of=tests")
        command = ["get", *demo_world.notes, "-d", str(archive), "--json", *fake.options]
        first = run(command)
        seen = list(fake.seen)
        second = run(command)
        assert fake.seen == seen, "the second run made requests"
    return archive, fake, first, second


def test_every_note_ends_as_the_world_says(
    archived: tuple[Path, FakeWorld, Ran, Ran], demo_world: DemoWorld
) -> None:
    """Complete notes are complete, the empty one is empty, and so the exit code is 3."""
    archive, _, first, _ = archived
    states = {note_id: data["state"] for note_id, data in manifests(archive).items()}
    assert states == {note.id: note.state for note in demo_world.notes.values()}
    assert first.code == 3


def test_originals_are_byte_for_byte_what_the_server_holds(
    archived: tuple[Path, FakeWorld, Ran, Ran], demo_world: DemoWorld
) -> None:
    """Promise 1: in every slot lies the file that the world stores, and the manifest has its digest."""
    archive, _, _, _ = archived
    for note_id, data in manifests(archive).items():
        folder = folder_of(archive, note_id)
        found = {}
        for entry in data["files"]:
            digest = hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest()
            assert digest == entry["sha256"], entry["path"]
            if entry["role"] == "original":
                parts = (entry["kind"], entry["position"] or "", entry["label"])
                found["-".join(str(part) for part in parts if part)] = digest
        expected = demo_world.notes[note_id].originals
        assert found == {slot: demo_world.sha256(note_id, slot) for slot in expected}, note_id


def test_a_second_get_makes_no_request_and_changes_nothing(
    archived: tuple[Path, FakeWorld, Ran, Ran],
) -> None:
    """Promise 2: what is there is left alone; the fixture saw no request."""
    archive, _, _, second = archived
    report = second.report
    assert report["calls"] == 0
    assert report["bytes"] == 0
    assert report["notes"] == {"archived": 0, "unchanged": 19, "partial": 0, "empty": 1, "failed": 0}
    assert second.code == 0
    assert len(manifests(archive)) == 20


def test_the_ledger_holds_every_call_the_server_saw(archived: tuple[Path, FakeWorld, Ran, Ran]) -> None:
    """Promise 2: intent and outcome of each call, and not one call more or less."""
    archive, fake, _, _ = archived
    lines = ledger(archive)
    intents = [f"{line['endpoint']} {line['note']}" for line in lines if line["event"] == "intent"]
    assert sorted(intents) == sorted(fake.calls)
    assert sorted(line["call"] for line in lines if line["event"] == "outcome") == sorted(
        line["call"] for line in lines if line["event"] == "intent"
    )


def test_verify_and_status_agree(archived: tuple[Path, FakeWorld, Ran, Ran]) -> None:
    """Nothing is wrong with the archive, and its figures are those of its manifests."""
    archive, fake, _, _ = archived
    assert run(["verify", "-d", archive]).code == 0
    figures = json.loads(run(["status", "-d", archive, "--json"]).out)
    originals = [
        entry
        for data in manifests(archive).values()
        for entry in data["files"]
        if entry["role"] == "original"
    ]
    assert figures["notes"] == {"complete": 19, "partial": 0, "empty": 1}
    assert figures["files"] == len(originals)
    assert figures["bytes"] == sum(entry["size"] for entry in originals)
    assert figures["calls"]["sent"] == len(fake.calls)
    assert figures["unfinished"] == 0


def test_the_token_is_nowhere(archived: tuple[Path, FakeWorld, Ran, Ran]) -> None:
    """Promise 5: not in any file, not in any output."""
    archive, _, first, second = archived
    for path in archive.rglob("*"):
        if path.is_file():
            assert b"s3cret" not in path.read_bytes(), path
    assert "s3cret" not in first.out + first.err + second.out + second.err
