"""Files of one asset that have a flaw, put aside in case that nothing better comes.

What was fetched once is not fetched again, so a flawed file makes room for the next one by moving.
"""

import asyncio
from dataclasses import replace

from xharchive.archive_path import ArchivePath
from xharchive.disk import ours
from xharchive.download.declared_size import same_shape
from xharchive.download.fetch_request import Fetched, Order
from xharchive.download.part_file import discard
from xharchive.media import Family
from xharchive.models import Quality

__all__ = ["Spares", "discard_all", "unread_place"]


def unread_place(part: ArchivePath) -> ArchivePath:
    """Return where an uploaded picture lies that no decoder reads."""
    return part.with_name(f"{part.name}.unread")


def _misfit_place(path: ArchivePath) -> ArchivePath:
    return path.with_name(f"{path.name}.misfit")


def discard_all(order: Order) -> None:
    """Remove the order's part and what was put aside for it. Blocking; raises OSError."""
    discard(order.part)
    for path in (order.part, order.derivative):
        _misfit_place(path).unlink(missing_ok=True)
    unread_place(order.part).unlink(missing_ok=True)


class Spares:
    """The spare files of one order: the first that no decoder reads, and the best that does not fit.

    `unchanged`: a host gave the very file that an earlier run kept.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._unread: Fetched | None = None
        self._misfit: Fetched | None = None
        self.unchanged = False

    def __bool__(self) -> bool:
        return self._unread is not None or self._misfit is not None

    async def keep(self, fetched: Fetched) -> None:
        """Put the file aside that lies in the order's part, or remove it if the one put aside is better.

        Raises:
            ArchiveError: the disk failed.
        """
        self.unchanged = self.unchanged or fetched.body.sha256 == self._order.held
        with ours("putting a file aside"):
            await asyncio.to_thread(self._keep, fetched)

    def _keep(self, fetched: Fetched) -> None:
        part, derivative = self._order.part, self._order.derivative
        if not fetched.proof.misfit and self._unread is None:
            part.replace(unread_place(part))
            self._unread = fetched
        elif fetched.proof.misfit and (self._misfit is None or _extent(fetched) > _extent(self._misfit)):
            part.replace(_misfit_place(part))
            _move(derivative, _misfit_place(derivative))
            self._misfit = fetched
        discard(part)
        derivative.unlink(missing_ok=True)

    def is_better_than(self, fetched: Fetched) -> bool:
        """Whether a file that was put aside is a better choice than a transcode that fits.

        Declared sizes may be wrong. An upload of the same shape is then smaller than declared, and so is what
        is made of it.
        """
        misfit = self._misfit
        return (
            misfit is not None
            and misfit.candidate.quality is Quality.ORIGINAL
            and fetched.candidate.quality is not Quality.ORIGINAL
            and _extent(fetched) <= _extent(misfit)
            and same_shape(_sides(misfit), _sides(fetched))
        )

    async def with_upload(self, fetched: Fetched) -> Fetched:
        """Return a file that lies in the order's part, with the upload that no decoder reads if there is one.

        Raises:
            ArchiveError: the disk failed.
        """
        if not self:
            return fetched
        unread = self._unread
        is_lesser = unread is not None and _outranks(unread, fetched)
        with ours("removing a file that is not needed"):
            await asyncio.to_thread(self._tidy, keeps_unread=is_lesser)
        return replace(fetched, upload=unread) if is_lesser else fetched

    async def best(self) -> Fetched | None:
        """Return the best file that was put aside, moved back to the order's part; None if there is none.

        Raises:
            ArchiveError: the disk failed.
        """
        chosen = self._misfit or self._unread
        if chosen is None:
            return None
        with ours("taking a file that was put aside"):
            await asyncio.to_thread(self._take_back, chosen)
        return await self.with_upload(chosen) if chosen is self._misfit else chosen

    def _take_back(self, chosen: Fetched) -> None:
        part, derivative = self._order.part, self._order.derivative
        discard(part)
        derivative.unlink(missing_ok=True)
        if chosen is self._misfit:
            _misfit_place(part).replace(part)
            _move(_misfit_place(derivative), derivative)
        else:
            unread_place(part).replace(part)

    def _tidy(self, *, keeps_unread: bool) -> None:
        part, derivative = self._order.part, self._order.derivative
        for path in (_misfit_place(part), _misfit_place(derivative)):
            path.unlink(missing_ok=True)
        if not keeps_unread:
            unread_place(part).unlink(missing_ok=True)


def _outranks(unread: Fetched, shown: Fetched) -> bool:
    """Whether a file that cannot be shown is kept beside one that can: an upload beside a rendition of it."""
    return unread.candidate.quality is Quality.ORIGINAL and shown.candidate.quality is not Quality.ORIGINAL


def _sides(fetched: Fetched) -> tuple[int, int]:
    return fetched.proof.width, fetched.proof.height


def _extent(fetched: Fetched) -> int:
    """How much a file shows: pixels of a picture, milliseconds of a film."""
    if fetched.body.found.family is Family.PICTURE:
        return fetched.proof.width * fetched.proof.height
    return fetched.proof.duration_ms


def _move(source: ArchivePath, target: ArchivePath) -> None:
    target.unlink(missing_ok=True)
    if source.exists():
        source.replace(target)
