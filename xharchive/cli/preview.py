"""`xharchive preview`: small H.264 versions of films that browsers may not show."""

import argparse
import sys
from pathlib import Path

from xharchive.cli.options import add_directory, add_verb

__all__ = ["add", "run"]


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "preview",
        run,
        summary="make small versions of films that browsers may not show",
        description="Many films and live photos are HEVC, which many browsers do not show. Make a small\n"
        "H.264 version of each, for the gallery; originals stay as they are. Needs PyAV;\n"
        "from a checkout of xharchive: pip install '.[preview]'",
        examples="""\
  xharchive preview
  xharchive preview -d ~/notes
  xharchive preview --directory 'notes of 2026'
""",
    )
    add_directory(parser)


def run(args: argparse.Namespace) -> int:
    """Make what is missing, refresh the gallery, say what was made; return 0."""
    from xharchive.cli.existing_archive import existing_store, print_passed_over
    from xharchive.cli.signals import until_signalled
    from xharchive.gallery import refresh_gallery
    from xharchive.images import Converter, ConvertOptions
    from xharchive.images.video_previews import VideoPreviewer
    from xharchive.run.previews import PreviewCounts, make_previews
    from xharchive.sanitize import counted

    store = existing_store(Path(args.directory))

    async def work() -> PreviewCounts:
        async with VideoPreviewer() as films:
            done = await make_previews(store, films)
        async with Converter(ConvertOptions()) as converter:
            await refresh_gallery(store, converter)
        return done

    with store.held():
        done = until_signalled(work(), args)
    print_passed_over(store)
    sys.stdout.write(
        f"{counted(done.made, 'preview')} made; {counted(done.there, 'was there', 'were there')}, "
        f"{counted(done.shown, 'film needs', 'films need')} none, of {done.refused} none can be made\n"
    )
    return 0
