"""Kinds of assets, file formats, and the detection of a format by the first bytes of a file.

Only the bytes count: URLs, suffixes and Content-Type lie (docs/api.md#app-pictures). The detection is our own
because the libraries that we tried miss 10-bit HEIC, or call HEIC a video
(docs/reliability.md#pictures-films-and-names).
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

SNIFF_BYTES = 512
"""How many leading bytes of a file `sniff` and `looks_like_text` need."""


class AssetKind(StrEnum):
    """The kinds of assets that a note can declare."""

    IMAGE = "image"
    LIVE = "live"
    VIDEO = "video"
    COVER = "cover"
    SOUND = "sound"
    MUSIC = "music"
    SUBTITLE = "subtitle"


class Family(StrEnum):
    """The kind of content of a format."""

    PICTURE = "picture"
    MOVIE = "movie"
    AUDIO = "audio"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Format:
    """A file format. `suffix` is the suffix of our files, without a dot."""

    name: str
    suffix: str
    media_type: str
    family: Family


HEIC = Format("heif", "heic", "image/heic", Family.PICTURE)
AVIF = Format("avif", "avif", "image/avif", Family.PICTURE)
JPEG = Format("jpeg", "jpg", "image/jpeg", Family.PICTURE)
PNG = Format("png", "png", "image/png", Family.PICTURE)
WEBP = Format("webp", "webp", "image/webp", Family.PICTURE)
GIF = Format("gif", "gif", "image/gif", Family.PICTURE)
MP4 = Format("mp4", "mp4", "video/mp4", Family.MOVIE)
MOV = Format("mov", "mov", "video/quicktime", Family.MOVIE)
M4A = Format("m4a", "m4a", "audio/mp4", Family.AUDIO)
WAV = Format("wav", "wav", "audio/wav", Family.AUDIO)
MP3 = Format("mp3", "mp3", "audio/mpeg", Family.AUDIO)
AAC = Format("aac", "aac", "audio/aac", Family.AUDIO)
OGG = Format("ogg", "ogg", "audio/ogg", Family.AUDIO)
FLAC = Format("flac", "flac", "audio/flac", Family.AUDIO)
SRT = Format("srt", "srt", "application/x-subrip", Family.TEXT)
VTT = Format("vtt", "vtt", "text/vtt", Family.TEXT)

_BY_TYPE = {
    known.media_type: known
    for known in (HEIC, AVIF, JPEG, PNG, WEBP, GIF, MP4, MOV, M4A, WAV, MP3, AAC, OGG, FLAC, SRT, VTT)
}


SUFFIXES = frozenset(known.suffix for known in _BY_TYPE.values())
"""All suffixes of media files in an archive, without a dot."""


def of_type(media_type: str) -> Format | None:
    """Return the format of a media type from a manifest, or None."""
    return _BY_TYPE.get(media_type)


# ISO/IEC 23008-12 annex B (heic, heix, …), MIAF and the AV1 image format's brands.
_HEIF_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs heif mif1 mif2 msf1 miaf".split())
_AVIF_BRANDS = frozenset(b"avif avis".split())
# Major brands of movies. Such a file may list `mif1` for a poster frame, and is still a movie.
_MOVIE_BRAND = re.compile(
    rb"iso[0-9a-m]|mp4[12]|mp71|mmp4|avc[1-4]|hvc1|hev1|av01|dby1|dash|msdh|msix|cmf[2a-z]|piff"
    rb"|M4V |M4VH|M4VP|3g[a-z0-9]{2}|MSNV|XAVC|qt  |f4v |F4V "
)
_AUDIO_BRANDS = frozenset((b"M4A ", b"M4B ", b"M4P ", b"F4A "))
_BRAND_END = 12
_TIME_LINE = re.compile(r"(\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}\s*-->")
_QUICKTIME_ATOMS = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))
# In a text these may be words. As atoms they are small, so that their size begins with a zero byte.
_ENGLISH_ATOMS = frozenset((b"wide", b"free", b"skip"))


def sniff(head: bytes) -> Format | None:
    """Return the format of a file by its first `SNIFF_BYTES` bytes, or None."""
    if head[4:8] == b"ftyp":
        return _from_brands(head) if len(head) >= _BRAND_END else None
    if head[4:8] in _QUICKTIME_ATOMS and (head[0] == 0 or head[4:8] not in _ENGLISH_ATOMS):
        return MOV
    return _from_signature(head) or _from_text(head)


def _from_brands(head: bytes) -> Format:
    size = int.from_bytes(head[:4], "big")
    major = head[8:12]
    compatible = {head[at : at + 4] for at in range(16, min(size, len(head)), 4)}
    if major in _AUDIO_BRANDS:
        return M4A
    if not _MOVIE_BRAND.fullmatch(major):
        if (compatible | {major}) & _AVIF_BRANDS:
            return AVIF
        if (compatible | {major}) & _HEIF_BRANDS:
            return HEIC
    return MOV if major == b"qt  " else MP4


def _from_signature(head: bytes) -> Format | None:
    if head.startswith(b"RIFF"):
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])
    for signature, known in (
        (b"\xff\xd8\xff", JPEG),
        (b"\x89PNG\r\n\x1a\n", PNG),
        (b"GIF87a", GIF),
        (b"GIF89a", GIF),
        (b"OggS", OGG),
        (b"fLaC", FLAC),
        (b"ID3", MP3),
    ):
        if head.startswith(signature):
            return known
    return _from_mpeg_sync(head)


def _from_mpeg_sync(head: bytes) -> Format | None:
    """Detect ADTS AAC and MPEG audio by the eleven or twelve set bits at the start of a frame."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return AAC
    # Layer I does not count: it is not in use, and a UTF-16 byte order mark (FF FE) looks like it.
    layer, bitrate, rate = head[1] & 0x06, head[2] >> 4, (head[2] >> 2) & 3
    version_known = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08
    return MP3 if version_known and layer in (2, 4) and bitrate not in (0, 15) and rate != 3 else None


