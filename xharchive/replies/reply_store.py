"""The kept replies of one note: on disk before anybody reads them, found again wherever they lie."""

import asyncio
from itertools import count

from xharchive.archive_path import ArchivePath
from xharchive.disk import make_folders_for_good, ours, read_whole, write_whole
from xharchive.models import LARGEST_KEPT_REPLY

__all__ = ["ReplyShelf"]


class ReplyShelf:
    """The kept replies of one note: new ones go to `folder`, older ones are looked for in `also`."""

    def __init__(self, folder: ArchivePath, also: tuple[ArchivePath, ...] = ()) -> None:
        self.folder = folder
        self._also = also

    async def find(self, endpoint: str) -> bytes | None:
        """Return the kept body of this endpoint, or None.

        Raises:
            ArchiveError: it is there and cannot be read.
        """
        for folder in (self.folder, *self._also):
            body = await read_whole(folder / f"{endpoint}.json", LARGEST_KEPT_REPLY)
            if body is not None:
                return body
        return None

    async def endpoints(self) -> frozenset[str]:
        """Return the names of the endpoints whose replies are kept.

        Raises:
            ArchiveError: a folder is there and cannot be listed.
        """
        with ours("listing kept replies"):
            return await asyncio.to_thread(self._endpoints)

    def _endpoints(self) -> frozenset[str]:
        return frozenset(
            name.removesuffix(".json")
            for folder in (self.folder, *self._also)
            for name in folder.entries()
            if name.endswith(".json")
        )

    @property
    def fresh(self) -> "ReplyShelf":
        """Where a newer reply of an endpoint waits until it is known whether it has the note."""
        return ReplyShelf(self.folder / "fresh")

    async def renew(self, endpoint: str) -> None:
        """Put the fresh reply of an endpoint beside the ones there are, as `<endpoint>.2`, `.3` and so on.

        Raises:
            ArchiveError: the disk would not.
        """
        names = await self.endpoints()
        number = next(number for number in count(2) if f"{endpoint}.{number}" not in names)
        with ours("keeping a newer reply"):
            await asyncio.to_thread(self._take_over, endpoint, f"{endpoint}.{number}")

    def _take_over(self, endpoint: str, name: str) -> None:
        make_folders_for_good(self.folder)
        (self.fresh.folder / f"{endpoint}.json").replace(self.folder / f"{name}.json")
        self.folder.sync()

    async def keep(self, endpoint: str, body: bytes) -> None:
        """Put a body on disk for good, before anybody reads it.

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("making the folder for replies"):
            await asyncio.to_thread(make_folders_for_good, self.folder)
        await write_whole(self.folder / f"{endpoint}.json", body)

    async def drop(self, endpoint: str) -> None:
        """Forget a body that was no answer (an error that costs nothing).

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("removing a reply"):
            await asyncio.to_thread((self.folder / f"{endpoint}.json").unlink, missing_ok=True)
