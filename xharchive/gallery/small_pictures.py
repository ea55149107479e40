"""Makes thumbnails, and pictures for the screen of originals that no browser draws."""

import asyncio
from pathlib import Path

from xharchive.convert import Converter
from xharchive.disk import make_folders, ours
from xharchive.gallery.places import Places, size_of
from xharchive.manifest import FileEntry
from xharchive.media import of_type
from xharchive.stores import Published
from xharchive.views.gallery.reading import needs_screen, thumb_source
from xharchive.views.gallery.state import Thumbed

__all__ = ["SmallPictures"]

_THUMB = (360, 640)
_SCREEN = (1600, 3200)


class SmallPictures:
    """The small pictures of an archive; `made` counts those that were made."""

    def __init__(self, converter: Converter, places: Places) -> None:
        self.places = places
        self.made = 0
        self._converter = converter

    async def of_note(self, published: Published, known: Thumbed | None) -> tuple[int, int]:
        """Make what is missing or was made of another manifest; return the thumbnail's pixels.

        `known` is what was remembered of the folder. (0, 0): there is no thumbnail.

        Raises:
            ArchiveError: the disk would not.
        """
        manifest, folder = published.manifest, self.places.index.parent / published.folder
        same = known if known is not None and known.stamp == published.stamp else None
        screens = self.places.made("screens", manifest.id.text)
        for entry in needs_screen(manifest):
            target = screens / f"{entry.path}.webp"
            if same is None or not _is_there(target):
                with ours("making a folder for pictures that browsers can draw"):
                    await asyncio.to_thread(make_folders, screens)
                await self._shrink(folder, entry, target, _SCREEN)
        source = thumb_source(manifest)
        if source is None:
            return 0, 0
        target = self.places.thumb(manifest.id.text)
        if same is not None and same.width and _is_there(target):
            return same.width, same.height
        return await self._shrink(folder, source, target, _THUMB)

    async def _shrink(
        self, folder: Path, entry: FileEntry, target: Path, box: tuple[int, int]
    ) -> tuple[int, int]:
        """Put a small version of the picture in the place of an older one; none is ever half there."""
        picture, found = folder / entry.path, of_type(entry.media_type)
        if found is None or not await asyncio.to_thread(_is_plain, picture):
            return 0, 0
        temporary = target.with_name(target.name + ".tmp")
        with ours("making room for a small picture"):
            temporary.unlink(missing_ok=True)
        size = await self._converter.shrink(picture, found, temporary, *box)
        if size is None:
            return 0, 0
        with ours("naming a small picture"):
            temporary.replace(target)
        self.made += 1
        return size


def _is_there(target: Path) -> bool:
    return size_of(str(target)) > 0


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
