"""Starts the paced server in a process of its own, and knows the distances it may pretend."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.servers.processes import cpu_seconds

__all__ = ["AILING", "FAR", "Distance", "Far", "far_server"]


@dataclass(frozen=True, slots=True)
class Distance:
    """How far away the server is.

    `latency` is seconds before each answer, `rate` bytes a second and connection. Of the media addresses
    (host and path) one in `dead_one_in` is dead, none if it is 0, and no more than two of one path: half of
    these answer 503, half close the connection without an answer. `slow_host` begins its answers `slow_by`
    seconds late and sends at `slow_rate`.
    """

    latency: float = 0.08
    rate: float = 2e6
    dead_one_in: int = 0
    slow_host: str = ""
    slow_by: float = 0.0
    slow_rate: float = 2e5


FAR = Distance()
AILING = Distance(dead_one_in=3, slow_host="sns-v10.rednotecdn.com", slow_by=1.0)


@dataclass(frozen=True, slots=True)
class Far:
    """A paced server that is up."""

    port: int
    pid: int

    def requests(self) -> int:
        """Return how many requests were answered; this question is not counted."""
        status = f"http://127.0.0.1:{self.port}/benchmark/status"
        with urllib.request.urlopen(status, timeout=5) as answer:
            return int(json.loads(answer.read())["requests"])

    def cpu(self) -> float:
        """Return the CPU seconds it has used so far."""
        return cpu_seconds(self.pid)


@contextmanager
def far_server(corpus: Path, distance: Distance) -> Iterator[Far]:
    """Serve a corpus from afar until the block ends.

    Raises:
        RuntimeError: it does not start.
    """
    command = [sys.executable, "-m", "benchmarks.servers.far_process", str(corpus)]
    with subprocess.Popen(  # noqa: S603 - our own module
        [*command, json.dumps(asdict(distance))], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the far server does not start")
            yield Far(int(line), process.pid)
        finally:
            process.terminate()
