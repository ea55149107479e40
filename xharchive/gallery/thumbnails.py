"""Makes thumbnails, and screen-sized images for originals that browsers cannot display."""

import asyncio
from contextlib import suppress
from dataclasses import replace

from xharchive import media
from xharchive.archive import PublishedNote
from xharchive.archive_path import ArchivePath, makedirs, translate_os_errors
from xharchive.gallery.cache import CachedNote
from xharchive.gallery.from_manifest import BROWSER_TYPES, is_displayable
from xharchive.gallery.paths import GalleryPaths, has_content
from xharchive.images import Converter, ThumbnailTarget
from xharchive.integrity import parse_structure
from xharchive.manifest import FileEntry, Manifest, Role
from xharchive.media import AssetKind, of_type

_SCREEN_BOX = (1600, 3200)


def thumbnail_source(manifest: Manifest) -> FileEntry | None:
    """Return the file to make a note's thumbnail from: its first image, else its cover.

    Prefer the derivative of a HEIF to its original, because it decodes much faster.
    """
    kinds = (AssetKind.IMAGE, AssetKind.COVER)
    entries = [entry for entry in manifest.files if entry.slot.kind in kinds and entry.is_readable]
    return min(
        entries,
        key=lambda entry: (
            kinds.index(entry.slot.kind),
            entry.slot.position,
            entry.media_type not in BROWSER_TYPES,
        ),
        default=None,
    )


def files_without_display(manifest: Manifest) -> tuple[FileEntry, ...]:
    """Return the original images that browsers cannot display and that have no derivative."""
    displayable = {entry.slot for entry in manifest.files if is_displayable(entry)}
    return tuple(
        entry
        for entry in manifest.files
        if entry.role is Role.ORIGINAL
        and entry.slot.kind in (AssetKind.IMAGE, AssetKind.COVER)
        and entry.slot not in displayable
        and entry.is_readable
    )


class ThumbnailMaker:
    """Makes thumbnails and screen-sized images; `written` counts them. Raises ArchiveError.

    With `use_early`, thumbnails that were made during the conversion are moved where they exist.
    """

    def __init__(self, converter: Converter, paths: GalleryPaths, *, use_early: bool) -> None:
        self.written = 0
        self._paths = paths
        self._converter = converter
        self._use_early = use_early
        self._unsynced = set[ArchivePath]()

    async def refresh_note(self, published: PublishedNote, known: CachedNote | None) -> tuple[int, int]:
        """Make the images of a note that are missing or belong to another version of the manifest.

        `known` is what the cache has of the note in this folder. Return width and height of the thumbnail;
        (0, 0) if there is none.
        """
        manifest, folder = published.manifest, self._paths.index.parent.joinpath(published.folder)
        unchanged = known if known is not None and known.stamp == published.stamp else None
        screens = self._paths.generated_folder("screens", manifest.id.text)
        without_display = files_without_display(manifest)
        # Do not write through a link, which may lead elsewhere.
        is_blocked = bool(without_display) and screens.exists() and not screens.is_dir()
        for entry in () if is_blocked else without_display:
            target = ThumbnailTarget(screens / f"{entry.path}.webp", *_SCREEN_BOX)
            if unchanged is None or not has_content(str(target.path)):
                with translate_os_errors("making a folder for images that browsers can display"):
                    await asyncio.to_thread(makedirs, screens)
                await self._shrink(folder / entry.path, entry, target)
        source = thumbnail_source(manifest)
        if source is None:
            return 0, 0
        target = self._paths.thumbnail(manifest.id.text)
        if unchanged is not None and unchanged.width and has_content(str(target.path)):
            return unchanged.width, unchanged.height
        original = next((each for each in manifest.files if each.path == source.derived_from), None)
        if self._use_early and original is not None:
            early = self._paths.early_thumbnails.target(original.sha256)
            if size := await asyncio.to_thread(_move_early_thumbnail, early, target.path):
                self._record(target.path)
                return size
        return await self._shrink(folder / source.path, source, target)

    async def _shrink(
        self, picture: ArchivePath, entry: FileEntry, target: ThumbnailTarget
    ) -> tuple[int, int]:
        """Make a smaller version of an image and replace the old one atomically."""
        found = of_type(entry.media_type)
        if found is None or not await asyncio.to_thread(picture.is_file):
            return 0, 0
        temporary = target.path.with_name(f"{target.path.name}.tmp")
        with translate_os_errors("making room for a thumbnail"):
            temporary.unlink(missing_ok=True)
        size = await self._converter.make_thumbnail(picture, found, replace(target, path=temporary))
        if size is None:
            return 0, 0
        with translate_os_errors("naming a thumbnail"):
            await asyncio.to_thread(_name_durably, temporary, target.path)
        self._record(target.path)
        return size

    def _record(self, target: ArchivePath) -> None:
        self.written += 1
        self._unsynced.add(target.parent)

    def sync_names(self) -> None:
        """Sync the folders of new images, before the cache records them. Blocking."""
        with translate_os_errors("syncing the thumbnails"):
            while self._unsynced:
                self._unsynced.pop().sync()


def _move_early_thumbnail(early: ThumbnailTarget, target: ArchivePath) -> tuple[int, int] | None:
    """Move an early thumbnail to its final path; return width and height, None if missing or damaged."""
    with suppress(OSError):  # it can be made again
        with early.path.open() as file:
            found = parse_structure(file, media.WEBP)
        if found.whole and 0 < found.width <= early.width and 0 < found.height <= early.height:
            _name_durably(early.path, target)
            return found.width, found.height
    return None


def _name_durably(made: ArchivePath, target: ArchivePath) -> None:
    """Sync a file before it gets its final name, which then stands for whole content. Raises OSError."""
    made.sync()
    made.replace(target)
