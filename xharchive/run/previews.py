"""The story of previews: a small H.264 version beside each film that browsers may not show."""

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

_FILMS = (AssetKind.LIVE, AssetKind.VIDEO)


@dataclass(slots=True)
class Previewed:
    """How many films were looked at: previews made, shown by browsers as they are, refused, made before."""

    made: int = 0
    shown: int = 0
    refused: int = 0
    there: int = 0


async def make_previews(store: PosixStore, films: FilmPreviews) -> Previewed:
    """Make the previews that are missing in a store whose lock is held; originals are read, never written.

    Raises:
        ArchiveError: the disk would not.
    """
    done = Previewed()
    for folder in sorted(await asyncio.to_thread(lambda: list(store.folders()))):
        published = await asyncio.to_thread(store.read, folder)
        if published is not None:
            await _of_note(store, films, folder, published.manifest, done)
    return done


async def _of_note(
    store: PosixStore, films: FilmPreviews, folder: str, manifest: Manifest, done: Previewed
) -> None:
    place = made_folder(store, "previews", manifest.id)
    for entry in manifest.files:
        if entry.role is not Role.ORIGINAL or entry.slot.kind not in _FILMS:
            continue
        target = place / f"{entry.path}.mp4"
        if not store.is_file(folder, entry.path):
            continue
        if target.exists():
            done.there += 1
            continue
        with ours("making a folder for previews"):
            await asyncio.to_thread(make_folders, place)
        made = await _make(films, store.note_folder(folder) / entry.path, target)
        done.made += made is Made.PREVIEW
        done.shown += made is Made.SHOWN
        done.refused += made is Made.REFUSED
    with ours("tidying up the previews"):
        await asyncio.to_thread(_remove_if_empty, place)


async def _make(films: FilmPreviews, film: ArchivePath, target: ArchivePath) -> Made:
    """Make a preview under another name first: one that is half there is none."""
    temporary = target.with_name(target.name + ".tmp")
    with ours("making room for a preview"):
        temporary.unlink(missing_ok=True)
    made = await films.make(film, temporary)
    if made is Made.PREVIEW:
        with ours("naming a preview"):
            await asyncio.to_thread(_name_for_good, temporary, target)
    return made


def _name_for_good(made: ArchivePath, target: ArchivePath) -> None:
    """Unlike all else of a gallery it may have taken hours, so no power cut is to spoil it."""
    made.sync()
    made.replace(target)
    target.parent.sync()


def _remove_if_empty(folder: ArchivePath) -> None:
    if folder.is_dir() and not folder.entries():
        folder.rmdir()
