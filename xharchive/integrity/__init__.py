"""Check that a media file is whole: its own lengths and end markers agree with its size.

The checks detect a cut download that the network did not report (docs/reliability.md#faults-of-media-hosts).
They read headers and tables, not the media data: they do not replace a decode and do not find flipped bits.
They prove nothing about data after a format's end marker, such as a JPEG's motion video or a last `free` box.
"""

from collections.abc import Callable
from typing import BinaryIO

from xharchive.integrity.reader import FileReader, Structure, StructureError
from xharchive.media import Format

__all__ = ["Structure", "StructureError", "parse_structure"]


def parse_structure(file: BinaryIO, found: Format) -> Structure:
    """Parse a file's structure and report whether the file is whole. No content raises an exception.

    Work and memory are bounded for any content: at most 64 MiB are in memory, and the check skips media data
    (except a JPEG's scans, which have no length field).

    Args:
        file: a seekable file; its position changes.
        found: the format that the first bytes show. A format without a check counts as whole and unproven.

    Raises:
        OSError: the file cannot be read.
    """
    check = _find_check(found.name)
    if check is None:
        return Structure(whole=True, proves_length=False)
    try:
        return check(FileReader(file))
    except StructureError as problem:
        return Structure(whole=False, problem=str(problem), proves_length=False)


def _find_check(name: str) -> Callable[[FileReader], Structure] | None:
    """Return the check of a format. A run loads only the modules for formats that it meets."""
    match name:
        case "mp4" | "m4a" | "mov" | "heif" | "avif":
            from xharchive.integrity import isobmff

            return isobmff.CHECKS[name]
        case "jpeg" | "png" | "webp" | "gif":
            from xharchive.integrity import jpeg_png_gif_webp

            return jpeg_png_gif_webp.CHECKS[name]
        case "wav" | "flac" | "ogg" | "mp3" | "aac" | "srt" | "vtt":
            from xharchive.integrity import audio_and_subtitles

            return audio_and_subtitles.CHECKS[name]
    return None
