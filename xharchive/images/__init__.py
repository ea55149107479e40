"""Check that images decode, and make derivatives and thumbnails, in worker processes.

Only this package imports Pillow and pillow-heif, and only in the worker processes (`worker`, `decode`,
`encode`, `thumbnail`). `pool` manages the processes, `results` has the values that they return. Workers read
originals and never write to them.
"""

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images.results import (
    DecodedImage,
    DecodeStatus,
    Derivative,
    ThumbnailFolder,
    ThumbnailTarget,
    WorkBudget,
    WorkerDied,
    from_json,
)
from xharchive.media import Format

__all__ = [
    "ConvertOptions",
    "Converter",
    "DecodeStatus",
    "DecodedImage",
    "Derivative",
    "ImageFormat",
    "ThumbnailFolder",
    "ThumbnailTarget",
    "WorkBudget",
    "usable_cpus",
]

WORKER = ("-m", "xharchive.images.worker")
"""Arguments for the Python interpreter to run a worker."""


class ImageFormat(StrEnum):
    """The format of derivatives of HEIF originals. KEEP makes none."""

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
    """Options for decoding and converting images.

    Attributes:
        image_format: the format of derivatives.
        quality: on the scale of the format's encoder; PNG has none.
        workers: number of worker processes; 0 means one for each CPU this process may use.
        max_pixels: limit of width times height. A worker does not decode a larger image.
        seconds: CPU time for one image. The limit by the clock is twice as long, but at most `clock_seconds`.
        clock_seconds: time by the clock for all candidates of one asset.
        memory: bytes by which a worker's address space may grow, where the platform can limit it.
    """

    image_format: ImageFormat = ImageFormat.JPEG
    quality: int = 92
    workers: int = 0
    max_pixels: int = 60_000_000
    seconds: float = 60.0
    clock_seconds: float = 30.0
    memory: int = 1_500 * 1024 * 1024


class Converter:
    """Decodes and converts images in worker processes. An async context manager for one event loop.

    The first request starts the first process. The end of the context kills the workers and cancels the
    callers that still wait; no incomplete derivative remains.

    Attributes:
        workers: the greatest number of processes.
    """

    def __init__(self, options: ConvertOptions) -> None:
        # A worker imports this package too, and must not pay for the import of asyncio.
        from xharchive.images.pool import WorkerPool

        self._options = options
        self._target = _TARGETS.get(options.image_format)
        self.workers = options.workers or usable_cpus()
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

    @property
    def active(self) -> int:
        """The number of requests, those that wait for a worker included."""
        return self._pool.active

    async def close(self) -> None:
        """Kill all workers and wait for their end. A second call does nothing."""
        await self._pool.close()

    def derivative_format(self, found: Format) -> Format | None:
        """Return the format of this original's derivative, or None. Only HEIF originals get a derivative."""
        return self._target if found == media.HEIC else None

    def budget(self) -> WorkBudget:
        """Return a new time budget for one asset, to be shared by all its candidates."""
        return WorkBudget(self._options.clock_seconds)

    async def examine(
        self,
        picture: ArchivePath,
        found: Format,
        derivative: ArchivePath | None,
        thumbnail: ThumbnailTarget | None = None,
        budget: WorkBudget | None = None,
    ) -> DecodedImage:
        """Decode all pixels of an image and write its derivative, if it gets one.

        Args:
            picture: the original.
            found: its format.
            derivative: the path for the derivative, or None. The file must not exist; the worker follows no
                link and does not fsync. The file is there only if the result has a `derivative`.
            thumbnail: where to write a thumbnail of the derivative, or None. The worker creates the folder. A
                failure is not reported: the gallery makes missing thumbnails later. If a worker dies, another
                one tries without a thumbnail.
            budget: the time for all attempts; by default a new one. If none is left, nothing is tried.

        Raises:
            ArchiveError: the original cannot be read, the derivative cannot be written, or no worker process
                starts.
        """
        target = self.derivative_format(found) if derivative is not None else None
        output = derivative if target is not None else None
        _require_new(output)
        budget = budget or self.budget()
        if budget.is_used_up:
            spent = f"decoding the candidates of this picture took {budget.seconds:g} seconds in all"
            return DecodedImage(DecodeStatus.DIED, spent)
        request = self._request(picture, found, output) | {"target": target and target.name}
        if output is None or thumbnail is None:
            return await self._execute(request, output, budget)
        box = {"path": thumbnail.path.as_json(), "width": thumbnail.width, "height": thumbnail.height}
        # Half of the time remains for a second attempt, if the thumbnail kills the worker.
        result = await self._execute({**request, "thumbnail": box}, output, budget, share=0.5)
        if result.verdict is DecodeStatus.DIED:
            result = await self._execute(request, output, budget)
        return result

    async def make_thumbnail(
        self, picture: ArchivePath, found: Format, thumbnail: ThumbnailTarget
    ) -> tuple[int, int] | None:
        """Write a thumbnail of an image as WebP.

        Args:
            picture: the image.
            found: its format.
            thumbnail: the new file and its largest size. The file must not exist; the worker follows no link
                and does not fsync.

        Returns:
            Width and height in pixels; None, without a file, if no decode within the limits is possible.

        Raises:
            ArchiveError: the thumbnail cannot be written, or no worker process starts.
        """
        _require_new(thumbnail.path)
        size = {"width": thumbnail.width, "height": thumbnail.height}
        request = self._request(picture, found, thumbnail.path) | size
        made = await self._execute(request, thumbnail.path, self.budget())
        return (made.width, made.height) if made.verdict is DecodeStatus.DECODED else None

    def _request(self, picture: ArchivePath, found: Format, output: ArchivePath | None) -> dict[str, Any]:
        return {
            "original": picture.as_json(),
            "format": found.name,
            "derivative": None if output is None else output.as_json(),
            "target": None,
            "thumbnail": None,
            "quality": self._options.quality,
            "max_pixels": self._options.max_pixels,
            "seconds": self._options.seconds,
        }

    async def _execute(
        self, request: dict[str, Any], output: ArchivePath | None, budget: WorkBudget, share: float = 1.0
    ) -> DecodedImage:
        response = await self._pool.execute(json.dumps(request).encode(), output, budget, share)
        if isinstance(response, WorkerDied):
            return DecodedImage(DecodeStatus.DIED, response.reason)
        try:
            values = json.loads(response)
            disk_error = values.get("disk")
            if disk_error is None:
                return from_json(values)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            if output is not None:
                output.unlink(missing_ok=True)
            return DecodedImage(DecodeStatus.DIED, "the worker gave an answer that makes no sense")
        raise ArchiveError(f"A picture could not be read or written: {disk_error}.")


def usable_cpus() -> int:
    """Return the number of CPUs this process may use; a container or `taskset` may limit it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_new(derivative: ArchivePath | None) -> None:
    """Raise ArchiveError if the file exists: the pool may remove only a file that its worker has made."""
    if derivative is not None and derivative.exists():
        raise ArchiveError("A derived picture cannot be written: a file of its name is already there.")
