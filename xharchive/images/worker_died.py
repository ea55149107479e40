"""Define what the pool and its workers share. A worker imports this without the pool and asyncio."""

from dataclasses import dataclass

__all__ = ["READY", "WorkerDied"]

READY = b"ready\n"
"""The first line that a worker writes, once its libraries are loaded."""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The worker ended without a response. `reason` is a short sentence."""

    reason: str
