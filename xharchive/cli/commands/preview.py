"""`xharchive preview`: make small H.264 versions of videos that browsers may not show."""

import argparse
import sys

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_directory


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Many videos and live photos are HEVC, which many browsers do not show. Make a\n"
        "small H.264 version of each, for the gallery; originals stay as they are.\n"
        "Needs PyAV; from a checkout of xharchive: pip install '.[preview]'",
        examples="""\
  xharchive preview
  xharchive preview -d ~/notes
  xharchive preview --directory 'notes of 2026'
""",
    )
    add_directory(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Make missing previews, refresh the gallery, print the numbers; return 0."""
    from xharchive.cli.open_archive import existing_archive, print_skipped_folders
    from xharchive.cli.signals import run_until_signal
    from xharchive.gallery.refresh import refresh_gallery
    from xharchive.images import Converter, ConvertOptions
    from xharchive.images.video_previews import VideoPreviewer
    from xharchive.run.previews import PreviewCounts, make_previews
    from xharchive.sanitize import counted

    store = existing_archive(args.directory)

    async def work() -> PreviewCounts:
        async with VideoPreviewer() as films:
            done = await make_previews(store, films)
        async with Converter(ConvertOptions()) as converter:
            await refresh_gallery(store, converter)
        return done

    with store.held():
        done = run_until_signal(work(), console)
    print_skipped_folders(store)
    sys.stdout.write(
        f"{counted(done.made, 'preview')} made; {counted(done.there, 'was there', 'were there')}, "
        f"{counted(done.shown, 'video needs', 'videos need')} none, {done.refused} could not be converted\n"
    )
    return 0
