"""Makes HEVC videos from still images: each frame is the bitstream of a HEIC, muxed as one sample.

libheif encodes every image as an IDR picture with its parameter sets in `hvcC`. Images of the same size and
settings share them, so together the frames are an all-intra `hvc1` track (ISO/IEC 14496-15).
"""

import struct
from collections.abc import Sequence
from io import BytesIO

import pillow_heif
from PIL import Image

from xharchive.demo.media.mp4_boxes import MovieBox, box, child, walk
from xharchive.demo.media.tracks import Track, video_entry

__all__ = ["hevc_track"]

_MAIN, _MAIN_STILL = 1, 3
_VPS, _SPS = 32, 33
# Bytes from a parameter set's NAL header to its profile_tier_level (ITU-T H.265, 7.3.2.1 and 7.3.2.2).
_PROFILE_AT = {_VPS: 6, _SPS: 3}
_ARRAYS_AT = 22


def hevc_track(frames: Sequence[Image.Image], frames_a_second: int, *, quality: int = 30) -> Track:
    """Encode RGB frames of the same even size as an all-intra track."""
    stills = [_heic(frame, quality) for frame in frames]
    metadata = child(stills[0], b"meta").payload[4:]
    properties = child(child(metadata, b"iprp").payload, b"ipco").payload
    configuration = _as_movie_profile(child(properties, b"hvcC").payload)
    size = frames[0].size
    entry = video_entry(b"hvc1", size, box(b"hvcC", configuration))
    samples = tuple(_only_item(still) for still in stills)
    return Track(entry, samples, frames_a_second * 1000, 1000, *size)


def _heic(frame: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    pillow_heif.from_pillow(frame).save(out, quality=quality, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def _only_item(heic: bytes) -> bytes:
    """Return the bitstream of a HEIC with a single image: its media data."""
    found: list[MovieBox] = [part for part in walk(heic) if part.name == b"mdat"]
    return b"".join(part.payload for part in found)


def _as_movie_profile(configuration: bytes) -> bytes:
    """Replace profile "Main Still Picture", which allows only one picture, by "Main".

    Every Main Still Picture stream is a valid Main stream (H.265 A.3.4), so only this label changes.
    """
    changed = bytearray(configuration)
    changed[1] = _as_main_profile(changed[1])
    at = _ARRAYS_AT + 1
    for _ in range(configuration[_ARRAYS_AT]):
        kind = configuration[at] & 0x3F
        (count,) = struct.unpack_from(">H", configuration, at + 1)
        at += 3
        for _ in range(count):
            (length,) = struct.unpack_from(">H", configuration, at)
            profile = at + 2 + _PROFILE_AT.get(kind, 0)
            if kind in _PROFILE_AT:
                changed[profile] = _as_main_profile(changed[profile])
            at += 2 + length
    return bytes(changed)


def _as_main_profile(profile_byte: int) -> int:
    return (profile_byte & 0xE0) | _MAIN if profile_byte & 0x1F == _MAIN_STILL else profile_byte
