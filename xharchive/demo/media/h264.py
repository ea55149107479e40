"""A small H.264 baseline encoder (ITU-T H.264): PCM macroblocks for changed pixels, else skipped ones.

It needs no transform and no entropy tables. Every decoder accepts I_PCM and P_Skip, which are part of the
baseline profile. Each changed macroblock takes 384 bytes.
"""

import re
import struct
from collections.abc import Iterator, Sequence

from PIL import Image, ImageChops

from xharchive.demo.media.bits import BitWriter
from xharchive.demo.media.mp4_boxes import box
from xharchive.demo.media.tracks import Track, video_entry

__all__ = ["h264_track"]

_MACROBLOCK = 16
_BASELINE, _LEVEL = 66, 31
_CONSTRAINED = 0xC0
_IDR_SLICE, _SLICE, _SPS, _PPS = 0x65, 0x61, 0x67, 0x68
_FRAME_NUMBER_BITS = 8
_SLICE_TYPE_P, _SLICE_TYPE_I = 5, 7
_I_PCM_IN_I, _I_PCM_IN_P = 25, 30
_EMULATION = re.compile(rb"\x00\x00(?=[\x00-\x03])")
# ITU-R BT.601: black at 16, white at 235, colour between 16 and 240.
_LUMA_RANGE = [16 + value * 219 // 255 for value in range(256)]
_CHROMA_RANGE = [16 + value * 224 // 255 for value in range(256)]

_Planes = tuple[Image.Image, Image.Image, Image.Image]


def h264_track(frames: Sequence[Image.Image], frames_a_second: int) -> Track:
    """Encode RGB frames, all of the same size, as a track.

    Raises:
        ValueError: width or height is not a multiple of 16.
    """
    width, height = frames[0].size
    if width % _MACROBLOCK or height % _MACROBLOCK:
        raise ValueError(f"{width}x{height} is not a multiple of {_MACROBLOCK}")
    parameters = _sequence_parameters(width, height), _picture_parameters()
    entry = video_entry(b"avc1", (width, height), _configuration(*parameters))
    samples = tuple(_samples(frames))
    return Track(entry, samples, frames_a_second * 1000, 1000, width, height, sync=(1,))


def _samples(frames: Sequence[Image.Image]) -> Iterator[bytes]:
    previous: Image.Image | None = None
    for number, frame in enumerate(frames):
        changed = _changed(previous, frame) if previous else _every_macroblock(frame)
        nal = _slice(_planes(frame), changed, number)
        yield struct.pack(">I", len(nal)) + nal
        previous = frame


def _every_macroblock(frame: Image.Image) -> list[tuple[int, int]]:
    width, height = frame.size
    return [(x, y) for y in range(0, height, _MACROBLOCK) for x in range(0, width, _MACROBLOCK)]


def _changed(before: Image.Image, after: Image.Image) -> list[tuple[int, int]]:
    """Return the top left corners of the macroblocks that differ, in raster order."""
    difference = ImageChops.difference(before, after)
    bounds = difference.getbbox()
    if bounds is None:
        return []
    left, top = (bounds[0] // _MACROBLOCK) * _MACROBLOCK, (bounds[1] // _MACROBLOCK) * _MACROBLOCK
    return [
        (x, y)
        for y in range(top, bounds[3], _MACROBLOCK)
        for x in range(left, bounds[2], _MACROBLOCK)
        if difference.crop((x, y, x + _MACROBLOCK, y + _MACROBLOCK)).getbbox()
    ]


def _planes(frame: Image.Image) -> _Planes:
    luma, blue, red = frame.convert("YCbCr").split()
    return luma.point(_LUMA_RANGE), blue.reduce(2).point(_CHROMA_RANGE), red.reduce(2).point(_CHROMA_RANGE)


def _slice(planes: _Planes, changed: Sequence[tuple[int, int]], number: int) -> bytes:
    """Return the NAL unit of a frame: IDR for number 0, otherwise predicted."""
    is_idr = number == 0
    bits = BitWriter()
    _slice_header(bits, is_idr=is_idr, number=number)
    width, height = planes[0].size
    columns = width // _MACROBLOCK
    done = 0
    for x, y in changed:
        at = (y // _MACROBLOCK) * columns + x // _MACROBLOCK
        if not is_idr:
            bits.unsigned(at - done)
        bits.unsigned(_I_PCM_IN_I if is_idr else _I_PCM_IN_P)
        bits.raw(_pcm(planes, x, y))
        done = at + 1
    total = columns * (height // _MACROBLOCK)
    if done < total:
        bits.unsigned(total - done)
    return _nal(_IDR_SLICE if is_idr else _SLICE, bits)


def _slice_header(bits: BitWriter, *, is_idr: bool, number: int) -> None:
    bits.unsigned(0)  # first_mb_in_slice
    bits.unsigned(_SLICE_TYPE_I if is_idr else _SLICE_TYPE_P)
    bits.unsigned(0)  # pic_parameter_set_id
    bits.bits(number % (1 << _FRAME_NUMBER_BITS), _FRAME_NUMBER_BITS)
    if is_idr:
        bits.unsigned(0)  # idr_pic_id
        bits.bits(0, 2)  # no_output_of_prior_pics_flag, long_term_reference_flag
    else:
        bits.bits(0, 3)  # reference count override, list modification, adaptive marking: none
    bits.unsigned(0)  # slice_qp_delta
    bits.unsigned(1)  # disable_deblocking_filter_idc: PCM pixels must stay exact


def _pcm(planes: _Planes, x: int, y: int) -> bytes:
    luma, blue, red = planes
    half_x, half_y, half = x // 2, y // 2, _MACROBLOCK // 2
    colour = (half_x, half_y, half_x + half, half_y + half)
    return (
        luma.crop((x, y, x + _MACROBLOCK, y + _MACROBLOCK)).tobytes()
        + blue.crop(colour).tobytes()
        + red.crop(colour).tobytes()
    )


def _sequence_parameters(width: int, height: int) -> bytes:
    bits = BitWriter()
    for byte in (_BASELINE, _CONSTRAINED, _LEVEL):
        bits.bits(byte, 8)
    bits.unsigned(0)  # seq_parameter_set_id
    bits.unsigned(_FRAME_NUMBER_BITS - 4)
    bits.unsigned(2)  # pic_order_cnt_type: output order is decoding order
    bits.unsigned(1)  # max_num_ref_frames
    bits.bits(0, 1)  # gaps_in_frame_num_value_allowed_flag
    bits.unsigned(width // _MACROBLOCK - 1)
    bits.unsigned(height // _MACROBLOCK - 1)
    bits.bits(0b1100, 4)  # frames only, direct 8x8 inference, no cropping, no VUI
    return _nal(_SPS, bits)


def _picture_parameters() -> bytes:
    bits = BitWriter()
    bits.unsigned(0)  # pic_parameter_set_id
    bits.unsigned(0)  # seq_parameter_set_id
    bits.bits(0, 2)  # CAVLC, no field order
    for _ in range(3):
        bits.unsigned(0)  # one slice group, one reference in each list
    bits.bits(0, 3)  # no weighted prediction
    for _ in range(3):
        bits.unsigned(0)  # initial QP, QS and chroma offset
    bits.bits(0b100, 3)  # deblocking control present, free intra prediction, no redundant pictures
    return _nal(_PPS, bits)


def _nal(header: int, bits: BitWriter) -> bytes:
    bits.bits(1, 1)  # rbsp_stop_one_bit
    bits.align()
    return bytes([header]) + _EMULATION.sub(b"\x00\x00\x03", bytes(bits.data))


def _configuration(sequence: bytes, picture: bytes) -> bytes:
    """Return the `avcC` box of ISO/IEC 14496-15."""
    head = bytes([1, _BASELINE, _CONSTRAINED, _LEVEL, 0xFF, 0xE1])
    sets = struct.pack(">H", len(sequence)) + sequence + b"\x01" + struct.pack(">H", len(picture)) + picture
    return box(b"avcC", head, sets)
