"""Small good files of every format, made here byte by byte (or by Pillow), so that no tool is needed."""

import io
import struct
import wave
from dataclasses import dataclass, field

from PIL import Image

from xharchive import media
from xharchive.integrity import Structure, parse_structure
from xharchive.media import Format


def look(data: bytes, found: Format) -> Structure:
    """Examine bytes as if they were a file."""
    return parse_structure(io.BytesIO(data), found)


def box(kind: str, *parts: bytes) -> bytes:
    """One box of ISO/IEC 14496-12."""
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind.encode("latin-1") + body


def long_box(kind: str, *parts: bytes) -> bytes:
    """The same with its size in 64 bits."""
    body = b"".join(parts)
    return struct.pack(">I4sQ", 1, kind.encode(), 16 + len(body)) + body


def endless_box(kind: str, *parts: bytes) -> bytes:
    """The same with size 0: it reaches to the end of the file."""
    return bytes(4) + kind.encode() + b"".join(parts)


def numbers(*values: int) -> bytes:
    """32-bit big-endian numbers."""
    return struct.pack(f">{len(values)}I", *values)


FTYP = box("ftyp", b"isom", bytes(4), b"isom")


@dataclass(slots=True)
class Track:
    """A track to be; `None` leaves the box out."""

    handler: bytes | None = b"vide"
    version: int = 0
    chunks: list[int] | None = field(default_factory=list)
    wide: bool = False
    runs: bytes | None = None
    sizes: bytes | None = None
    entries: bytes | None = None

    def box(self) -> bytes:
        """The trak box."""
        version = bytes([self.version, 0, 0, 0])
        header = version + bytes(88 - 4 if self.version else 76 - 4) + numbers(64 << 16, 48 << 16)
        tables = [box("stsd", numbers(0, 1), self.entries or box("avc1", bytes(8)))]
        if self.entries == b"":
            tables = []
        if self.chunks is not None:
            layout = f">{len(self.chunks)}{'Q' if self.wide else 'I'}"
            table = numbers(0, len(self.chunks)) + struct.pack(layout, *self.chunks)
            tables.append(box("co64" if self.wide else "stco", table))
        if self.runs is not None:
            tables.append(box("stsc", self.runs))
        if self.sizes is not None:
            tables.append(box("stsz", self.sizes))
        handler = [box("hdlr", bytes(8), self.handler, bytes(12))] if self.handler else []
        media_box = box("mdia", *handler, box("minf", box("stbl", *tables)))
        return box("trak", box("tkhd", header), media_box)


def mvhd(duration: int = 400, scale: int = 1000, *, version: int = 0) -> bytes:
    """A movie header."""
    if version:
        return box("mvhd", bytes([1, 0, 0, 0]), bytes(16), struct.pack(">IQ", scale, duration))
    return box("mvhd", bytes(12), numbers(scale, duration))


def movie(track: Track, *, payload: bytes = b"0123456789" * 3, header: bytes | None = None) -> bytes:
    """A movie whose chunk offsets are given relative to the media data's first byte, which stand last."""
    relative = list(track.chunks or [])
    for _ in range(2):  # the second time with the length known
        moov = box("moov", mvhd() if header is None else header, track.box())
        start = len(FTYP) + len(moov) + 8
        if track.chunks is not None:
            track.chunks = [start + offset for offset in relative]
    return FTYP + box("moov", mvhd() if header is None else header, track.box()) + box("mdat", payload)


def good_track() -> Track:
    """Two chunks of two samples each, 30 bytes in all."""
    return Track(chunks=[0, 15], runs=numbers(0, 1, 1, 2, 1), sizes=numbers(0, 0, 4, 7, 8, 7, 8))


