"""Runs one command and says what it took: `python -m benchmarks.launcher RESULT OUTPUT COMMAND…`.

A process of its own, because it becomes the parent of whatever the command leaves behind: a forkserver and
its workers outlive the command for a moment, and their CPU belongs to it. Small, because a child's peak
memory begins with its parent's.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks.servers.processes import family, memory, peak_memory

_SET_CHILD_SUBREAPER = 36  # prctl(2)
_EVERY_SECONDS = 0.02


class _Watch(threading.Thread):
    """Looks at the command's memory every now and then."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.peak = 0
        self.tree_peak = 0

    def run(self) -> None:
        """Look until told to end."""
        while not self._over.wait(_EVERY_SECONDS):
            self.peak = max(self.peak, peak_memory(self._pid))
            # From here and not from the command: orphans are children of the launcher.
            together = sum(memory(pid) for pid in family(os.getpid()) if pid != os.getpid())
            self.tree_peak = max(self.tree_peak, together)

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


def _adopt_orphans() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _bury_all() -> None:
    """Wait for everything that is left: only what was waited for counts as used."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def _run(result: Path, output: Path, command: list[str]) -> None:
    _adopt_orphans()
    with output.open("wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - the benchmark's own commands
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        watch = _Watch(process.pid)
        watch.start()
        code = process.wait()
        wall = time.monotonic() - began
    _bury_all()
    watch.end()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = {
        "code": code,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": watch.peak / 1e6,
        "tree_memory": watch.tree_peak / 1e6,
    }
    result.write_text(json.dumps(taken))


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
