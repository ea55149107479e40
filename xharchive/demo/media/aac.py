"""A small AAC-LC encoder (ISO/IEC 14496-3) for noise only: the sound of the sea.

It uses only perceptual noise substitution: a frame declares the energy of each band, and the decoder makes
the noise. So it needs no transform and no spectral code books.
"""

import math
import struct

from xharchive.demo.media.bits import BitWriter
from xharchive.demo.media.mp4_boxes import full_box
from xharchive.demo.media.tracks import Track, audio_entry

__all__ = ["sea_track"]

_RATE, _RATE_INDEX = 22_050, 7
_SAMPLES_A_FRAME = 1024
_LOW_COMPLEXITY, _MONO = 2, 1
_SINGLE_CHANNEL, _END_ELEMENT = 0, 7
_NOISE_BOOK = 13
_BANDS = 40
_SECTION_ESCAPE = 31
_GAIN = 100
# From the scale factor code book (ISO/IEC 14496-3, table 4.A.1): code and width for a step of -1 and 0.
_QUIETER, _SAME = (0b100, 3), (0b0, 1)


def sea_track(seed: int, seconds: float) -> Track:
    """Return a mono track of sea waves; the seed sets their period."""
    count = max(1, round(seconds * _RATE / _SAMPLES_A_FRAME))
    period = 90 + seed * 7 % 50
    frames = tuple(_frame(_loudness(index, period)) for index in range(count))
    configuration = _elementary_stream(sum(map(len, frames)) * 8 * _RATE // (count * _SAMPLES_A_FRAME))
    return Track(audio_entry(_RATE, configuration), frames, _RATE, _SAMPLES_A_FRAME)


def _loudness(index: int, period: int) -> int:
    """Return the energy of the lowest band in steps of 1.5 dB."""
    swell = 0.5 - 0.5 * math.cos(2 * math.pi * index / period)
    return round(70 + 12 * swell)


def _frame(loudness: int) -> bytes:
    bits = BitWriter()
    bits.bits(_SINGLE_CHANNEL, 3)
    bits.bits(0, 4)  # element_instance_tag
    bits.bits(_GAIN, 8)
    bits.bits(0, 4)  # reserved, one long window, sine shape
    bits.bits(_BANDS, 6)
    bits.bits(0, 1)  # no prediction
    bits.bits(_NOISE_BOOK, 4)
    bits.bits(_SECTION_ESCAPE, 5)
    bits.bits(_BANDS - _SECTION_ESCAPE, 5)
    bits.bits(loudness - _GAIN + 90 + 256, 9)  # the first noise energy: 4.6.13
    for band in range(1, _BANDS):
        bits.bits(*(_QUIETER if band % 2 else _SAME))
    bits.bits(0, 3)  # no pulses, no noise shaping, no gain control
    bits.bits(_END_ELEMENT, 3)
    bits.align()
    return bytes(bits.data)


def _elementary_stream(bits_a_second: int) -> bytes:
    """Return the `esds` box (ISO/IEC 14496-14) with the decoder's configuration."""
    specific = struct.pack(">H", _LOW_COMPLEXITY << 11 | _RATE_INDEX << 7 | _MONO << 3)
    decoder = struct.pack(">BB3x2I", 0x40, 0x15, bits_a_second, bits_a_second) + _descriptor(5, specific)
    stream = struct.pack(">HB", 1, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    return full_box(b"esds", 0, _descriptor(3, stream))


def _descriptor(tag: int, payload: bytes) -> bytes:
    return bytes([tag, len(payload)]) + payload
