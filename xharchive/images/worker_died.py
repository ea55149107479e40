"""The words between the pool and its workers; apart, so that a worker starts without the pool's libraries."""

from dataclasses import dataclass

__all__ = ["READY", "WorkerDied"]

READY = b"ready\n"
"""The first line a worker says, when its libraries are loaded."""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """There is no answer, because the worker ended first; `how` is a short sentence."""

    how: str
