"""The kept replies of one note: on disk before anybody reads them, found again wherever they lie."""

import asyncio
import hashlib
from pathlib import Path

from xharchive.disk import make_folders, ours, read_whole, sync_folder, write_whole

__all__ = ["ReplyShelf"]


class ReplyShelf:
    """The kept replies of one note: new ones go to `folder`, older ones are looked for in `also`."""

    def __init__(self, folder: Path, also: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self._also = also

    async def find(self, endpoint: str) -> bytes | None:
        """Return the kept body of this endpoint, or None.

        Raises:
            ArchiveError: it is there and cannot be read.
        """
        for folder in (self.folder, *self._also):
            body = await read_whole(folder / f"{endpoint}.json")
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
        found: set[str] = set()
        for folder in (self.folder, *self._also):
            if folder.is_dir() and not folder.is_symlink():
                found.update(entry.stem for entry in folder.iterdir() if entry.suffix == ".json")
        return frozenset(found)

    @property
    def fresh(self) -> "ReplyShelf":
        """Where a new reply waits that is to take an older one's place: none is given up for an empty one."""
        return ReplyShelf(self.folder / "fresh")

    async def supersede(self, endpoint: str) -> None:
        """Let the fresh reply of an endpoint take the place of the old one, which stays beside it.

        Raises:
            ArchiveError: the disk would not.
        """
        old = await self.find(endpoint)
        if old is not None:
            await self.keep(f"{endpoint}.{hashlib.sha256(old).hexdigest()[:8]}", old)
        with ours("replacing a reply"):
            await asyncio.to_thread(self._take_over, endpoint)

    def _take_over(self, endpoint: str) -> None:
        name = f"{endpoint}.json"
        (self.fresh.folder / name).replace(self.folder / name)
        sync_folder(self.folder)

    async def keep(self, endpoint: str, body: bytes) -> None:
        """Put a body on disk for good, before anybody reads it.

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("making the folder for replies"):
            await asyncio.to_thread(make_folders, self.folder)
        await write_whole(self.folder / f"{endpoint}.json", body)

    async def drop(self, endpoint: str) -> None:
        """Forget a body that was no answer (an error that costs nothing).

        Raises:
            ArchiveError: the disk would not.
        """
        with ours("removing a reply"):
            await asyncio.to_thread((self.folder / f"{endpoint}.json").unlink, missing_ok=True)
