"""Pixels, in worker processes: prove that a picture decodes, and make a picture that opens everywhere.

The only room that knows Pillow and pillow-heif, and even here only the workers import them: `worker` (what
runs in a worker process), `encode` and `metadata` (how a derivative is made). `pool` keeps the processes,
`picture` holds the values that come back. Originals are read, never written.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images.results import Derivative, Picture, Small, Verdict, from_json, not_decoded
from xharchive.images.work_budget import WorkBudget
from xharchive.images.worker_died import WorkerDied
from xharchive.media import Format

__all__ = [
    "ConvertOptions",
    "Converter",
    "Derivative",
    "ImageFormat",
    "Picture",
    "Small",
    "Verdict",
    "WorkBudget",
    "usable_cpus",
]

WORKER = ("-m", "xharchive.images.worker")
"""The arguments with which an interpreter becomes a worker."""


class ImageFormat(StrEnum):
    """What HEIF originals are converted to; KEEP makes no derivatives."""

    KEEP = "keep"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"


_TARGETS = {
    ImageFormat.JPEG: media.JPEG,
    ImageFormat.PNG: media.PNG,
    ImageFormat.WEBP: media.WEBP,
    ImageFormat.AVIF: media.AVIF,
}


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How pictures are decoded and converted.

    `quality` is the encoder's own scale (PNG has none). `workers` 0 means one for each CPU this process may
    use. `seconds` is the CPU time one picture may take; by the clock it may take twice as long, but workers
    never work longer than `clock_seconds` on the pictures of one asset. `memory` is how many bytes of address
    space a worker may grow by (where the platform can hold it to that).
    """

    image_format: ImageFormat = ImageFormat.JPEG
    quality: int = 92
    workers: int = 0
    max_pixels: int = 60_000_000
    seconds: float = 60.0
    clock_seconds: float = 30.0
    memory: int = 1_500 * 1024 * 1024


class Converter:
    """Examines and converts pictures in worker processes; for one event loop, as an async context manager.

    `on_work` is told of every picture that comes (1) and that is through (-1). No process starts before the
    first picture. Leaving the context kills the workers; pictures still in work get their callers'
    cancellation, never half a derivative.
    """

    def __init__(self, options: ConvertOptions) -> None:
        # A worker imports this package too, and needs neither an event loop nor what that takes to start.
        from xharchive.images.pool import WorkerPool

        self._options = options
        self._target = _TARGETS.get(options.image_format)
        self.workers = options.workers or usable_cpus()
        self.on_work: Callable[[int], None] = lambda _: None
        self._pool = WorkerPool(
            arguments=(*WORKER, str(options.memory)),
            workers=self.workers,
            seconds=min(2 * options.seconds, options.clock_seconds),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill every worker and wait until none is left; safe to call twice."""
        await self._pool.close()

    def wants(self, found: Format) -> Format | None:
        """Return the format a derivative of such an original would have, or None: only HEIF is converted."""
        return self._target if found == media.HEIC else None

    def budget(self) -> WorkBudget:
        """Return the time that may be spent on one asset, whatever number of its candidates are examined."""
        return WorkBudget(self._options.clock_seconds)

    async def examine(
        self,
        picture: ArchivePath,
        found: Format,
        derivative: ArchivePath | None,
        small: Small | None = None,
        budget: WorkBudget | None = None,
    ) -> Picture:
        """Decode the picture in full, and write its derivative if a path is given and the format is wanted.

        The derivative is a new file (never an existing one, never through a link), is not fsynced, and is
        gone again whenever the returned picture does not name it. With it, a small version of it is put
        aside, in a folder that is made for it; or it is not, of which nothing is told. If a worker dies,
        another one tries without it. Both together take no longer than the `budget` has left; without any,
        nothing is tried.

        Raises:
            ArchiveError: the picture cannot be read from the disk or the derivative not written to it.
            ArchiveError: no worker process starts.
        """
        target = self.wants(found) if derivative is not None else None
        made = derivative if target is not None else None
        _refuse_existing(made)
        budget = budget or self.budget()
        if budget.is_used_up:
            return not_decoded(
                Verdict.DIED,
                f"decoding the candidates of this picture took {budget.seconds:g} seconds in all",
            )
        request = self._request(picture, found, target, made)
        if made is not None and small is not None:
            # It may die of the small version, which is no reason to be without the large one.
            half = WorkBudget(budget.left / 2)
            answer = await self._ask(_line({**request, "small": _as_json(small)}), made, half)
            budget.spend(half.seconds - half.left)
            if isinstance(answer, WorkerDied):
                answer = await self._ask(_line({**request, "small": None}), made, budget)
        else:
            answer = await self._ask(_line({**request, "small": _as_json(small)}), made, budget)
        if isinstance(answer, WorkerDied):
            return not_decoded(Verdict.DIED, answer.how)
        return _understand(answer, made)

    async def shrink(self, picture: ArchivePath, found: Format, small: Small) -> tuple[int, int] | None:
        """Write a small WebP of the picture, and return its pixels.

        The file is new (never an existing one, never through a link) and not fsynced. None: the picture
        cannot be decoded within the limits, and nothing is written.

        Raises:
            ArchiveError: the file cannot be written, or no worker process starts.
        """
        _refuse_existing(small.path)
        box = {"width": small.width, "height": small.height}
        wanted = {**self._request(picture, found, None, small.path), **box}
        answer = await self._ask(_line(wanted), small.path)
        if isinstance(answer, WorkerDied):
            return None
        return _understand_size(answer, small.path)

    async def _ask(
        self, request: bytes, leftover: ArchivePath | None, budget: WorkBudget | None = None
    ) -> bytes | WorkerDied:
        self.on_work(1)
        try:
            return await self._pool.ask(request, leftover, budget)
        finally:
            self.on_work(-1)

    def _request(
        self, picture: ArchivePath, found: Format, target: Format | None, derivative: ArchivePath | None
    ) -> dict[str, Any]:
        return {
            "original": picture.as_json(),
            "format": found.name,
            "derivative": None if derivative is None else derivative.as_json(),
            "target": None if target is None else target.name,
            "quality": self._options.quality,
            "max_pixels": self._options.max_pixels,
            "seconds": self._options.seconds,
        }


def _line(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode()


def _as_json(small: Small | None) -> dict[str, Any] | None:
    if small is None:
        return None
    return {"path": small.path.as_json(), "width": small.width, "height": small.height}


def usable_cpus() -> int:
    """Count the CPUs this process may run on (a container or `taskset` may allow fewer than there are)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _refuse_existing(derivative: ArchivePath | None) -> None:
    """Refuse a name that is taken: what a dead worker leaves is removed, so it must be ours."""
    if derivative is not None and derivative.exists():
        raise ArchiveError("A derived picture cannot be written: a file of its name is already there.")


def _understand(answer: bytes, derivative: ArchivePath | None) -> Picture:
    try:
        values = json.loads(answer)
        trouble = values.get("disk")
        if trouble is None:
            return from_json(values)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        _remove(derivative)
        return not_decoded(Verdict.DIED, "the worker gave an answer that makes no sense")
    raise ArchiveError(f"A picture could not be read or written: {trouble}.")


def _understand_size(answer: bytes, small: ArchivePath) -> tuple[int, int] | None:
    try:
        values = json.loads(answer)
        trouble = values.get("disk")
        if trouble is None:
            return None if "refused" in values else (int(values["width"]), int(values["height"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _remove(small)
        return None
    raise ArchiveError(f"A small picture could not be written: {trouble}.")


def _remove(derivative: ArchivePath | None) -> None:
    if derivative is not None:
        derivative.unlink(missing_ok=True)
