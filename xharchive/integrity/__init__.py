"""Check that a media file is complete: its own lengths and end markers agree with its size.

The checks detect a cut download that the network did not report (docs/reliability.md#faults-of-media-hosts).
They read headers and tables, not the media data: they do not replace a decode and do not find flipped bits.
They prove nothing about data after a format's end marker, such as a JPEG's motion video or a last `free` box.
"""

from collections.abc import Callable
from typing import BinaryIO

from xharchive import media
from xharchive.integrity import audio, heif, image_formats, mp4, subtitles
from xharchive.integrity.image_formats import jpeg_header_frames
from xharchive.integrity.reader import EndMarkerMissing, FileReader, Structure, StructureError
from xharchive.integrity.subtitles import decode_text as decode_subtitle
from xharchive.media import Format

__all__ = ["Structure", "StructureError", "decode_subtitle", "jpeg_header_frames", "parse_structure"]

_CHECK_BY_FORMAT: dict[str, Callable[[FileReader], Structure]] = {
    media.MP4.name: mp4.check_mp4,
    media.M4A.name: mp4.check_mp4,
    media.MOV.name: mp4.check_quicktime,
    media.HEIC.name: heif.check_heif,
    media.AVIF.name: heif.check_heif,
    media.JPEG.name: image_formats.check_jpeg,
    media.PNG.name: image_formats.check_png,
    media.WEBP.name: image_formats.check_webp,
    media.GIF.name: image_formats.check_gif,
    media.WAV.name: audio.check_wav,
    media.FLAC.name: audio.check_flac,
    media.OGG.name: audio.check_ogg,
    media.MP3.name: audio.check_mp3,
    media.AAC.name: audio.check_aac,
    media.SRT.name: subtitles.check_srt,
    media.VTT.name: subtitles.check_vtt,
}

_NO_PROOF_OF_LENGTH = frozenset(
    known.name for known in (media.FLAC, media.MP3, media.AAC, media.SRT, media.VTT)
)


def parse_structure(file: BinaryIO, found: Format) -> Structure:
    """Parse a file's structure and report whether the file is complete.

    Work and memory are bounded for any content: at most 64 MiB are in memory, and the check skips media data
    (except a JPEG's scans, which have no length field).

    Args:
        file: a seekable file; its position changes.
        found: the format that the first bytes show. A format without a check counts as complete and unproven.

    Returns:
        The structure. It reports damage; no content raises an exception.

    Raises:
        OSError: the file cannot be read.
    """
    check = _CHECK_BY_FORMAT.get(found.name)
    if check is None:
        return Structure(whole=True, proves_length=False)
    try:
        return check(FileReader(file))
    except EndMarkerMissing as problem:
        return Structure(
            whole=False,
            problem=str(problem),
            width=problem.width,
            height=problem.height,
            lacks_end_marker=True,
        )
    except StructureError as problem:
        return Structure(
            whole=False, problem=str(problem), proves_length=found.name not in _NO_PROOF_OF_LENGTH
        )
