"""Make previews: small H.264 versions of videos that browsers may not play."""

import asyncio
from dataclasses import dataclass

from xharchive.archive import PosixStore
from xharchive.archive_path import ArchivePath
from xharchive.disk import make_folders, ours
from xharchive.gallery import made_folder
from xharchive.images.video_previews import FilmPreviews, Made
from xharchive.manifest import Manifest, Role
from xharchive.media import AssetKind

__all__ = ["Previewed", "make_previews"]

_VIDEO_KINDS = (AssetKind.LIVE, AssetKind.VIDEO)


@dataclass(slots=True)
class Previewed:
    """Counts of videos.

    Attributes:
        made: previews that this run made.
        shown: videos that browsers play as they are.
        refused: videos that could not be converted.
        there: previews that existed before.
    """

    made: int = 0
    shown: int = 0
    refused: int = 0
    there: int = 0


async def make_previews(store: PosixStore, converter: FilmPreviews) -> Previewed:
    """Make all missing previews, and return counts. The caller holds the lock of the archive.

    Raises:
        ArchiveError: the archive cannot be read, or a preview cannot be written.
    """
    done = Previewed()
    for folder in sorted(await asyncio.to_thread(lambda: list(store.folders()))):
        published = await asyncio.to_thread(store.read, folder)
        if published is not None:
            await _make_for_note(store, converter, folder, published.manifest, done)
    return done


async def _make_for_note(
    store: PosixStore, converter: FilmPreviews, folder: str, manifest: Manifest, done: Previewed
) -> None:
    preview_folder = made_folder(store, "previews", manifest.id)
    for entry in manifest.files:
        if entry.role is not Role.ORIGINAL or entry.slot.kind not in _VIDEO_KINDS:
            continue
        target = preview_folder / f"{entry.path}.mp4"
        if not store.is_file(folder, entry.path):
            continue
        if target.exists():
            done.there += 1
            continue
        with ours("making a folder for previews"):
            await asyncio.to_thread(make_folders, preview_folder)
        made = await _make(converter, store.note_folder(folder) / entry.path, target)
        done.made += made is Made.PREVIEW
        done.shown += made is Made.SHOWN
        done.refused += made is Made.REFUSED
    with ours("tidying up the previews"):
        await asyncio.to_thread(_remove_if_empty, preview_folder)


async def _make(converter: FilmPreviews, video: ArchivePath, target: ArchivePath) -> Made:
    """Make a preview under a temporary name, then rename it: the final name means a complete file."""
    temporary = target.with_name(target.name + ".tmp")
    with ours("making room for a preview"):
        temporary.unlink(missing_ok=True)
    made = await converter.make(video, temporary)
    if made is Made.PREVIEW:
        with ours("naming a preview"):
            await asyncio.to_thread(_move_durably, temporary, target)
    return made


def _move_durably(made: ArchivePath, target: ArchivePath) -> None:
    """Rename with fsync. Other files of the gallery need none, but a preview may have taken hours."""
    made.sync()
    made.replace(target)
    target.parent.sync()


def _remove_if_empty(folder: ArchivePath) -> None:
    if folder.is_dir() and not folder.entries():
        folder.rmdir()
