"""Store flawed files of one asset, in case no better file arrives.

A flawed file is renamed to make room for the next one, so it need not be downloaded twice.
"""

import asyncio
from dataclasses import replace

from xharchive.archive_path import ArchivePath
from xharchive.disk import translate_os_errors
from xharchive.download.file_checks import FetchRequest, FetchResult, same_shape
from xharchive.download.part_file import discard
from xharchive.media import Family
from xharchive.models import Quality


def undecoded_path(part: ArchivePath) -> ArchivePath:
    """Return the path of an uploaded picture that no decoder reads."""
    return part.with_name(f"{part.name}.unread")


def _mismatch_path(path: ArchivePath) -> ArchivePath:
    return path.with_name(f"{path.name}.misfit")


def discard_all(request: FetchRequest) -> None:
    """Remove the part file and the fallback files of a request. Blocking.

    Raises:
        OSError: A file cannot be removed.
    """
    discard(request.part)
    for path in (request.part, request.derivative):
        _mismatch_path(path).unlink(missing_ok=True)
    undecoded_path(request.part).unlink(missing_ok=True)


class FallbackFiles:
    """Manage the fallback files of one request.

    These are the first picture that no decoder reads, and the best file that differs from what the reply
    declares.
    """

    def __init__(self, request: FetchRequest) -> None:
        self._request = request
        self._undecoded: FetchResult | None = None
        self._mismatch: FetchResult | None = None

    def __bool__(self) -> bool:
        return self._undecoded is not None or self._mismatch is not None

    async def add(self, fetched: FetchResult) -> None:
        """Store the file at the request's part path, or remove it if the stored one is better.

        Raises:
            ArchiveError: A file cannot be renamed or removed.
        """
        with translate_os_errors("storing a flawed file"):
            await asyncio.to_thread(self._add, fetched)

    def _add(self, fetched: FetchResult) -> None:
        part, derivative = self._request.part, self._request.derivative
        if not fetched.proof.is_mismatch and self._undecoded is None:
            part.replace(undecoded_path(part))
            self._undecoded = fetched
        elif fetched.proof.is_mismatch and (
            self._mismatch is None or _content_size(fetched) > _content_size(self._mismatch)
        ):
            part.replace(_mismatch_path(part))
            _move(derivative, _mismatch_path(derivative))
            self._mismatch = fetched
        discard(part)
        derivative.unlink(missing_ok=True)

    def is_better_than(self, fetched: FetchResult) -> bool:
        """Return whether a stored upload is a better choice than a transcode that fits.

        Declared sizes may be wrong. An upload of the same shape is then smaller than declared, and so are its
        transcodes.
        """
        mismatch = self._mismatch
        return (
            mismatch is not None
            and mismatch.candidate.quality is Quality.ORIGINAL
            and fetched.candidate.quality is not Quality.ORIGINAL
            and _content_size(fetched) <= _content_size(mismatch)
            and same_shape(_dimensions(mismatch), _dimensions(fetched))
        )

    async def attach_upload(self, fetched: FetchResult) -> FetchResult:
        """Attach the upload that no decoder reads, if there is one, and remove the other fallback files.

        `fetched` must be the file at the request's part path.

        Raises:
            ArchiveError: A file cannot be removed.
        """
        if not self:
            return fetched
        undecoded = self._undecoded
        is_lesser = undecoded is not None and _is_better_quality(undecoded, fetched)
        with translate_os_errors("removing a file that is not needed"):
            await asyncio.to_thread(self._remove_unneeded, keep_upload=is_lesser)
        return replace(fetched, upload=undecoded) if is_lesser else fetched

    async def restore_best(self) -> FetchResult | None:
        """Rename the best fallback file to the request's part path and return it; None if there is none.

        Raises:
            ArchiveError: A file cannot be renamed or removed.
        """
        chosen = self._mismatch or self._undecoded
        if chosen is None:
            return None
        with translate_os_errors("restoring a stored file"):
            await asyncio.to_thread(self._restore, chosen)
        return await self.attach_upload(chosen) if chosen is self._mismatch else chosen

    def _restore(self, chosen: FetchResult) -> None:
        part, derivative = self._request.part, self._request.derivative
        discard(part)
        derivative.unlink(missing_ok=True)
        if chosen is self._mismatch:
            _mismatch_path(part).replace(part)
            _move(_mismatch_path(derivative), derivative)
        else:
            undecoded_path(part).replace(part)

    def _remove_unneeded(self, *, keep_upload: bool) -> None:
        part, derivative = self._request.part, self._request.derivative
        for path in (_mismatch_path(part), _mismatch_path(derivative)):
            path.unlink(missing_ok=True)
        if not keep_upload:
            undecoded_path(part).unlink(missing_ok=True)


def _is_better_quality(undecoded: FetchResult, shown: FetchResult) -> bool:
    """Return whether to archive an undecoded file beside a decoded one: an upload beside its rendition."""
    return undecoded.candidate.quality is Quality.ORIGINAL and shown.candidate.quality is not Quality.ORIGINAL


def _dimensions(fetched: FetchResult) -> tuple[int, int]:
    return fetched.proof.width, fetched.proof.height


def _content_size(fetched: FetchResult) -> int:
    """Return the amount of content: the pixels of a picture, the milliseconds of a video."""
    if fetched.body.found.family is Family.PICTURE:
        return fetched.proof.width * fetched.proof.height
    return fetched.proof.duration_ms


def _move(source: ArchivePath, target: ArchivePath) -> None:
    target.unlink(missing_ok=True)
    if source.exists():
        source.replace(target)
