"""What /proc tells of a process and its descendants. Linux only: elsewhere there is nothing to read."""

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["busy_seconds", "cpu_seconds", "family", "memory", "peak_memory"]

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE_FIELDS = (3, 4)  # idle and iowait, see proc(5)
_KIB = 1024


def family(pid: int) -> Iterator[int]:
    """Yield a process and its living descendants."""
    yield pid
    for child in _children(pid):
        yield from family(child)


def _children(pid: int) -> list[int]:
    """Return what the threads of a process have started; whatever ends meanwhile is left out."""
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:
        pass  # the process, or one of its threads, is gone
    return found


def cpu_seconds(pid: int) -> float:
    """Return what a process and its living descendants have used, user and system."""
    used = 0
    for member in family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it is gone
        used += int(fields[11]) + int(fields[12])
    return used / _TICKS


def busy_seconds() -> float:
    """Return the CPU seconds that all processes of the machine together have used since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - sum(fields[at] for at in _IDLE_FIELDS)) / _TICKS


def memory(pid: int) -> int:
    """Return the resident set of a process in bytes, 0 if it is gone."""
    return _status(pid, "VmRSS:")


def peak_memory(pid: int) -> int:
    """Return the largest resident set a process has had in bytes, 0 if it is gone."""
    return _status(pid, "VmHWM:")


def _status(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * _KIB for line in lines if line.startswith(name)), 0)
