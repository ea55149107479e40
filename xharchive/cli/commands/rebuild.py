"""`xharchive gallery`, `preview`, `reparse` and `reindex`: make again what follows from the originals."""

import argparse
import json
import shlex
import sys
from typing import TYPE_CHECKING

from xharchive.cli.console import Console, run_until_signal
from xharchive.cli.options import DIRECTORY, JSON_OBJECT
from xharchive.cli.parser import Verb, option
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.archive import Archive

VERBS = {
    "gallery": Verb(
        "Write index.html and a page in each note folder, where something changed. `get`\n"
        "and `resume` do this at their end. Only reads originals and manifests. Sends\n"
        "nothing.",
        """\
  xharchive gallery
  xharchive gallery -d ~/notes
  xharchive gallery -d ~/notes --rebuild""",
        (
            DIRECTORY,
            option("archive: --rebuild", "write all pages and thumbnails again"),
            JSON_OBJECT,
        ),
    ),
    "preview": Verb(
        "Many videos and live photos are HEVC, which many browsers do not show. Make a\n"
        "small H.264 version of each, for the gallery; originals stay as they are.\n"
        "Needs PyAV; from a checkout of xharchive: pip install '.[preview]'",
        """\
  xharchive preview
  xharchive preview -d ~/notes
  xharchive preview --directory 'notes of 2026'""",
        (DIRECTORY,),
    ),
    "reparse": Verb(
        "Read each saved reply again with this version, and renew the manifests that\n"
        "change. Also write a note.md again that differs from its manifest. Sends\n"
        "nothing, pays nothing, changes no media file. `resume` downloads assets that the\n"
        "new manifests add.",
        """\
  xharchive reparse
  xharchive reparse -d ~/notes
  xharchive reparse -d ~/notes --json""",
        (DIRECTORY, JSON_OBJECT),
    ),
    "reindex": Verb(
        "Read each manifest and build the index (.xharchive/catalog.sqlite3) again.\n"
        "xharchive keeps the index up to date by itself; use this when in doubt. The old\n"
        "index stays until the new one is complete. Changes no note.",
        """\
  xharchive reindex
  xharchive reindex -d ~/notes
  xharchive reindex -d ~/notes --json""",
        (DIRECTORY, JSON_OBJECT),
    ),
}


def run(args: argparse.Namespace, console: Console) -> int:
    """Make it again and print the numbers; return 0, or 5 if this user may not read some folders."""
    from xharchive.cli.open_archive import existing_archive

    store = existing_archive(args.directory)
    match args.verb:
        case "gallery":
            return _gallery(store, console, rebuild=args.rebuild, as_json=args.json)
        case "preview":
            return _preview(store, console)
        case "reparse":
            return _reparse(store, args.directory, as_json=args.json)
        case _:
            return _reindex(store, as_json=args.json)


def _gallery(store: "Archive", console: Console, *, rebuild: bool, as_json: bool) -> int:
    from xharchive.cli.open_archive import print_skipped_folders, report_unreadable
    from xharchive.events import GalleryRefreshed
    from xharchive.events import as_json as event_as_json
    from xharchive.gallery.refresh import RefreshResult, refresh_gallery
    from xharchive.images import Converter, ConvertOptions
    from xharchive.progress import json_line, progress_bar

    async def work() -> RefreshResult:
        async with Converter(ConvertOptions()) as converter:
            with progress_bar("note", sys.stderr) as show:
                return await refresh_gallery(store, converter, rebuild=rebuild, on_progress=show)

    with store.held():
        refreshed = run_until_signal(work(), console)
    print_skipped_folders(store)
    index = str((store.root / "index.html").resolve())
    done = GalleryRefreshed(refreshed.notes, refreshed.pages, refreshed.pictures, index)
    if as_json:
        sys.stdout.write(json_line(event_as_json(done)))
    else:
        made = f"{counted(done.pages, 'page')} and {counted(done.pictures, 'thumbnail')} written"
        sys.stdout.write(f"{counted(done.notes, 'note')}; {made}\n{printable(f'browse: {done.index}')}\n")
    return report_unreadable(store, refreshed.closed)


def _preview(store: "Archive", console: Console) -> int:
    from xharchive.cli.open_archive import print_skipped_folders, report_unreadable
    from xharchive.gallery.refresh import RefreshResult, refresh_gallery
    from xharchive.images import Converter, ConvertOptions
    from xharchive.images.video_previews import VideoPreviewer
    from xharchive.run.previews import PreviewCounts, make_previews

    async def work() -> tuple[PreviewCounts, RefreshResult]:
        async with VideoPreviewer() as films:
            done = await make_previews(store, films)
        async with Converter(ConvertOptions()) as converter:
            return done, await refresh_gallery(store, converter)

    with store.held():
        done, refreshed = run_until_signal(work(), console)
    print_skipped_folders(store)
    sys.stdout.write(
        f"{counted(done.made, 'preview')} made; {counted(done.there, 'was there', 'were there')}, "
        f"{counted(done.shown, 'video needs', 'videos need')} none, {done.refused} could not be converted\n"
    )
    return report_unreadable(store, refreshed.closed)


def _reparse(store: "Archive", directory: str, *, as_json: bool) -> int:
    import asyncio
    from dataclasses import asdict
    from datetime import UTC, datetime

    from xharchive.cli.open_archive import open_to_write
    from xharchive.run.reparse_notes import reparse

    with open_to_write(store):
        done = asyncio.run(reparse(store, lambda: datetime.now(UTC)))
    if as_json:
        sys.stdout.write(json.dumps(asdict(done)) + "\n")
        return 0
    sys.stdout.write(
        f"{counted(done.notes, 'note')} read again, {counted(done.changed, 'manifest')} renewed\n"
    )
    if done.skipped:
        why = "unfinished or damaged, or a saved reply is lost (`xharchive verify` says which)"
        sys.stdout.write(f"{counted(done.skipped, 'note')} left out: {why}\n")
    if done.wanted or done.skipped:
        where = shlex.quote(directory)
        files = counted(done.wanted, "file")
        sys.stdout.write(f"{files} to fetch; continue with: xharchive resume -d {where}\n")
    return 0


def _reindex(store: "Archive", *, as_json: bool) -> int:
    from xharchive.cli.open_archive import print_skipped_folders, report_unreadable

    with store.held():
        done = store.reindex()
    print_skipped_folders(store)
    if as_json:
        sys.stdout.write(json.dumps({"notes": done.notes, "unreadable": done.unreadable}) + "\n")
    else:
        sys.stdout.write(f"{counted(done.notes, 'note')} in the new index\n")
        if done.unreadable:
            folders = counted(done.unreadable, "folder left out: it has", "folders left out: they have")
            sys.stdout.write(f"{folders} no manifest that can be read\n")
    return report_unreadable(store, done.closed)
