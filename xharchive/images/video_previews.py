"""Small H.264 versions of films that browsers may not show, made in worker processes."""

import importlib.util
import json
from enum import StrEnum
from types import TracebackType
from typing import Self

from xharchive.archive_path import ArchivePath
from xharchive.errors import UsageError
from xharchive.images.pool import WorkerDied, WorkerPool

__all__ = ["FilmPreviews", "Made"]

_WORKER = ("-m", "xharchive.images.video_preview_worker")
_MEMORY = 3 * 1024 * 1024 * 1024
_SECONDS = 3600.0
_LONGEST_SIDE = 1280
_MAX_PIXELS = 36_000_000  # 8K


class Made(StrEnum):
    """What came of a film."""

    PREVIEW = "preview"
    SHOWN = "shown"
    """Browsers show the film itself: nothing was written."""
    REFUSED = "refused"
    """No preview can be made of it: nothing was written."""


class FilmPreviews:
    """Makes previews, for one event loop, as an async context manager; leaving it kills the workers.

    Raises:
        UsageError: PyAV is not installed.
    """

    def __init__(self, workers: int = 1) -> None:
        if importlib.util.find_spec("av") is None:
            raise UsageError(
                "previews need PyAV; install it from a checkout of xharchive with: pip install '.[preview]'"
            )
        self._pool = WorkerPool((*_WORKER, str(_MEMORY)), workers, _SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()

    async def make(self, film: ArchivePath, preview: ArchivePath) -> Made:
        """Write a preview of a film, with its sound, unless browsers show the film itself.

        Raises:
            ArchiveError: no worker process starts.
        """
        answer = await self._pool.ask(_request(film, preview), leftover=preview)
        if isinstance(answer, WorkerDied):
            return Made.REFUSED
        said = json.loads(answer)
        return Made.PREVIEW if "made" in said else Made.SHOWN if "shown" in said else Made.REFUSED


def _request(film: ArchivePath, preview: ArchivePath) -> bytes:
    request = {
        "original": film.as_json(),
        "preview": preview.as_json(),
        "longest": _LONGEST_SIDE,
        "max_pixels": _MAX_PIXELS,
        "seconds": _SECONDS,
    }
    return json.dumps(request).encode()
