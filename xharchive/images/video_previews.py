"""Make previews (small H.264 versions) of videos that browsers may not play, in worker processes."""

import importlib.util
import json
from enum import StrEnum
from types import TracebackType
from typing import Self

from xharchive.archive_path import ArchivePath
from xharchive.errors import UsageError
from xharchive.images.pool import WorkerPool

_WORKER = ("-m", "xharchive.images.video_preview_worker")
_MEMORY_BYTES = 3 * 1024 * 1024 * 1024
_MAX_SECONDS = 3600.0
_LONGEST_SIDE = 1280
_MAX_PIXELS = 36_000_000  # 8K


class PreviewOutcome(StrEnum):
    """How the preview of a video ended."""

    PREVIEW = "preview"
    SHOWN = "shown"
    """Browsers play the video itself. There is no preview."""
    REFUSED = "refused"
    """The video cannot be converted. There is no preview."""


class VideoPreviewer:
    """Makes previews. An async context manager for one event loop, whose end kills the workers.

    Raises:
        UsageError: PyAV is not installed.
    """

    def __init__(self, workers: int = 1) -> None:
        if importlib.util.find_spec("av") is None:
            raise UsageError(
                "previews need PyAV; install it from a checkout of xharchive with: pip install '.[preview]'"
            )
        self._pool = WorkerPool((*_WORKER, str(_MEMORY_BYTES)), workers, _MAX_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def make(self, video: ArchivePath, preview: ArchivePath) -> PreviewOutcome:
        """Write a preview of a video, with its sound, unless browsers play the video itself.

        Args:
            video: the original.
            preview: the path for the preview, which must not exist.

        Raises:
            ArchiveError: no worker process starts.
        """
        request = {
            "original": video.as_json(),
            "preview": preview.as_json(),
            "longest": _LONGEST_SIDE,
            "max_pixels": _MAX_PIXELS,
            "seconds": _MAX_SECONDS,
        }
        response = await self._pool.execute(json.dumps(request).encode(), output=preview)
        match response:
            case b'{"made": true}\n':
                return PreviewOutcome.PREVIEW
            case b'{"shown": true}\n':
                return PreviewOutcome.SHOWN
        return PreviewOutcome.REFUSED  # whatever else it answers: a video may have taken the worker over
