"""Parses the cues of an SRT or WebVTT file, because a page opened from the disk cannot load it."""

import re

from xharchive.gallery.page_model import Cue

__all__ = ["read_cues"]

_TIMES = re.compile(
    r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|\{\\[^{}]{0,80}\}")
_MOST_CUES = 20_000
_LONGEST_LINE = 2000


def read_cues(text: str) -> tuple[Cue, ...]:
    """Return the cues, with times in seconds; skip all other lines."""
    cues: list[Cue] = []
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        found = _TIMES.search(line)
        if found or not line.strip():
            if times and lines and times[1] > times[0] and len(cues) < _MOST_CUES:
                cues.append(Cue(*times, "\n".join(lines)))
            lines, times = [], _seconds(found) if found else None
        elif times:
            lines.append(_MARKUP.sub("", line.strip())[:_LONGEST_LINE])
    return tuple(cues)


def _seconds(found: re.Match[str]) -> tuple[float, float]:
    numbers = [part or "0" for part in found.groups()]
    return _moment(numbers[:4]), _moment(numbers[4:])


def _moment(parts: list[str]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
