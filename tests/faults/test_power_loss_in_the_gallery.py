"""The power goes while a gallery is refreshed: the next refresh makes all of it good, whatever arrived.

As `test_power_loss`: recorded with strace and laid out by the models of a disk. `make power-loss` tries every
state, the normal suite a spread.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.command import run
from support.disk_recorder import Operation, Verb, record
from support.fake_world import FakeWorld, running
from support.gallery_and_note_files import contents, originals
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
from support.single_run import LIVE_NOTE, VIDEO_NOTE

from xharchive.demo.world import DemoWorld

PICTURES = "694c7be6000000002200e19b"
KEPT = ("--image-format", "keep")
"""What leaves HEIFs alone: there are pictures for the screen of them then."""
MARK = "archive/.xharchive/gallery.stale"

pytestmark = MARKS


@dataclass(frozen=True, repr=False)
class Recorded:
    """An undisturbed refresh: every state it could have left, and the files that it ended with.

    Not shown where a test fails: to write the states out takes minutes.
    """

    states: Sequence[State]
    gallery: dict[str, str]
    originals: dict[str, str]
    times: dict[str, int]


class Recording:
    """An archive whose commands are recorded."""

    def __init__(self, parent: Path) -> None:
        self.archive = parent.resolve() / "archive"
        self._log = parent / "log"

    def done(self, *command: str) -> list[Operation]:
        """Run a command on it."""
        whole = [sys.executable, "-P", "-m", "xharchive", *command, "-d", str(self.archive)]
        return record(whole, self.archive, self._log, {**os.environ, "XHARCHIVE_TOKEN": TOKEN})

    def up_to_here(self, last: list[Operation], before: list[Operation], *, long_before: bool) -> Recorded:
        """Return what it may be if the power goes during the last command."""
        disk = Disk()
        for operation in (*before, *last):
            disk.apply(operation)
        left = tree_of(self.archive)
        replayed = disk.view(Model.KILLED)
        # Of two appends at once strace cannot tell the first: the ledger's lines may be in another order.
        assert all(replayed[path] == left[path] for path in left if not path.endswith("/ledger.jsonl"))
        every = list(states(last, before, long_before=long_before))
        return Recorded(every, contents(self.archive), originals(self.archive), times_of(self.archive))


@pytest.fixture(scope="module", params=["first", "after a note"])
def recorded(
    request: pytest.FixtureRequest, demo_world: DemoWorld, tmp_path_factory: pytest.TempPathFactory
) -> Recorded:
    """Record a refresh: of an archive that has no gallery, or after one more note."""
    recording = Recording(tmp_path_factory.mktemp("recorded"))
    with running(demo_world) as fake:
        before = recording.done("get", LIVE_NOTE, VIDEO_NOTE, *KEPT, *fake.options)
        if request.param == "after a note":
            before += recording.done("gallery")
            before += recording.done("get", PICTURES, *fake.options)
    return recording.up_to_here(recording.done("gallery"), before, long_before=False)


@pytest.fixture(scope="module")
def recorded_run(demo_world: DemoWorld, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Record a run that archives one more note, and refreshes at its end."""
    recording = Recording(tmp_path_factory.mktemp("recorded"))
    with running(demo_world) as fake:
        before = recording.done("get", LIVE_NOTE, VIDEO_NOTE, *fake.with_gallery)
        return recording.up_to_here(
            recording.done("get", PICTURES, *fake.with_gallery), before, long_before=True
        )


@pytest.mark.parametrize("model", Model, ids=lambda model: model.name.lower())
def test_the_next_refresh_makes_all_of_it_good(model: Model, recorded: Recorded, tmp_path: Path) -> None:
    """Every page and small picture is as in the undisturbed gallery; no note was touched."""

    def makes_good(archive: Path) -> None:
        refreshes(archive, recorded)
        assert is_made_already(archive)

    after_each(chosen(recorded.states, model), recorded, tmp_path, makes_good)


@pytest.mark.parametrize("model", Model, ids=lambda model: model.name.lower())
def test_the_next_run_shows_a_note_that_was_committed(
    model: Model, recorded_run: Recorded, world: FakeWorld, tmp_path: Path
) -> None:
    """Though it commits nothing: the refresh of the run that committed the note did not come to its end."""

    def resumes(archive: Path) -> None:
        resumed = run(["resume", "-q", "--on-unknown", "pay", "-d", archive, *world.with_gallery])
        assert resumed.code == 0, resumed
        assert set(contents(archive)) == set(recorded_run.gallery)
        assert originals(archive) == recorded_run.originals
        assert run(["verify", "-d", archive]).code == 0
        assert is_made_already(archive)

    every = recorded_run.states
    ended = next(each.prefix for each in every if (each.last.verb, each.last.path) == (Verb.REMOVE, MARK))
    refreshing = [state for state in every if state.prefix < ended and is_there(PICTURES, state)]
    after_each(chosen(refreshing, model), recorded_run, tmp_path, resumes)
    assert not world.seen


def is_there(note: str, state: State) -> bool:
    """Whether a note's manifest is there as it was written."""
    names = [path for path in state.content if path.endswith(f"{note}/manifest.json")]
    return any((state.content[name] or b"").endswith(b"}\n") for name in names)


def after_each(
    chosen_ones: Iterator[State],
    recorded: Recorded,
    folder: Path,
    check: Callable[[Path], None],
) -> None:
    """Lay the states out one by one, and check them."""
    problems = []
    every = list(chosen_ones)  # none of a model whose states are all states of another one
    assert recorded.states
    for state in every:
        state.lay_out(folder / "cut", recorded.times)
        try:
            check(folder / "cut" / "archive")
        except AssertionError as problem:
            problems.append(f"after operation {state.prefix}, {state.last.verb} {state.last.path}: {problem}")
        shutil.rmtree(folder / "cut")
    assert not problems, f"{len(problems)} of {len(every)} states\n" + "\n".join(problems[:20])


def is_made_already(archive: Path) -> bool:
    """Whether a refresh finds nothing to do."""
    told = json.loads(run(["gallery", "-d", archive, "--json"]).out)
    return (told["pages"], told["pictures"]) == (0, 0)


def refreshes(archive: Path, recorded: Recorded) -> None:
    """Make the gallery good, and look at all that is there."""
    refreshed = run(["gallery", "-d", archive])
    assert refreshed.code == 0, refreshed
    found = contents(archive)
    every = found.keys() | recorded.gallery.keys()
    wrong = sorted(name for name in every if found.get(name) != recorded.gallery.get(name))
    assert not wrong
    assert originals(archive) == recorded.originals
    assert run(["verify", "-d", archive]).code == 0


def chosen(every: Sequence[State], model: Model) -> Iterator[State]:
    """All states of a model, or a spread, and what is left when all is done: most is written then."""
    of_model = [state for state in every if state.model is model]
    for number, state in enumerate(of_model):
        if EVERY_STATE or number % ONE_IN == 0 or state is of_model[-1]:
            yield state
