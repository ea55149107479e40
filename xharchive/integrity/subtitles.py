"""Check SRT and WebVTT files: decodable text that is no web page. Neither format declares its length."""

from xharchive.integrity.reader import FileReader, Structure, StructureError
from xharchive.media import encoding_of, looks_like_text

_MAX_SUBTITLE_BYTES = 16 * 1024 * 1024
_COMPLETE_UNPROVEN = Structure(whole=True, proves_length=False)
# GB 18030 is the Chinese national standard; Chinese subtitles that are not UTF-8 use it.
_FALLBACK_ENCODING = "gb18030"


def check_srt(reader: FileReader) -> Structure:
    """Check that the text is empty, as for a video without speech, or has a SubRip time line."""
    text = _read_text(reader)
    if text.strip() and "-->" not in text:
        raise StructureError("there is no time line")
    return _COMPLETE_UNPROVEN


def check_vtt(reader: FileReader) -> Structure:
    """Check that the text begins with the WebVTT signature."""
    if not _read_text(reader).startswith("WEBVTT"):
        raise StructureError("it does not begin with WEBVTT")
    return _COMPLETE_UNPROVEN


def _read_text(reader: FileReader) -> str:
    if reader.size > _MAX_SUBTITLE_BYTES:
        raise StructureError("too large for a subtitle")
    data = reader.read_at(0, reader.size)
    if looks_like_text(data):
        raise StructureError("it is a page, no subtitle")
    text = decode_text(data)
    if text is None:
        raise StructureError("it cannot be decoded as text")
    return text


def decode_text(data: bytes) -> str | None:
    """Decode a subtitle file in UTF-8, UTF-16 or GB 18030; return None if it is in none of them."""
    for encoding in (encoding_of(data), _FALLBACK_ENCODING):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text.removeprefix("\ufeff")
    return None
