"""Whether a file is structurally whole: its own lengths and end marks agree with its size.

This is how a cut download is noticed when the network did not say so
(docs/reliability.md#faults-of-media-hosts). It reads headers and tables, not the media data, so it neither
replaces a decode nor finds flipped bits. What a format keeps behind its end mark (a JPEG's motion video, a
last `free` box) is beyond its proof.
"""

from collections.abc import Callable
from typing import BinaryIO

from xharchive import media
from xharchive.integrity import audio, heif, mp4, rasters, subtitles
from xharchive.integrity.reader import Broken, EndMarkMissing, Source, Structure
from xharchive.integrity.subtitles import decoded as subtitle_text
from xharchive.media import Format

__all__ = ["Structure", "examine", "subtitle_text"]

_CHECKS: dict[str, Callable[[Source], Structure]] = {
    media.MP4.name: mp4.mp4,
    media.M4A.name: mp4.mp4,
    media.MOV.name: mp4.quicktime,
    media.HEIC.name: heif.heif,
    media.AVIF.name: heif.heif,
    media.JPEG.name: rasters.jpeg,
    media.PNG.name: rasters.png,
    media.WEBP.name: rasters.webp,
    media.GIF.name: rasters.gif,
    media.WAV.name: audio.wav,
    media.FLAC.name: audio.flac,
    media.OGG.name: audio.ogg,
    media.MP3.name: audio.mp3,
    media.AAC.name: audio.aac,
    media.SRT.name: subtitles.srt,
    media.VTT.name: subtitles.vtt,
}

_NEVER_PROVEN = frozenset(known.name for known in (media.FLAC, media.MP3, media.AAC, media.SRT, media.VTT))


def examine(file: BinaryIO, found: Format) -> Structure:
    """Return what the structure of a file of the given format says; no bytes make it raise.

    The file must be seekable; its position afterwards is anywhere. Work and memory are bounded whatever the
    file claims: at most 64 MiB are held, and media data are passed over (except a JPEG's scans, which have no
    length).
    """
    check = _CHECKS.get(found.name)
    if check is None:
        return Structure(whole=True, proves_length=False)
    try:
        return check(Source(file))
    except EndMarkMissing as problem:
        return Structure(
            whole=False,
            problem=str(problem),
            width=problem.width,
            height=problem.height,
            lacks_end_mark=True,
        )
    except Broken as problem:
        return Structure(whole=False, problem=str(problem), proves_length=found.name not in _NEVER_PROVEN)
