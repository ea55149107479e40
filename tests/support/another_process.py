"""The command line as a process of its own, told from outside by the events that it prints."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.fake_world import FakeWorld

__all__ = ["Process", "started"]


class Process:
    """A run of `xharchive` in another process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.events: list[dict[str, Any]] = []
        self.told = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def until(self, enough: Callable[[dict[str, Any]], bool]) -> None:
        """Read its events until one is enough, or there are no more."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.append(json.loads(line))
            if enough(self.events[-1]):
                return

    def says(self, words: str) -> None:
        """Read what it tells people until a line has these words."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.told += line.decode()
            if words in self.told:
                return

    def writes(self, path: Path, size: int) -> None:
        """Wait until a file has so many bytes. Nobody tells when: events come before the disk has them."""
        for _ in range(12_000):
            if path.exists() and path.stat().st_size >= size:
                return
            time.sleep(0.005)
        raise AssertionError(f"{path.name} never had {size} bytes")

    def send(self, number: signal.Signals) -> None:
        """Send a signal, and wait for nothing."""
        self._process.send_signal(number)

    def signal(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self._process.send_signal(number)
        self.told += self._process.communicate(timeout=60)[1].decode()
        return self._process.returncode


@contextmanager
def started(
    world: FakeWorld, archive: Path, *arguments: str, program: Sequence[str] = ("-P", "-m", "xharchive")
) -> Iterator[Process]:
    """Start a command against a world; the process is gone when the block ends."""
    command = [sys.executable, *program, *arguments, "-d", str(archive), "--json", "--image-format"]
    with subprocess.Popen(
        [*command, "keep", *world.options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        try:
            yield Process(process)
        finally:
            process.kill()
            process.communicate()