def _from_text(head: bytes) -> Format | None:
    text = _text_of(head).lstrip()
    if text.startswith("WEBVTT"):
        return VTT
    first, _, rest = text.partition("\n")
    second = rest.partition("\n")[0]
    if first.strip().isdigit():
        return SRT if "-->" in second else None
    return SRT if _TIME_LINE.match(first) else None  # some writers omit the numbers


def _text_of(head: bytes) -> str:
    """Decode the beginning of a text in UTF-8 or UTF-16. Other bytes become U+FFFD."""
    return head.decode(_encoding_of(head), errors="replace")


def _encoding_of(head: bytes) -> str:
    """Return the name of a text's Unicode encoding, by its byte order mark or its zero bytes."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(head) > 1 and 0 in head[:2] and head[0] != head[1]:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return "utf-8-sig"


def decode_text(data: bytes) -> str | None:
    """Decode a subtitle file in UTF-8, UTF-16 or GB 18030; return None if it is in none of them."""
    # GB 18030 is the Chinese national standard; Chinese subtitles that are not UTF-8 use it.
    for encoding in (_encoding_of(data), "gb18030"):
        with suppress(UnicodeDecodeError):
            text = data.decode(encoding)
            if "\x00" not in text:
                return text.removeprefix("\ufeff")
    return None


def is_blank(head: bytes) -> bool:
    """Whether a text begins with white space only, as the subtitles of a video without speech do."""
    return not _text_of(head).strip()


def looks_like_text(head: bytes) -> bool:
    """Whether the bytes begin like HTML, XML or JSON, as an error page does (docs/api.md#delivery)."""
    text = _text_of(head).lstrip()
    return text[:1] in ("<", "{", "[") or text[:5].lower() == "error"


_FAMILIES = {
    AssetKind.IMAGE: frozenset({Family.PICTURE}),
    AssetKind.COVER: frozenset({Family.PICTURE}),
    AssetKind.LIVE: frozenset({Family.MOVIE}),
    AssetKind.VIDEO: frozenset({Family.MOVIE}),
    # m4a files have any ISO brand, so an MP4 container may be a sound too.
    AssetKind.SOUND: frozenset({Family.AUDIO, Family.MOVIE}),
    AssetKind.MUSIC: frozenset({Family.AUDIO, Family.MOVIE}),
    AssetKind.SUBTITLE: frozenset({Family.TEXT}),
}


def can_be(found: Format, kind: AssetKind) -> bool:
    """Whether a file of this format can be an asset of this kind. A video is never an image."""
    return found.family in _FAMILIES[kind]
