"""A gallery that is stopped half-way: nobody is at its database any more when it is closed."""

import asyncio
import threading
from pathlib import Path

import pytest
from support.note_folders import commit_note, note_id

from xharchive.archive import Archive, NoteFolders, PublishedNote
from xharchive.archive_path import ArchivePath
from xharchive.gallery.paths import is_stale
from xharchive.gallery.refresh import refresh_gallery
from xharchive.images import Converter, ConvertOptions

NOTES = 20


class SlowFolders(NoteFolders):
    """Folders of which the `at`th manifest takes until `go_on` is set; counts what is read after that."""

    def __init__(self, archive: ArchivePath, at: int) -> None:
        super().__init__(archive)
        self.reads = 0
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._at = at

    def read(self, folder: str, *, of_note: bool = False) -> PublishedNote | None:
        self.reads += 1
        if self.reads == self._at:
            self.reached.set()
            assert self.go_on.wait(20)
        return super().read(folder, of_note=of_note)


@pytest.mark.parametrize("at", [NOTES + 1, NOTES + 5], ids=["at the first page", "among the pages"])
async def test_a_thread_that_writes_pages_is_waited_for(tmp_path: Path, at: int) -> None:
    """Its next question would go to a closed database, which ends the process; it gets no answer instead."""
    store = Archive(tmp_path)
    store.folders = folders = SlowFolders(store.folder, at)
    with store.held():
        for number in range(1, NOTES + 1):
            commit_note(store, note_id(number))
        async with Converter(ConvertOptions()) as converter:
            refreshing = asyncio.ensure_future(refresh_gallery(store, converter))
            await asyncio.to_thread(folders.reached.wait, 20)
            for _ in range(3):
                refreshing.cancel()
                await asyncio.sleep(0.01)
            assert not refreshing.done()
            folders.go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await refreshing
    assert folders.reads == at
    assert is_stale(store)
