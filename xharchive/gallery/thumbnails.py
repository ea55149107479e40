"""Makes thumbnails, and pictures for the screen of originals that no browser draws."""

import asyncio
from contextlib import suppress

from xharchive import media
from xharchive.archive import PublishedNote
from xharchive.archive_path import ArchivePath
from xharchive.disk import makedirs, translate_os_errors
from xharchive.gallery.paths import Places
from xharchive.images import Converter, ThumbnailTarget
from xharchive.integrity import parse_structure
from xharchive.manifest import FileEntry, Manifest
from xharchive.media import of_type
from xharchive.views.gallery.from_manifest import needs_screen, thumb_source
from xharchive.views.gallery.gallery_cache import Thumbed

__all__ = ["THUMB", "SmallPictures"]

THUMB = (360, 640)
"""The box of a thumbnail, in pixels."""

_SCREEN = (1600, 3200)


class SmallPictures:
    """The small pictures of an archive; `made` counts those that were made.

    `takes` thumbnails that were put aside, where there are some.
    """

    def __init__(self, converter: Converter, places: Places, *, takes: bool) -> None:
        self.places = places
        self.made = 0
        self._converter = converter
        self._takes = takes

    async def of_note(self, published: PublishedNote, known: Thumbed | None) -> tuple[int, int]:
        """Make what is missing or was made of another manifest; return the thumbnail's pixels.

        `known` is what was remembered of the folder. (0, 0): there is no thumbnail.

        Raises:
            ArchiveError: the disk would not.
        """
        manifest, folder = published.manifest, self.places.index.parent.joinpath(published.folder)
        same = known if known is not None and known.stamp == published.stamp else None
        screens = self.places.made("screens", manifest.id.text)
        wanted = needs_screen(manifest)
        # A link of somebody's, which leads elsewhere, is left alone.
        blocked = bool(wanted) and screens.exists() and not screens.is_dir()
        for entry in () if blocked else wanted:
            target = screens / f"{entry.path}.webp"
            if same is None or not _is_there(target):
                with translate_os_errors("making a folder for pictures that browsers can draw"):
                    await asyncio.to_thread(makedirs, screens)
                await self._shrink(folder, entry, target, _SCREEN)
        source = thumb_source(manifest)
        if source is None:
            return 0, 0
        target = self.places.thumb(manifest.id.text)
        if same is not None and same.width and _is_there(target):
            return same.width, same.height
        waiting = self._put_aside(manifest, source)
        taken = await asyncio.to_thread(_take, waiting, target) if waiting is not None else None
        if taken is not None:
            self.made += 1
            return taken
        return await self._shrink(folder, source, target, THUMB)

    def _put_aside(self, manifest: Manifest, source: FileEntry) -> ArchivePath | None:
        """Where the thumbnail may be that was made with the source, which is made of an original itself."""
        original = next((each for each in manifest.files if each.path == source.derived_from), None)
        return self.places.put_aside(original.sha256) if original and self._takes else None

    async def _shrink(
        self, folder: ArchivePath, entry: FileEntry, target: ArchivePath, box: tuple[int, int]
    ) -> tuple[int, int]:
        """Put a small version of the picture in the place of an older one; none is ever half there."""
        picture, found = folder / entry.path, of_type(entry.media_type)
        if found is None or not await asyncio.to_thread(picture.is_file):
            return 0, 0
        temporary = target.with_name(target.name + ".tmp")
        with translate_os_errors("making room for a small picture"):
            temporary.unlink(missing_ok=True)
        size = await self._converter.shrink(picture, found, ThumbnailTarget(temporary, *box))
        if size is None:
            return 0, 0
        with translate_os_errors("naming a small picture"):
            temporary.replace(target)
        self.made += 1
        return size


def _take(waiting: ArchivePath, target: ArchivePath) -> tuple[int, int] | None:
    """Put a thumbnail that waits in its place and return its pixels; None if there is none that is whole."""
    with suppress(OSError):  # it can be made again
        with waiting.open() as file:
            structure = parse_structure(file, media.WEBP)
        if structure.whole and 0 < structure.width <= THUMB[0] and 0 < structure.height <= THUMB[1]:
            waiting.replace(target)
            return structure.width, structure.height
    return None


def _is_there(target: ArchivePath) -> bool:
    found = target.status()
    return found is not None and found.st_size > 0
