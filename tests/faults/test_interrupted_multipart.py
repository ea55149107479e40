"""A body that comes over several connections is interrupted: what came ahead of a gap counts, too."""

import hashlib
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.another_process import Process, started
from support.fake_world import FakeWorld
from support.large_motion import PART, V8, Hosts, get, is_whole, refusals
from support.ranged_host import MIB, RangedHost
from support.single_run import LIVE_NOTE, STREAM

ON_ITS_WAY = MIB
"""What an interruption costs at most: a block of each helper (128 KiB), and two of the part (256 KiB)."""
RECORD = 512


def ranges_ahead(archive: Path) -> dict[str, int]:
    """The files with ranges of the body beside the part, and the first byte of each."""
    names = (path.name for path in (archive / PART).parent.iterdir())
    found = (re.fullmatch(r"live-1\.part\.(\d+)", name) for name in names)
    return {match[0]: int(match[1]) for match in found if match}


def spans_ahead(archive: Path) -> list[range]:
    """Which bytes of the body wait beside the part, by the records there."""
    spans = []
    for name, start in ranges_ahead(archive).items():
        with suppress(FileNotFoundError), (archive / PART).with_name(name).open("rb") as file:
            if record := file.read(RECORD).strip(b" \0"):
                spans.append(range(start, json.loads(record)["at"]))
    return spans


def kept(archive: Path) -> int:
    """How many bytes of the body are on the disk, each counted once."""
    size = at = (archive / PART).stat().st_size
    for span in sorted(spans_ahead(archive), key=lambda span: span.start):
        size += max(0, span.stop - max(at, span.start))
        at = max(at, span.stop)
    return size


def until_it_is_kept(archive: Path, host: RangedHost) -> None:
    """Wait until the disk has what the host sent, but for what may be on its way."""
    for _ in range(12_000):
        if kept(archive) >= host.sent - ON_ITS_WAY:
            return
        time.sleep(0.005)
    raise AssertionError(f"{kept(archive)} bytes are kept of {host.sent}")


def interrupted(
    large: FakeWorld, host: RangedHost, archive: Path, number: signal.Signals, *command: str
) -> None:
    """Start a run, and send it a signal when the host holds back the rest, and all else is on the disk."""
    with started(large, archive, *command, *host.option) as process:
        if command[0] == "get":
            process.until(lambda event: event["event"] == "asset_archived")
        host.until_sent(9 * MIB)
        process.writes(archive / PART, MIB)
        until_it_is_kept(archive, host)
        ended(process, number)


def ended(process: Process, number: signal.Signals) -> None:
    """It ends by the signal, or of its own will because of it."""
    assert process.signal(number) == (-9 if number is signal.SIGKILL else 128 + number)


def asked_since(host: RangedHost, before: int) -> Iterator[range]:
    """Which bytes were asked for as pieces since then."""
    for asked in host.asked[before:]:
        if asked.is_piece:
            yield range(asked.first or 0, (asked.last or 0) + 1)


def overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_what_is_missing_is_asked_for(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, number: signal.Signals
) -> None:
    """The part is a beginning of the file; what came ahead lies beside it. Neither is asked for again."""
    with hosted(hold_after=3) as host:
        interrupted(large, host, tmp_path, number, "get", LIVE_NOTE)
        left = (tmp_path / PART).read_bytes()
        assert motion.startswith(left)
        assert len(left) < len(motion)
        names = {path.name for path in (tmp_path / PART).parent.iterdir()}
        assert {name for name in names if "live-1" in name} == {
            *(PART.name, f"{PART.name}.json"),
            *ranges_ahead(tmp_path),
        }
        record = json.loads((tmp_path / PART).with_name("live-1.part.json").read_text())
        if number is not signal.SIGKILL:
            assert (record["size"], record["sha256"]) == (len(left), hashlib.sha256(left).hexdigest())
        ahead = [span for span in spans_ahead(tmp_path) if span.stop > len(left)]
        assert ahead
        before, host.hold_after = len(host.asked), None
        host.patient = False
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    again = host.asked[before]
    assert (again.first, again.last, again.status) == (len(left), None, 206)
    assert not any(overlap(asked, span) for asked in asked_since(host, before) for span in ahead)
    assert large.count(V8, STREAM) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_again_and_again(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, number: signal.Signals
) -> None:
    """Each interruption costs what was on its way, and nothing that was there before it."""
    with hosted(hold_after=2) as host:
        interrupted(large, host, tmp_path, number, "get", LIVE_NOTE)
        for most in (2, 1):
            there, before, sent = kept(tmp_path), len(host.asked), host.sent
            ahead = [span for span in spans_ahead(tmp_path) if span.stop > (tmp_path / PART).stat().st_size]
            host.hold_after = len(host.pieces) + most
            with started(large, tmp_path, "resume", *host.option) as process:
                host.until_sent(sent + 1)
                while not list(asked_since(host, before)):
                    time.sleep(0.005)
                ended(process, number)
            assert kept(tmp_path) >= there - ON_ITS_WAY * (number is signal.SIGKILL)
            assert not any(overlap(asked, span) for asked in asked_since(host, before) for span in ahead)
        host.hold_after = None
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []


def test_another_file_by_then(large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes) -> None:
    """The host has other bytes under another ETag: all of them are fetched, none of the old ones stays."""
    changed = motion[:-MIB] + b"\x01" * MIB
    with hosted(hold_after=3) as host:
        interrupted(large, host, tmp_path, signal.SIGKILL, "get", LIVE_NOTE)
        before, host.hold_after, host.patient, host.body = len(host.asked), None, False, changed
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, changed)
    assert [asked.status for asked in host.asked[before:] if not asked.is_piece] == [200]
    assert refusals(tmp_path) == []


def test_bytes_ahead_that_are_not_what_came(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes
) -> None:
    """A power cut or somebody changed a byte of each piece: they travel again, and the file is good."""
    with hosted(hold_after=3) as host:
        interrupted(large, host, tmp_path, signal.SIGKILL, "get", LIVE_NOTE)
        assert spans_ahead(tmp_path)
        for name in ranges_ahead(tmp_path):
            with (tmp_path / PART).with_name(name).open("r+b") as file:
                file.seek(RECORD + 77)
                byte = file.read(1)
                file.seek(-len(byte), 1)
                file.write(bytes(255 - value for value in byte))
        before, host.hold_after, host.patient = len(host.asked), None, False
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, motion)
    assert [asked.status for asked in host.asked[before:] if not asked.is_piece] == [206]


def test_the_next_run_is_to_use_one_connection(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes
) -> None:
    """--no-ranges: the rest comes with one answer; what lies beside the part is not looked at, and goes."""
    with hosted(hold_after=3) as host:
        interrupted(large, host, tmp_path, signal.SIGKILL, "get", LIVE_NOTE)
        left = (tmp_path / PART).stat().st_size
        before, host.hold_after, host.patient = len(host.asked), None, False
        assert get(large, host, tmp_path, "--no-ranges", verb="resume") == 0
    assert is_whole(tmp_path, motion)
    assert [(seen.first, seen.last, seen.sent) for seen in host.asked[before:]] == [
        (left, None, len(motion) - left)
    ]


@pytest.mark.parametrize("fault", ["200", "416", "weak", "404", "drop"])
def test_pieces_are_refused_by_then(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, fault: str
) -> None:
    """The host gives the rest, but no pieces in the middle: one answer brings what is missing in order."""
    with hosted(hold_after=3) as host:
        interrupted(large, host, tmp_path, signal.SIGKILL, "get", LIVE_NOTE)
        host.hold_after, host.patient, host.always = None, False, fault
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    assert large.count(V8, STREAM) == 0
