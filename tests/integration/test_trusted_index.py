"""`--trust-index`: the catalog's word instead of a look at every file; what it sees, and what it does not."""

from pathlib import Path

import pytest
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, VIDEO_NOTE

EMPTY = "6a064da2000000001c03e8d7"


@pytest.fixture
def archive(world: FakeWorld, tmp_path: Path) -> Path:
    """Two finished notes."""
    assert run(["get", LIVE_NOTE, VIDEO_NOTE, *_options(world, tmp_path)]).code == 0
    world.forget()
    return tmp_path


def _options(world: FakeWorld, archive: Path) -> list[str]:
    return ["-d", str(archive), "--image-format", "keep", "--no-gallery", *world.options]


@pytest.mark.parametrize("command", [["get", LIVE_NOTE, VIDEO_NOTE], ["resume"]], ids=lambda words: words[0])
def test_nobody_is_asked_about_finished_notes(world: FakeWorld, archive: Path, command: list[str]) -> None:
    """Exit code 0 and no request, the first time and ever after."""
    for _ in range(2):
        ran = run([*command, "--trust-index", *_options(world, archive)])
        assert ran.code == 0
    assert not world.seen


def test_each_finished_note_is_told_of_to_a_program(world: FakeWorld, archive: Path) -> None:
    """In the order of the list, as without the option; and counted in the report."""
    asked = ["get", VIDEO_NOTE, LIVE_NOTE, "--json", *_options(world, archive)]
    believed, looked_at = run([*asked, "--trust-index"]), run(asked)
    assert believed.events == looked_at.events
    ends = [event for event in believed.events if event["event"] == "note_finished"]
    assert [end["note"] for end in ends] == [VIDEO_NOTE, LIVE_NOTE]
    assert {end["outcome"] for end in ends} == {"unchanged"}
    assert believed.report["notes"]["unchanged"] == 2


def test_finished_notes_are_counted(world: FakeWorld, archive: Path) -> None:
    """People are told how many there were, and that nothing is left; each with `--verbose`."""
    asked = ["get", LIVE_NOTE, VIDEO_NOTE, "--trust-index", *_options(world, archive)]
    told = run(asked).err
    assert "2 unchanged" in told
    assert "left" not in told
    assert "continue with" not in told
    lines = run([*asked, "--verbose"]).err.splitlines()
    assert [line[:34] for line in lines[:2]] == [f"unchanged {LIVE_NOTE}", f"unchanged {VIDEO_NOTE}"]


def test_a_removed_file_is_not_noticed_and_the_next_look_repairs_it(world: FakeWorld, archive: Path) -> None:
    """As the help says; without the option everything is looked at, as ever, and only that file travels."""
    picture = next(folder_of(archive, LIVE_NOTE).glob("01.heic"))
    picture.unlink()
    for command in (["get", LIVE_NOTE], ["resume"]):
        assert run([*command, "--trust-index", *_options(world, archive)]).code == 0
    plan = run(["get", LIVE_NOTE, "--dry-run", "--json", "--trust-index", *_options(world, archive)]).events
    assert plan[0]["settled"] == 1
    assert not world.seen
    assert run(["verify", "-d", archive]).code == 5
    assert run(["resume", *_options(world, archive)]).code == 0
    assert run(["verify", "-d", archive]).code == 0
    assert not world.calls
    assert picture.is_file()


def test_what_is_not_finished_is_gone_on_with(world: FakeWorld, archive: Path) -> None:
    """A note whose folder is gone, a partial one: they are archived beside those that are believed."""
    world.script[("*", HEIC)] = "4"
    folder = folder_of(archive, LIVE_NOTE)
    folder.rename(archive.with_name(f"{archive.name}-away"))
    left = archive / "left.txt"
    options = ["--trust-index", *_options(world, archive)]
    assert run(["get", LIVE_NOTE, VIDEO_NOTE, "--failed-out", left, *options]).code == 3
    assert left.read_text("utf-8") == f"{LIVE_NOTE}  # partial\n"
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    world.script.clear()
    assert run(["resume", *options]).code == 0
    assert run(["verify", "-d", archive]).code == 0


def test_empty_notes_are_believed_to_be_empty(world: FakeWorld, archive: Path) -> None:
    """They cost nothing, unless they are to be asked for again, and no exit code 3 unless --strict-empty."""
    options = ["--trust-index", *_options(world, archive)]
    assert run(["get", EMPTY, *options]).code == 3
    calls = len(world.calls)
    assert run(["get", EMPTY, *options]).code == 0
    assert run(["get", EMPTY, *options, "--strict-empty"]).code == 3
    assert len(world.calls) == calls
    assert run(["get", EMPTY, "--recheck-empty", *options]).code == 3
    assert len(world.calls) == 2 * calls
