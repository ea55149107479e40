"""SRT and WebVTT: text that can be decoded and is no web page; where it ends nothing says."""

from xharchive.integrity.reader import Broken, Source, Structure
from xharchive.media import encoding_of, looks_like_text

__all__ = ["decoded", "srt", "vtt"]

_LARGEST = 16 * 1024 * 1024
_UNPROVEN = Structure(whole=True, proves_length=False)
# GB 18030 is the national standard that Chinese subtitles outside UTF-8 are written in.
_ELSE = "gb18030"


def srt(source: Source) -> Structure:
    """Check that the text has at least one SubRip time line; a film without words has an empty text."""
    text = _text(source)
    if text.strip() and "-->" not in text:
        raise Broken("there is no time line")
    return _UNPROVEN


def vtt(source: Source) -> Structure:
    """Check that the text begins as WebVTT does."""
    if not _text(source).startswith("WEBVTT"):
        raise Broken("it does not begin with WEBVTT")
    return _UNPROVEN


def _text(source: Source) -> str:
    if source.size > _LARGEST:
        raise Broken("too large for a subtitle")
    data = source.span(0, source.size)
    if looks_like_text(data):
        raise Broken("it is a page, no subtitle")
    text = decoded(data)
    if text is None:
        raise Broken("it cannot be decoded as text")
    return text


def decoded(data: bytes) -> str | None:
    """Return the text of a subtitle file in UTF-8, UTF-16 or GB 18030; None if it is in none of them."""
    for encoding in (encoding_of(data), _ELSE):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text.removeprefix("\ufeff")
    return None
