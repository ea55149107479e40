"""Streams that cannot hold every character: programs get whole JSON, people get something to read."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.fake_world import FakeWorld
from support.renamed_note import rename_note

NOTE = "69aed4e2000000000e00c358"
TITLE = "豫园 é 😆"
ENCODINGS = ["gbk", "ascii:strict", "utf-16", "utf-8"]


def ran(encoding: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run the program with such streams."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-P", "-m", "xharchive", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, check=False)


def events(encoding: str, output: bytes) -> list[dict[str, object]]:
    """Read JSON lines as a program does that knows the encoding."""
    return [json.loads(line) for line in output.decode(encoding.partition(":")[0]).splitlines()]


@pytest.fixture
def titled(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A world with a title that no old encoding holds."""
    rename_note(world, NOTE, TITLE, monkeypatch)
    return world


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_lines(titled: FakeWorld, tmp_path: Path, encoding: str) -> None:
    """The title is whole, be it escaped; nothing that was paid for is lost to it."""
    found = ran(encoding, "get", NOTE, "-d", tmp_path / "豫😆", "--json", *titled.options)
    assert found.returncode == 0, found.stderr
    lines = events(encoding, found.stdout)
    assert {event["title"] for event in lines if event.get("title")} == {TITLE}
    assert found.stdout.isascii() or encoding.startswith("utf")
    assert (TITLE.encode() in found.stdout) == (encoding == "utf-8")
    status = ran(encoding, "status", "-d", tmp_path / "豫😆", "--json")
    assert json.loads(status.stdout.decode(encoding.partition(":")[0]))["archive"] == str(tmp_path / "豫😆")


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
def test_a_listing(titled: FakeWorld, tmp_path: Path, encoding: str) -> None:
    """The same, page by page."""
    found = ran(encoding, "search", "豫", "--limit", "1", "-d", tmp_path, *titled.options)
    assert found.returncode == 0, found.stderr
    assert [event["title"] for event in events(encoding, found.stdout)] == [TITLE]


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8"])
def test_text_for_people(titled: FakeWorld, tmp_path: Path, encoding: str) -> None:
    """What the stream cannot hold is escaped: on standard error as on standard output."""
    found = ran(encoding, "get", NOTE, "-v", "-d", tmp_path / "豫😆", *titled.options)
    assert found.returncode == 0, found.stderr
    assert NOTE in found.stderr.decode(encoding.partition(":")[0])
    assert ran(encoding, "status", "-d", tmp_path / "豫😆").returncode == 0
    for file in (tmp_path / "豫😆").glob("*/01.mp4"):
        file.unlink()
    verified = ran(encoding, "verify", "-d", tmp_path / "豫😆")
    assert (verified.returncode, NOTE in verified.stdout.decode(encoding.partition(":")[0])) == (5, True)