def item_places(version: int, items: list[tuple[int, list[tuple[int, int]]]], *, base: int = 0) -> bytes:
    """An iloc box: for each item its construction method and its extents."""
    id_bytes = 4 if version == 2 else 2
    rows = b""
    for place, (method, extents) in enumerate(items, 1):
        rows += place.to_bytes(id_bytes, "big")
        if version:
            rows += method.to_bytes(2, "big")
        rows += bytes(2) + base.to_bytes(4, "big") + len(extents).to_bytes(2, "big")
        for offset, length in extents:
            rows += numbers(offset, length)
    head = bytes([version, 0, 0, 0, 0x44, 0x40]) + len(items).to_bytes(id_bytes, "big")
    return box("iloc", head, rows)


def heif(places: bytes | None, payload: bytes = b"picture!" * 5) -> bytes:
    """A HEIF file; the items' bytes begin at the end of everything else."""
    meta = box("meta", bytes(4), places or b"")
    return box("ftyp", b"heic", bytes(4), b"mif1heic") + meta + box("mdat", payload)


def picture(kind: str, **settings: object) -> bytes:
    """A 64 x 48 picture by Pillow."""
    drawn = Image.effect_mandelbrot((64, 48), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    sink = io.BytesIO()
    drawn.save(sink, kind, **settings)
    return sink.getvalue()


def wav(samples: int = 800, *, riff_size: int | None = None, data_size: int | None = None) -> bytes:
    """100 ms of 8 kHz mono sound; sizes can be falsified."""
    sink = io.BytesIO()
    with wave.open(sink, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(range(200)) * (samples // 100))
    data = bytearray(sink.getvalue())
    if riff_size is not None:
        data[4:8] = riff_size.to_bytes(4, "little")
    if data_size is not None:
        data[40:44] = data_size.to_bytes(4, "little")
    return bytes(data)


def ogg_page(body: bytes, *, flags: int = 0) -> bytes:
    """One Ogg page without a checksum."""
    lacing = [255] * (len(body) // 255) + [len(body) % 255]
    return b"OggS\x00" + bytes([flags]) + bytes(20) + bytes([len(lacing)]) + bytes(lacing) + body


def flac(*, rate: int = 44_100, total: int = 44_100) -> bytes:
    """FLAC's two metadata blocks and the first bytes of a frame."""
    info = bytes(10) + ((rate << 44) | (total & 0xFFFFFFFFF)).to_bytes(8, "big") + bytes(16)
    return b"fLaC" + b"\x00\x00\x00\x22" + info + b"\x84\x00\x00\x04abcd" + b"\xff\xf8" + bytes(20)


def adts(length: int = 40) -> bytes:
    """One ADTS frame."""
    return b"\xff\xf1\x50" + (length << 5).to_bytes(3, "big") + bytes(length - 6)


PROVING: list[tuple[Format, bytes]] = [
    (media.MP4, movie(good_track())),
    (media.MOV, movie(good_track())),
    (media.M4A, movie(Track(handler=b"soun", chunks=[0], wide=True, version=1))),
    (media.HEIC, heif(item_places(1, [(0, [(100, 8)])]))),
    (media.HEIC, picture("AVIF")),
    (media.AVIF, picture("AVIF")),
    (media.JPEG, picture("JPEG")),
    (media.JPEG, picture("JPEG", progressive=True)),
    (media.PNG, picture("PNG")),
    (media.WEBP, picture("WEBP")),
    (media.WEBP, picture("WEBP", lossless=True)),
    (media.WEBP, picture("WEBP", xmp=b"<x/>")),
    (media.GIF, picture("GIF")),
    (media.WAV, wav()),
    (media.OGG, ogg_page(b"head") + ogg_page(b"sound" * 60, flags=4)),
]

UNPROVEN: list[tuple[Format, bytes]] = [
    (media.FLAC, flac()),
    (media.MP3, b"\xff\xfb\x90\x00" + bytes(200)),
    (media.AAC, adts()),
    (media.SRT, "1\n00:00:01,000 --> 00:00:02,000\n豫园\n".encode()),
    (media.VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\n豫园\n".encode()),
    (media.WAV, wav(riff_size=0)),
    (media.OGG, ogg_page(b"head")),
]
