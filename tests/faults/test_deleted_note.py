"""A note that its author deleted: news once, and no reason for a scheduled run to fail for ever."""

from pathlib import Path

import pytest
from support.command import run
from support.fake_world import FakeWorld

EMPTY = "6a064da2000000001c03e8d7"
OTHER = "694c7be6000000002200e19b"


@pytest.mark.parametrize("more", [(), ("--trust-index",), ("-q",)])
def test_a_note_known_to_be_empty_is_no_failure(
    world: FakeWorld, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """The run that finds it empty ends with 3; later ones make no call and end with 0."""
    command: list[str | Path] = ["get", EMPTY, OTHER, "-d", tmp_path, *world.options]
    assert run(command).code == 3
    paid = len(world.calls)
    again = run([*command, *more])
    assert (again.code, len(world.calls)) == (0, paid)
    assert run([*command, *more, "--strict-empty"]).code == 3
    assert run(["resume", "-d", tmp_path, *world.options, *more]).code == 0
    assert len(world.calls) == paid


def test_a_note_known_to_be_empty_hides_no_failure(world: FakeWorld, tmp_path: Path) -> None:
    """One known empty note and one that fails now: exit 3."""
    assert run(["get", EMPTY, "-d", tmp_path, *world.options]).code == 3
    world.script["127.0.0.1", "/api/"] = "I"
    ran = run(["get", EMPTY, OTHER, "-d", tmp_path, "--json", "--retries", "0", *world.options])
    assert ran.code == 3
    assert (ran.report["known_empty"], ran.report["notes"]["failed"]) == (1, 1)
