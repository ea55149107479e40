"""Makes melodies, as samples and as WAV files, and subtitles."""

import math
import wave
from array import array
from collections.abc import Sequence
from io import BytesIO
from itertools import chain, cycle, islice

__all__ = ["RATE", "make_subtitles", "make_wav", "melody"]

RATE = 8000
"""Samples of a melody per second."""

_WAV_RATE = 4000  # few bytes, and still several times the highest tone
_NOTE_SECONDS = 0.5
# A pentatonic scale in Hz: every order of its notes sounds like a melody.
_SCALE = (261.63, 293.66, 329.63, 392.0, 440.0, 523.25)


def melody(seed: int, seconds: float, rate: int = RATE) -> "array[int]":
    """Return a soft melody as 16-bit samples of one channel."""
    phrase = [_SCALE[(seed * 3 + step * (2 + seed % 3)) % len(_SCALE)] for step in range(8)]
    samples = chain.from_iterable(_note(frequency, rate) for frequency in cycle(phrase))
    return array("h", islice(samples, round(seconds * rate)))


def make_wav(seed: int, seconds: float) -> bytes:
    """Return a melody as 8-bit mono PCM (RIFF WAVE)."""
    out = BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(_WAV_RATE)
        sound.writeframes(bytes(128 + sample // 256 for sample in melody(seed, seconds, _WAV_RATE)))
    return out.getvalue()


def make_subtitles(lines: Sequence[str], seconds_each: int = 2) -> bytes:
    """Return the lines as SubRip subtitles, one after the other."""
    cues = (
        f"{number}\n{_clock((number - 1) * seconds_each)} --> {_clock(number * seconds_each)}\n{line}\n"
        for number, line in enumerate(lines, start=1)
    )
    return "\n".join(cues).encode()


def _note(frequency: float, rate: int) -> list[int]:
    count = round(_NOTE_SECONDS * rate)
    step = 2 * math.pi * frequency / rate
    return [round(7000 * math.exp(-4 * at / count) * math.sin(step * at)) for at in range(count)]


def _clock(seconds: int) -> str:
    return f"00:{seconds // 60:02}:{seconds % 60:02},000"
