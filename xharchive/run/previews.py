"""Make previews: small H.264 versions of videos that browsers may not play."""

import asyncio
from dataclasses import dataclass

from xharchive.archive import Archive, PublishedNote
from xharchive.archive_path import ArchivePath, makedirs, translate_os_errors
from xharchive.gallery.paths import GalleryPaths
from xharchive.images.video_previews import PreviewOutcome, VideoPreviewer
from xharchive.manifest import Role
from xharchive.media import AssetKind


@dataclass(slots=True)
class PreviewCounts:
    """Counts of videos: previews made now, and `there` before; videos `shown` as they are, or `refused`."""

    made: int = 0
    shown: int = 0
    refused: int = 0
    there: int = 0


async def make_previews(store: Archive, converter: VideoPreviewer) -> PreviewCounts:
    """Make all missing previews, and return counts. The caller holds the lock of the archive.

    Raises:
        ArchiveError: the archive cannot be read, or a preview cannot be written.
    """
    done = PreviewCounts()
    paths = GalleryPaths(store)
    await asyncio.to_thread(paths.makedirs)
    for folder in await asyncio.to_thread(lambda: sorted(name for name, _ in store.folders.search())):
        published = await asyncio.to_thread(store.folders.read, folder)
        if published is not None:
            previews = paths.generated_folder("previews", published.manifest.id.text)
            await _make_for_note(store, converter, published, previews, done)
    return done


async def _make_for_note(
    store: Archive,
    converter: VideoPreviewer,
    published: PublishedNote,
    previews: ArchivePath,
    done: PreviewCounts,
) -> None:
    for entry in published.manifest.files:
        is_video = entry.role is Role.ORIGINAL and entry.slot.kind in (AssetKind.LIVE, AssetKind.VIDEO)
        if not is_video or not store.folders.is_file(published.folder, entry.path):
            continue
        target = previews / f"{entry.path}.mp4"
        if target.exists():
            done.there += 1
            continue
        made = await _make(converter, store.folders.path(published.folder) / entry.path, target)
        done.made += made is PreviewOutcome.PREVIEW
        done.shown += made is PreviewOutcome.SHOWN
        done.refused += made is PreviewOutcome.REFUSED
    with translate_os_errors("tidying up the previews"):
        if previews.is_dir() and not previews.entries():
            previews.rmdir()


async def _make(converter: VideoPreviewer, video: ArchivePath, target: ArchivePath) -> PreviewOutcome:
    """Make a preview under a temporary name, then rename it: the final name means a complete file."""
    temporary = target.with_name(target.name + ".tmp")
    with translate_os_errors("making room for a preview"):
        await asyncio.to_thread(makedirs, target.parent)
        temporary.unlink(missing_ok=True)
    made = await converter.make(video, temporary)
    if made is PreviewOutcome.PREVIEW:
        with translate_os_errors("naming a preview"):
            await asyncio.to_thread(_move_durably, temporary, target)
    return made


def _move_durably(made: ArchivePath, target: ArchivePath) -> None:
    """Rename with fsync, also of the folder: a preview may have taken hours."""
    made.sync()
    made.replace(target)
    target.parent.sync()
