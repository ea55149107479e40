"""The lists and manifests that the project ships as samples."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.command import manifests, run
from support.fake_world import FakeWorld

from xharchive import manifest

SAMPLES = Path(__file__).parent.parent.parent / "sample_manifests"
LISTS = sorted((SAMPLES / "lists").glob("*.*"))
MANIFESTS = sorted((SAMPLES / "manifests").glob("*.json"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_sample_list_runs_against_the_demo_world(world: FakeWorld, tmp_path: Path, path: Path) -> None:
    """Every line names notes of the demo, and each ends as the world says."""
    ran = run(["get", "-i", path, "-d", tmp_path, "--json", *world.options])
    states = {note_id: data["state"] for note_id, data in manifests(tmp_path).items()}
    assert states == {note_id: world.world.notes[note_id].state for note_id in states}
    assert len(states) == next(event["notes"] for event in ran.events if event["event"] == "run_started")
    assert ran.code == (3 if "empty" in states.values() else 0)


def test_there_are_samples() -> None:
    """The parametrized tests here have something to run over."""
    assert {path.stem for path in LISTS} >= {"ids", "links", "share_text", "short_links", "table"}
    assert len(MANIFESTS) >= 8


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_sample_manifest_is_valid_and_reads_back(path: Path) -> None:
    """It satisfies the published schema, and our own reader and writer agree on it."""
    text = path.read_text("utf-8")
    jsonschema.Draft202012Validator(manifest.json_schema()).validate(json.loads(text))
    assert manifest.to_json(manifest.parse(text)) == text


def test_the_sample_manifests_are_what_the_program_writes(world: FakeWorld, tmp_path: Path) -> None:
    """Run today, the demo gives the same notes, slots, qualities and states as the samples show."""
    samples: dict[str, dict[str, Any]] = {}
    for path in MANIFESTS:
        data = json.loads(path.read_text("utf-8"))
        if data["state"] != "partial":  # made with other settings
            samples[data["id"]] = data
    run(["get", *samples, "-d", tmp_path, *world.options])
    written = manifests(tmp_path)
    for note_id, sample in samples.items():
        assert _gist(written[note_id]) == _gist(sample), note_id


def _gist(data: dict[str, Any]) -> dict[str, Any]:
    """A manifest without what differs between runs and between versions of the encoders."""
    changing = {"fetched", "sha256", "size", "tool", "refused"}
    files = [
        {name: value for name, value in entry.items() if name not in changing} for entry in data["files"]
    ]
    return {name: data[name] for name in ("id", "state", "note", "gaps")} | {"files": files}
