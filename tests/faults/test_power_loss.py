"""The power goes at any moment: what is left is no lie, nothing safe is paid for again, `resume` ends it.

A real run is recorded with strace; after every change of the disk, every model of what may have arrived is
laid out as a folder. `make power-loss` tries all of them, the normal suite a spread.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.command import run
from support.disk_recorder import record
from support.fake_world import FakeWorld, running
from support.power_loss import (
    EVERY_STATE,
    MARKS,
    ONE_IN,
    TOKEN,
    Disk,
    Model,
    State,
    states,
    times_of,
    tree_of,
)
from support.single_run import VIDEO_NOTE

from xharchive.demo.world import DemoWorld

PICTURES, LIVE = "694c7be6000000002200e19b", "69ef13c8000000000c00f2b5"
NOTES = (PICTURES, LIVE, VIDEO_NOTE)
"""Pictures as WebP; a HEIF that is converted, with its motion; a video with subtitles, two paid replies."""
RESUME = ("resume", "--on-unknown", "pay")
"""What goes on after the cut, which may leave calls of unknown outcome in the ledger."""
_TIMES = frozenset(("archived", "fetched"))

pytestmark = MARKS


@dataclass(frozen=True, repr=False)
class Recorded:
    """An undisturbed run: every state it could have left, what it ended with, and what it paid for.

    Not shown where a test fails: to write the states out takes minutes.
    """

    states: Sequence[State]
    finished: dict[str, Any]
    manifests: frozenset[bytes]
    calls: frozenset[str]
    times: dict[str, int]


@pytest.fixture(scope="module")
def recorded(demo_world: DemoWorld, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Record one run for all tests; replaying all of it must give the very folder that it left."""
    parent = tmp_path_factory.mktemp("recorded").resolve()
    archive = parent / "archive"
    with running(demo_world) as fake:
        command = [sys.executable, "-P", "-m", "xharchive", "get", *NOTES, "-d", str(archive), *fake.options]
        operations = record(command, archive, parent / "log", {**os.environ, "XHARCHIVE_TOKEN": TOKEN})
        calls = frozenset(fake.calls)
    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    assert in_any_order(disk.view(Model.KILLED)) == in_any_order(tree_of(archive))
    return Recorded(
        list(states(operations)),
        told(archive),
        frozenset(path.read_bytes() for path in archive.glob("*/manifest.json")),
        calls,
        times_of(archive),
    )


def in_any_order(tree: dict[str, bytes | None]) -> dict[str, object]:
    """The tree, the ledger's lines sorted: of two appends at once strace cannot tell the first."""
    lines = (tree["archive/.xharchive/ledger.jsonl"] or b"").splitlines()
    return {**tree, "archive/.xharchive/ledger.jsonl": sorted(lines)}


@pytest.mark.parametrize("model", Model, ids=lambda model: model.name.lower())
def test_every_state_is_honest_and_can_be_resumed(
    model: Model, recorded: Recorded, world: FakeWorld, tmp_path: Path
) -> None:
    """No state is damaged, or called whole when it is not; `resume` completes it and pays nothing twice."""
    problems = []
    for state in chosen(recorded.states, model):
        folder = tmp_path / f"{state.prefix}"
        try:
            verify_tells_the_truth(state, recorded, folder / "verified")
            resume_completes(state, recorded, world, folder / "resumed")
        except AssertionError as problem:
            problems.append(f"after operation {state.prefix}, {state.last.verb} {state.last.path}: {problem}")
        shutil.rmtree(folder)
    assert not problems, f"{len(problems)} states\n" + "\n".join(problems[:20])


def chosen(every: Sequence[State], model: Model) -> Iterator[State]:
    """All states of a model, or a spread; the last commit step by step in the models that forgive least."""
    commits = [state.last.to for state in every if state.last.to.endswith("/manifest.json")]
    committed = commits[-1].rpartition("/")[0]
    strict = model in (Model.ONLY_SYNCED, Model.CUT)
    for number, state in enumerate(state for state in every if state.model is model):
        committing = strict and committed in (state.last.path + state.last.to)
        if EVERY_STATE or committing or number % ONE_IN == 0:
            yield state


