"""Save and find paid replies: of a note, a listing or a short link."""

import asyncio
from datetime import datetime
from itertools import count

from xharchive.archive_path import ArchivePath
from xharchive.disk import atomic_write, makedirs_durable, read_if_exists, translate_os_errors
from xharchive.models import LARGEST_SAVED_REPLY


class ReplyStore:
    """Hold the saved replies of one note (or listing, or short link).

    Args:
        folder: where new replies are saved.
        older: further folders to find replies in, after `folder`.

    Raises:
        ArchiveError: any method raises it if a reply cannot be read, written or moved.
    """

    def __init__(self, folder: ArchivePath, older: tuple[ArchivePath, ...] = ()) -> None:
        self.folder = folder
        self._older = older

    async def find(self, name: str) -> bytes | None:
        """Return a saved reply, None if there is none of this name."""
        for folder in (self.folder, *self._older):
            body = await read_if_exists(folder / f"{name}.json", LARGEST_SAVED_REPLY)
            if body is not None:
                return body
        return None

    async def endpoints(self) -> frozenset[str]:
        """Return the names of the saved replies: endpoints, and `<endpoint>.2` and so on for newer ones."""
        with translate_os_errors("listing kept replies"):
            return await asyncio.to_thread(self._endpoints)

    def _endpoints(self) -> frozenset[str]:
        return frozenset(
            name.removesuffix(".json")
            for folder in (self.folder, *self._older)
            for name in folder.entries()
            if name.endswith(".json")
        )

    @property
    def incoming(self) -> "ReplyStore":
        """The store for a newer reply of an endpoint, until it is known whether the reply has the note."""
        return ReplyStore(self.folder / "fresh")

    async def promote(self, endpoint: str) -> None:
        """Move an incoming reply beside the older ones, as `<endpoint>.2`, `.3` and so on."""
        names = await self.endpoints()
        number = next(number for number in count(2) if f"{endpoint}.{number}" not in names)
        with translate_os_errors("keeping a newer reply"):
            await asyncio.to_thread(self._move_incoming, endpoint, f"{endpoint}.{number}")

    def _move_incoming(self, endpoint: str, name: str) -> None:
        makedirs_durable(self.folder)
        (self.incoming.folder / f"{endpoint}.json").replace(self.folder / f"{name}.json")
        self.folder.sync()

    async def save(self, name: str, body: bytes) -> None:
        """Write a reply to disk and sync it."""
        with translate_os_errors("making the folder for replies"):
            await asyncio.to_thread(makedirs_durable, self.folder)
        await atomic_write(self.folder / f"{name}.json", body)

    async def delete(self, name: str) -> None:
        """Delete a body that turned out to be no reply (an error that is not billed), if it is there."""
        with translate_os_errors("removing a reply"):
            await asyncio.to_thread((self.folder / f"{name}.json").unlink, missing_ok=True)

    def set_aside(self, at: datetime) -> None:
        """Rename the folder of a finished listing, so that the next request starts at its first page.

        Args:
            at: the time that becomes part of the new name."""
        with translate_os_errors("renaming the folder of a finished listing"):
            if self.folder.is_dir():
                self.folder.replace(self.folder.with_name(f"{self.folder.name}.{at:%Y%m%dT%H%M%S%f}"))
                self.folder.parent.sync()
