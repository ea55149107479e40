"""Bodies that break off, disks that fail, runs that are cancelled: the file is closed whatever happens."""

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.body_streams import JPEG_HEAD, MIB, PICTURE, Arriving, take

from xharchive.errors import ArchiveError, IncompleteBody


async def test_a_break_in_the_middle_is_told_and_the_file_closed(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int]
) -> None:
    """The network's error comes through as it is."""
    with pytest.raises(IncompleteBody):
        await take(Arriving(PICTURE, bytes(2 * MIB), IncompleteBody("cut")), tmp_path / "x.part", threads)


async def test_a_full_disk_is_the_archives_trouble(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever block does not fit: the run ends with the disk's own reason, and the file is closed."""

    def full(_descriptor: int, _buffers: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    for pieces in ((PICTURE,), (PICTURE, bytes(2 * MIB), bytes(2 * MIB), bytes(2 * MIB))):
        with pytest.raises(ArchiveError, match="disk is full"):
            await take(Arriving(*pieces), tmp_path / "x.part", threads)


async def test_a_folder_that_is_gone_is_the_archives_trouble(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    """The part cannot be opened: not the candidate's fault."""
    with pytest.raises(ArchiveError):
        await take(Arriving(PICTURE), tmp_path / "gone" / "x.part", threads)


async def test_a_block_that_the_disk_refused_is_never_parked(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fails and the network breaks in one moment: no record promises bytes that are not there."""
    refused = threading.Event()

    def full(_descriptor: int, _buffers: object) -> int:
        refused.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    incoming = Arriving(
        PICTURE + bytes(2 * MIB), lambda: assert_true(refused.wait(60)), IncompleteBody("cut")
    )
    incoming.validator = '"strong"'
    with pytest.raises(IncompleteBody):
        await take(incoming, tmp_path / "x.part", threads)
    assert (tmp_path / "x.part").stat().st_size == 0
    assert "sha256" not in json.loads((tmp_path / "x.part.json").read_text())


def assert_true(happened: bool) -> None:
    assert happened


class Held:
    """A `writev` that waits in its thread until the test lets it go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Event()
        self.resume = threading.Event()
        self.closed_too_early = False
        self._writev = os.writev
        monkeypatch.setattr(os, "writev", self._write)

    def _write(self, descriptor: int, buffers: list[memoryview]) -> int:
        self.begun.set()
        assert self.resume.wait(60)
        try:
            return self._writev(descriptor, buffers)
        except OSError:
            self.closed_too_early = True
            raise


@pytest.mark.parametrize("blocks", [1, 3])
async def test_cancelling_while_a_block_is_in_flight_waits_for_it_and_closes_the_file(
    tmp_path: Path,
    threads: ThreadPoolExecutor,
    descriptors: set[int],
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
) -> None:
    """A descriptor is never closed under a thread that writes to it, and never left open."""
    held = Held(monkeypatch)
    pieces = [JPEG_HEAD + bytes(2 * MIB)] * blocks
    taking = asyncio.create_task(take(Arriving(*pieces), tmp_path / "x.part", threads))
    assert await asyncio.to_thread(held.begun.wait, 60)
    for _ in range(20):
        await asyncio.sleep(0)
    taking.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not taking.done(), "did not wait for the block"
    held.resume.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert not held.closed_too_early


async def test_cancelling_at_every_step_leaves_no_file_open(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int]
) -> None:
    """The nth turn of the loop is the last, for every n."""
    finished = False
    steps = 0
    while not finished:
        pieces = [JPEG_HEAD + bytes(MIB), bytes(MIB), b"end"]
        taking = asyncio.create_task(take(Arriving(*pieces), tmp_path / "x.part", threads))
        for _ in range(steps):
            await asyncio.sleep(0)
        finished = taking.done()
        taking.cancel()
        try:
            await taking
        except asyncio.CancelledError:
            assert not finished
        assert not descriptors, f"open after {steps} steps"
        steps = steps + 1 if steps < 40 else steps * 2
