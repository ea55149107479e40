"""Check that images decode, and make derivatives and thumbnails, in worker processes.

Only this package imports Pillow and pillow-heif, and only in the worker processes (`worker`, `decode`,
`encode`). `pool` manages the processes. Workers read originals and never write to them.
"""

import json
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.media import Format

if TYPE_CHECKING:
    from xharchive.images.pool import WorkBudget

WORKER = ("-m", "xharchive.images.worker")
"""Arguments for the Python interpreter to run a worker."""


class ImageFormat(StrEnum):
    """The format of derivatives of HEIF originals. KEEP makes none."""

    KEEP = "keep"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"


_TARGETS = {known.name: known for known in (media.JPEG, media.PNG, media.WEBP, media.AVIF)}


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


class DecodeStatus(StrEnum):
    """How the decode of an image ended."""

    DECODED = "decoded"
    UNREADABLE = "unreadable"
    """The decoder refused the bytes: the file is damaged, cut, or no image."""
    TOO_LARGE = "too-large"
    """The image needs more pixels or memory than the options allow. It was not decoded."""
    DIED = "died"
    """The worker crashed, was killed, or reached a time limit with this image."""


@dataclass(frozen=True, slots=True)
class Derivative:
    """An image file made from an original.

    Attributes:
        format: its media format.
        width: pixels, upright.
        height: pixels, upright.
        size: bytes.
        sha256: hexadecimal digest of the file.
        tool: names and versions of the libraries that made it.
        settings: the encoder's settings.
        lost: features of the original that the derivative lacks, as short stable words such as "alpha".
    """

    format: Format
    width: int
    height: int
    size: int
    sha256: str
    tool: str
    settings: str
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """The result of a full decode.

    Attributes:
        verdict: how the decode ended.
        detail: one short sentence without paths: why the image was not decoded, or why it has no derivative
            although the request asked for one. Else "".
        width: pixels, as shown; 0 unless the image was decoded or its size is the reason for the refusal.
        height: as `width`.
        derivative: the file that was made, or None.
        orientation: EXIF orientation, 1 to 8, that turns the decoded pixels upright. It is 1 for HEIF: the
            decoder turns the pixels.
    """

    verdict: DecodeStatus
    detail: str = ""
    width: int = 0
    height: int = 0
    derivative: Derivative | None = None
    orientation: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        values = asdict(self)
        if self.derivative is not None:
            values["derivative"]["format"] = self.derivative.format.name
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Read the result from JSON values. All are checked, because a compromised worker is untrusted.

        Raises:
            ValueError, TypeError, KeyError, OverflowError: `as_json` cannot have made the values.
        """
        derivative = values["derivative"]
        if derivative is not None:
            derivative = Derivative(
                format=_TARGETS[derivative["format"]],
                width=int(derivative["width"]),
                height=int(derivative["height"]),
                size=int(derivative["size"]),
                sha256=str(derivative["sha256"]),
                tool=str(derivative["tool"]),
                settings=str(derivative["settings"]),
                lost=tuple(map(str, derivative["lost"])),
            )
        return cls(
            verdict=DecodeStatus(values["verdict"]),
            detail=str(values["detail"])[:200],
            width=int(values["width"]),
            height=int(values["height"]),
            derivative=derivative,
            orientation=int(values["orientation"]),
        )


@dataclass(frozen=True, slots=True)
class ThumbnailTarget:
    """The path of a thumbnail (WebP), and its largest width and height in pixels."""

    path: ArchivePath
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ThumbnailFolder:
    """A folder for thumbnails named by the SHA-256 of their original, and their largest size in pixels."""

    path: ArchivePath
    width: int
    height: int

    def target(self, sha256: str) -> ThumbnailTarget:
        """Return the path of an original's thumbnail, with its largest size."""
        return ThumbnailTarget(self.path / f"{sha256}.webp", self.width, self.height)


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
        self.active = 0
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

    async def close(self) -> None:
        """Kill all workers and wait for their end. A second call does nothing."""
        await self._pool.close()

    def derivative_format(self, found: Format) -> Format | None:
        """Return the format of this original's derivative, or None. Only HEIF originals get a derivative."""
        return _TARGETS.get(self._options.image_format) if found == media.HEIC else None

    def budget(self) -> "WorkBudget":
        """Return a new time budget for one asset, to be shared by all its candidates."""
        from xharchive.images.pool import WorkBudget

        return WorkBudget(self._options.clock_seconds)

    async def examine(
        self,
        picture: ArchivePath,
        found: Format,
        derivative: ArchivePath | None,
        thumbnail: ThumbnailTarget | None = None,
        budget: "WorkBudget | None" = None,
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
        request = self._request(picture, found, output) | {"target": target and target.name}
        budget = budget or self.budget()
        if not budget.left:
            seconds = f"{self._options.clock_seconds:g} seconds"
            spent = f"decoding the candidates of this picture took {seconds} in all"
            return DecodedImage(DecodeStatus.DIED, spent)
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
        size = {"width": thumbnail.width, "height": thumbnail.height}
        request = self._request(picture, found, thumbnail.path) | size
        made = await self._execute(request, thumbnail.path, self.budget())
        return (made.width, made.height) if made.verdict is DecodeStatus.DECODED else None

    def _request(self, picture: ArchivePath, found: Format, output: ArchivePath | None) -> dict[str, Any]:
        """Return a request to decode an image.

        Raises:
            ArchiveError: the output exists. The pool may remove only a file that its worker has made.
        """
        if output is not None and output.exists():
            raise ArchiveError("A derived picture cannot be written: a file of its name is already there.")
        return {
            "original": picture.as_json(),
            "format": found.name,
            "derivative": output and output.as_json(),
            "target": None,
            "thumbnail": None,
            "quality": self._options.quality,
            "max_pixels": self._options.max_pixels,
            "seconds": self._options.seconds,
        }

    async def _execute(
        self, request: dict[str, Any], output: ArchivePath | None, budget: "WorkBudget", share: float = 1.0
    ) -> DecodedImage:
        self.active += 1
        try:
            response = await self._pool.execute(json.dumps(request).encode(), output, budget, share)
        finally:
            self.active -= 1
        if not isinstance(response, bytes):
            return DecodedImage(DecodeStatus.DIED, response.reason)
        try:
            values = json.loads(response)
            disk_error = values.get("disk")
            if disk_error is None:
                return DecodedImage.from_json(values)
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
