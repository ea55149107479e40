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
from xharchive.images.decode_results import (
    DecodedImage,
    DecodeStatus,
    Derivative,
    ThumbnailTarget,
    from_json,
    not_decoded,
)
from xharchive.images.work_budget import WorkBudget
from xharchive.images.worker_died import WorkerDied
from xharchive.media import Format

__all__ = [
    "ConvertOptions",
    "Converter",
    "DecodeStatus",
    "DecodedImage",
    "Derivative",
    "ImageFormat",
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
        active: the number of requests, those that wait for a worker included.
    """

    def __init__(self, options: ConvertOptions) -> None:
        # A worker imports this package too, and must not pay for the import of asyncio.
        from xharchive.images.pool import WorkerPool

        self._options = options
        self._target = _TARGETS.get(options.image_format)
        self.workers = options.workers or usable_cpus()
        self.active = 0
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
            return not_decoded(
                DecodeStatus.DIED,
                f"decoding the candidates of this picture took {budget.seconds:g} seconds in all",
            )
        request = self._request(picture, found, target, output)
        with_thumbnail = _encode_request({**request, "thumbnail": _thumbnail_json(thumbnail)})
        if output is not None and thumbnail is not None:
            # Half of the time remains for a second attempt, if the thumbnail kills the worker.
            first_budget = WorkBudget(budget.left / 2)
            response = await self._execute(with_thumbnail, output, first_budget)
            budget.spend(first_budget.seconds - first_budget.left)
            if isinstance(response, WorkerDied):
                without = _encode_request({**request, "thumbnail": None})
                response = await self._execute(without, output, budget)
        else:
            response = await self._execute(with_thumbnail, output, budget)
        if isinstance(response, WorkerDied):
            return not_decoded(DecodeStatus.DIED, response.reason)
        return _parse_result(response, output)

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
        request = {**self._request(picture, found, None, thumbnail.path), **size}
        response = await self._execute(_encode_request(request), thumbnail.path)
        if isinstance(response, WorkerDied):
            return None
        return _parse_size(response, thumbnail.path)

    async def _execute(
        self, request: bytes, output: ArchivePath | None, budget: WorkBudget | None = None
    ) -> bytes | WorkerDied:
        self.active += 1
        try:
            return await self._pool.execute(request, output, budget)
        finally:
            self.active -= 1

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


def _encode_request(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode()


def _thumbnail_json(thumbnail: ThumbnailTarget | None) -> dict[str, Any] | None:
    if thumbnail is None:
        return None
    return {"path": thumbnail.path.as_json(), "width": thumbnail.width, "height": thumbnail.height}


def usable_cpus() -> int:
    """Return the number of CPUs this process may use; a container or `taskset` may limit it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_new(derivative: ArchivePath | None) -> None:
    """Raise ArchiveError if the file exists: the pool may remove only a file that its worker has made."""
    if derivative is not None and derivative.exists():
        raise ArchiveError("A derived picture cannot be written: a file of its name is already there.")


def _parse_result(response: bytes, derivative: ArchivePath | None) -> DecodedImage:
    try:
        values = json.loads(response)
        disk_error = values.get("disk")
        if disk_error is None:
            return from_json(values)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        _remove_file(derivative)
        return not_decoded(DecodeStatus.DIED, "the worker gave an answer that makes no sense")
    raise ArchiveError(f"A picture could not be read or written: {disk_error}.")


def _parse_size(response: bytes, thumbnail: ArchivePath) -> tuple[int, int] | None:
    try:
        values = json.loads(response)
        disk_error = values.get("disk")
        if disk_error is None:
            return None if "refused" in values else (int(values["width"]), int(values["height"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _remove_file(thumbnail)
        return None
    raise ArchiveError(f"A small picture could not be written: {disk_error}.")


def _remove_file(derivative: ArchivePath | None) -> None:
    if derivative is not None:
        derivative.unlink(missing_ok=True)