def verify_tells_the_truth(state: State, recorded: Recorded, parent: Path) -> None:
    """A manifest is whole and every file it names is there; `verify` finds exactly what else is wrong."""
    notes = note_folders(state)
    for note, manifest in notes.items():
        assert manifest is None or manifest in recorded.manifests, f"the manifest of {note} is damaged"
        assert not damaged(state, note, manifest), f"{note} is committed but damaged"
    unfinished = {path.split("/")[3] for path in state.content if path.startswith("archive/.xharchive/work/")}
    wrong = [
        note
        for note, manifest in notes.items()
        if note[-24:] not in unfinished and (manifest is None or strays(state, note, manifest))
    ]
    state.lay_out(parent, recorded.times)
    verified = run(["verify", "--strict", "-d", parent / "archive"])
    exists = "archive/.xharchive" in state.content or any(notes.values())
    assert verified.code == ((5 if wrong else 0) if exists else 2), (verified, wrong)


def note_folders(state: State) -> dict[str, bytes | None]:
    """The note folders in a state, with their manifests, if they have one."""
    folders = [path for path, content in state.content.items() if content is None]
    notes = [path for path in folders if re.fullmatch(r"archive/[^/]*[0-9a-f]{24}", path)]
    return {note: state.content.get(f"{note}/manifest.json") for note in notes}


def named(manifest: bytes) -> dict[str, str]:
    """The SHA-256 of every file that a manifest names."""
    content = json.loads(manifest)
    return {entry["path"]: entry["sha256"] for entry in content["files"] + content["replies"]}


def damaged(state: State, note: str, manifest: bytes | None) -> list[str]:
    """The files that a manifest names and that are not there byte for byte."""
    return [
        path
        for path, sha256 in (named(manifest) if manifest else {}).items()
        if hashlib.sha256(state.content.get(f"{note}/{path}") or b"").hexdigest() != sha256
    ]


def strays(state: State, note: str, manifest: bytes) -> list[str]:
    """The files in a note folder that nobody knows."""
    known = {f"{note}/{path}" for path in (*named(manifest), "manifest.json", "note.md")}
    files = [path for path, content in state.content.items() if content is not None]
    return [path for path in files if path.startswith(f"{note}/") and path not in known]


def resume_completes(state: State, recorded: Recorded, world: FakeWorld, parent: Path) -> None:
    """The archive ends as the undisturbed one did; every reply that was safe is used, not paid for again."""
    archive = parent / "archive"
    state.lay_out(parent, recorded.times)
    before = len(world.calls)
    resumed = run([*RESUME, "-d", archive, *world.options])
    if not state.asked:  # no call was made yet, so the list of wanted notes need not be safe: ask again
        assert resumed.code in (0, 2), resumed
        resumed = run(["get", *RESUME[1:], *NOTES, "-d", archive, *world.options])
    assert resumed.code == 0, resumed
    paid = world.calls[before:]
    assert len(set(paid)) == len(paid), paid
    assert set(paid) <= recorded.calls - state.kept, f"paid again: {set(paid) & state.kept}"
    assert told(archive) == recorded.finished
    assert run(["verify", "-d", archive]).code == 0
    assert_ledger_goes_on(state, archive, len(paid))


def told(archive: Path) -> dict[str, Any]:
    """What an archive holds, without the times at which it was made: files by hash, manifests by content.

    Not the work folders: one that outlived its note's commit may stay, nobody looks into it again.
    """
    found: dict[str, Any] = {}
    for path in archive.rglob("*"):
        name = path.relative_to(archive).as_posix()
        if path.name == "manifest.json":
            found[name] = without_times(json.loads(path.read_text("utf-8")))
        elif not name.startswith(".xharchive"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    found["wanted"] = (archive / ".xharchive" / "wanted.txt").read_text("ascii")
    return found


def without_times(value: Any) -> Any:
    """The same JSON without the moments that differ from run to run."""
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if name not in _TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def assert_ledger_goes_on(state: State, archive: Path, paid: int) -> None:
    """Every line that arrived is still there, a torn one harms no other, the new calls are told whole."""
    old = (state.content.get("archive/.xharchive/ledger.jsonl") or b"").splitlines()
    lines = (archive / ".xharchive" / "ledger.jsonl").read_bytes().splitlines()
    assert lines[: len(old)] == old
    assert [json.loads(line)["event"] for line in lines[len(old) :] if line].count("intent") == paid
    assert run(["status", "-d", archive]).code == 0
