"""Muxes encoded samples into MP4, M4A and QuickTime files (ISO/IEC 14496-12 and -14)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from xharchive.demo.media.mp4_boxes import box, full_box

__all__ = ["Brand", "Track", "audio_entry", "mux", "pad", "video_entry"]

_MOVIE_TIMESCALE = 1000
_UNITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SELF_CONTAINED = 1
_TRACK_ENABLED_IN_MOVIE = 3
_UNDETERMINED_LANGUAGE = 0x55C4
_EPOCH_1904 = 2_082_844_800
_FREE_BOX_MINIMUM = 8


class Brand(Enum):
    """The `ftyp` of a file: major brand and compatible brands."""

    MP4 = (b"isom", b"isomiso2mp41")
    MOV = (b"qt  ", b"qt  ")
    M4A = (b"M4A ", b"M4A mp42isom")


@dataclass(frozen=True, slots=True)
class Track:
    """A track: encoded samples and their properties.

    Attributes:
        entry: sample entry box.
        timescale: units per second.
        ticks: duration of one sample in units of the timescale.
        width, height: pixels; 0 for sound.
        sync: numbers (from 1) of the samples that decode alone; empty for all.
    """

    entry: bytes
    samples: Sequence[bytes]
    timescale: int
    ticks: int
    width: int = 0
    height: int = 0
    sync: tuple[int, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether the track is sound."""
        return self.width == 0

    @property
    def length(self) -> int:
        """The duration in units of 1/`timescale` second."""
        return len(self.samples) * self.ticks


def video_entry(name: bytes, size: tuple[int, int], configuration: bytes) -> bytes:
    """Return a visual sample entry around its codec configuration box (`avcC`, `hvcC`)."""
    head = struct.pack(">6xH16x2H2I4xH32xHh", 1, *size, 0x480000, 0x480000, 1, 24, -1)
    return box(name, head, configuration)


def audio_entry(rate: int, configuration: bytes) -> bytes:
    """Return a mono `mp4a` sample entry; `rate` is in samples per second."""
    return box(b"mp4a", struct.pack(">6xH8x2H4xI", 1, 1, 16, rate << 16), configuration)


def mux(tracks: Sequence[Track], brand: Brand, *, created: int, moov_first: bool = True) -> bytes:
    """Return a file with the tracks; `created` is in Unix seconds."""
    major, compatible = brand.value
    ftyp = box(b"ftyp", major, struct.pack(">I", 512), compatible)
    bodies = [b"".join(track.samples) for track in tracks]
    mdat = box(b"mdat", *bodies)
    first = len(ftyp) + 8
    if moov_first:
        first += len(_moov(tracks, [0] * len(tracks), created))
    offsets = [first + sum(map(len, bodies[:index])) for index in range(len(bodies))]
    moov = _moov(tracks, offsets, created)
    return ftyp + (moov + mdat if moov_first else mdat + moov)


def pad(movie: bytes, size: int) -> bytes:
    """Extend a movie to exactly `size` bytes by a trailing `free` box.

    Raises:
        ValueError: the movie is longer, or the difference is too small for a box.
    """
    missing = size - len(movie)
    if missing == 0:
        return movie
    if missing < _FREE_BOX_MINIMUM:
        raise ValueError(f"a movie of {len(movie)} bytes cannot be padded to {size}")
    return movie + box(b"free", bytes(missing - _FREE_BOX_MINIMUM))


def _moov(tracks: Sequence[Track], offsets: Sequence[int], created: int) -> bytes:
    stamp = created + _EPOCH_1904
    length = max(_in_movie_time(track) for track in tracks)
    mvhd = full_box(
        b"mvhd",
        0,
        struct.pack(">4I", stamp, stamp, _MOVIE_TIMESCALE, length),
        struct.pack(">IH10x", 0x10000, 0x100),
        _UNITY_MATRIX,
        struct.pack(">24xI", len(tracks) + 1),
    )
    numbered = enumerate(zip(tracks, offsets, strict=True), start=1)
    return box(b"moov", mvhd, *(_trak(track, number, at, stamp) for number, (track, at) in numbered))


def _in_movie_time(track: Track) -> int:
    return track.length * _MOVIE_TIMESCALE // track.timescale


def _trak(track: Track, number: int, offset: int, stamp: int) -> bytes:
    tkhd = full_box(
        b"tkhd",
        _TRACK_ENABLED_IN_MOVIE,
        struct.pack(">3I4xI8x", stamp, stamp, number, _in_movie_time(track)),
        struct.pack(">2HH2x", 0, 0, 0x100 if track.is_sound else 0),
        _UNITY_MATRIX,
        struct.pack(">2I", track.width << 16, track.height << 16),
    )
    mdhd = full_box(
        b"mdhd",
        0,
        struct.pack(">4I2H", stamp, stamp, track.timescale, track.length, _UNDETERMINED_LANGUAGE, 0),
    )
    handler, name, header = (
        (b"soun", b"Sound\0", full_box(b"smhd", 0, bytes(4)))
        if track.is_sound
        else (b"vide", b"Pictures\0", full_box(b"vmhd", 1, bytes(8)))
    )
    hdlr = full_box(b"hdlr", 0, bytes(4), handler, bytes(12), name)
    dref = full_box(b"dref", 0, struct.pack(">I", 1), full_box(b"url ", _SELF_CONTAINED))
    minf = box(b"minf", header, box(b"dinf", dref), _stbl(track, offset))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, minf))


def _stbl(track: Track, offset: int) -> bytes:
    count = len(track.samples)
    tables = [
        full_box(b"stsd", 0, struct.pack(">I", 1), track.entry),
        full_box(b"stts", 0, struct.pack(">3I", 1, count, track.ticks)),
        full_box(b"stsc", 0, struct.pack(">4I", 1, 1, count, 1)),
        full_box(b"stsz", 0, struct.pack(f">2I{count}I", 0, count, *map(len, track.samples))),
        full_box(b"stco", 0, struct.pack(">2I", 1, offset)),
    ]
    if track.sync:
        tables.append(
            full_box(b"stss", 0, struct.pack(f">I{len(track.sync)}I", len(track.sync), *track.sync))
        )
    return box(b"stbl", *tables)
