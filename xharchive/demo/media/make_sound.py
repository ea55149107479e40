"""Makes note sounds, background music and subtitles."""

import math
import struct
from array import array
from collections.abc import Sequence
from itertools import chain, repeat

from xharchive.demo.media.aac import sea_track
from xharchive.demo.media.tracks import Brand, mux

__all__ = ["make_m4a", "make_subtitles", "make_wav"]

_RATE = 8000
_NOTE_SECONDS = 0.5
# A pentatonic scale in Hz: every order of its notes sounds like a melody.
_SCALE = (261.63, 293.66, 329.63, 392.0, 440.0, 523.25)
_PCM, _MONO, _BYTES, _BITS = 1, 1, 2, 16


def make_wav(seed: int, seconds: float) -> bytes:
    """Return a soft melody as 16-bit mono PCM (RIFF WAVE)."""
    count = round(seconds * _RATE)
    phrase = [_SCALE[(seed * 3 + step * (2 + seed % 3)) % len(_SCALE)] for step in range(8)]
    melody = list(chain.from_iterable(map(_note, phrase)))
    samples = array("h", chain.from_iterable(repeat(melody, count // len(melody) + 1)))[:count]
    pcm = struct.pack(f"<{count}h", *samples)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, _PCM, _MONO, _RATE, _RATE * _BYTES, _BYTES, _BITS)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(pcm)) + pcm
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def make_m4a(seed: int, seconds: float, *, created: int) -> bytes:
    """Return the sound of waves as AAC in an M4A file; `created` is in Unix seconds."""
    return mux([sea_track(seed, seconds)], Brand.M4A, created=created)


def make_subtitles(lines: Sequence[str], seconds_each: int = 2) -> bytes:
    """Return the lines as SubRip subtitles, one after the other."""
    cues = (
        f"{number}\n{_clock((number - 1) * seconds_each)} --> {_clock(number * seconds_each)}\n{line}\n"
        for number, line in enumerate(lines, start=1)
    )
    return "\n".join(cues).encode()


def _note(frequency: float) -> list[int]:
    count = round(_NOTE_SECONDS * _RATE)
    step = 2 * math.pi * frequency / _RATE
    return [round(7000 * math.exp(-4 * at / count) * math.sin(step * at)) for at in range(count)]


def _clock(seconds: int) -> str:
    return f"00:{seconds // 60:02}:{seconds % 60:02},000"
