"""JPEGs of every kind that Pillow can write, and what becomes of them on the way: cut, flipped, spliced."""

import io
import random
from collections.abc import Iterator
from typing import Any

from PIL import Image

__all__ = ["mutant", "of_every_kind"]

SIZES = ((64, 48), (33, 17), (97, 130), (7, 9), (16, 240))
WAYS: tuple[dict[str, Any], ...] = (
    {"quality": 75},
    {"quality": 95, "progressive": True},
    {"quality": 40, "restart_marker_blocks": 2},
    {"quality": 75, "restart_marker_rows": 1, "progressive": True},
)
# Sampling factors, frame kinds and other numbers that change what a decoder does.
TELLING = bytes.fromhex("00010203041112132122243132333f4144c0c1c2c4c9dadbddd0d9ff")
INSERTED = (b"\xff\xd9", b"\xff\xd0", b"\xff\xda", b"\xff", b"\xff\xdd\x00\x04\x00\x02", b"\x00")


def _noisy(size: tuple[int, int], mode: str) -> Image.Image:
    noise = random.Random(1).randbytes(size[0] * size[1])  # noqa: S311 - a picture, no secret
    grain = Image.frombytes("L", size, noise).point([100 + value // 6 for value in range(256)])
    return Image.merge("RGB", (grain, grain.rotate(180), Image.linear_gradient("L").resize(size))).convert(
        mode
    )


def _saved(picture: Image.Image, kind: str = "JPEG", **settings: Any) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **settings)
    return sink.getvalue()


def of_every_kind() -> Iterator[bytes]:
    """Yield small JPEGs: colour models, chroma samplings, scans, restart markers, several pictures in one."""
    for size in SIZES:
        for way in WAYS:
            for chroma in ("4:4:4", "4:2:2", "4:2:0"):
                yield _saved(_noisy(size, "RGB"), subsampling=chroma, **way)
            yield _saved(_noisy(size, "L"), **way)
            yield _saved(_noisy(size, "CMYK"), **way)
        yield _saved(_noisy(size, "RGB"), keep_rgb=True)
        yield _saved(_noisy(size, "RGB"), "MPO", save_all=True, append_images=[_noisy((16, 12), "RGB")])


def mutant(chance: random.Random, original: bytes, another: bytes) -> bytes:
    """Return the file after one or more accidents, about half of them in its header."""
    data = bytearray(original)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 12))):
        if len(data) < 8:
            break
        _hurt(chance, data, another)
    return bytes(data)


def _hurt(chance: random.Random, data: bytearray, another: bytes) -> None:
    scan = max(data.find(b"\xff\xda"), 4)
    first, last = (2, scan + 14) if chance.random() < 0.55 else (scan, len(data))
    at = chance.randrange(min(first, len(data) - 1), min(max(last, first + 1), len(data)))
    match chance.randrange(8):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1 | 2:
            data[at] = chance.choice(TELLING)
        case 3:
            del data[at:]
        case 4:
            del data[at : at + chance.choice((1, 2, 8, 50))]
        case 5:
            data[at:at] = chance.choice((*INSERTED, chance.randbytes(9)))
        case 6:
            data[at:] = another[chance.randrange(len(another)) :]
        case 7:
            frame = next((place for mark in (b"\xff\xc0", b"\xff\xc2") if (place := data.find(mark)) > 0), 0)
            place = frame + chance.choice((1, 5, 6, 7, 8, 9, 11, 14, 17))
            if place < len(data):
                data[place] = chance.choice(TELLING)
