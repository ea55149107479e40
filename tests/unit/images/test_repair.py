"""What Pillow refuses and browsers pass over: the picture decodes all the same, in full and in small."""

import io
import zlib
from pathlib import Path

import pytest
from image_samples import SRGB
from PIL import Image, PngImagePlugin
from support.archive_paths import guarded

from xharchive.images import DecodeStatus
from xharchive.images.decode import decode_and_convert, repaired_copy
from xharchive.images.encode import Recipe
from xharchive.images.worker import handle_request


@pytest.fixture(autouse=True)
def _pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a worker sets for its whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def scene() -> Image.Image:
    """A picture with detail everywhere, so that each stretch of a scan matters."""
    return Image.effect_mandelbrot((160, 120), (-2, -1.5, 1, 1.5), 60).convert("RGB")


def encoded(kind: str, **settings: object) -> bytes:
    sink = io.BytesIO()
    scene().save(sink, kind, **settings)
    return sink.getvalue()


def with_chunk(png: bytes, kind: bytes, payload: bytes, crc: int | None = None) -> bytes:
    """A PNG with one more chunk behind its header."""
    right = zlib.crc32(kind + payload)
    chunk = len(payload).to_bytes(4, "big") + kind + payload
    return png[:33] + chunk + (right if crc is None else crc).to_bytes(4, "big") + png[33:]


def long_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    return encoded("PNG", pnginfo=text)


PNG = encoded("PNG")
ODD_PNGS = {
    "2 MB of text": long_text(),
    "a profile of 1.5 MB": encoded("PNG", icc_profile=SRGB + bytes(1_500_000)),
    "a wrong CRC": with_chunk(PNG, b"pHYs", bytes(9), crc=1),
    "a profile that cannot be unpacked": with_chunk(PNG, b"iCCP", b"name\0\0no zlib"),
    "a profile in an unknown packing": with_chunk(PNG, b"iCCP", b"name\0\x09abc"),
    "a short pHYs": with_chunk(PNG, b"pHYs", b"\0"),
    "wrong transparency": with_chunk(PNG, b"tRNS", bytes(6), crc=1),
    "no IEND": PNG[:-12],
    "half an IEND": PNG[:-5],
}


@pytest.mark.parametrize("what", ODD_PNGS)
def test_a_png_with_odd_metadata_decodes(what: str, tmp_path: Path) -> None:
    """To the same pixels, in full and for a list."""
    data = ODD_PNGS[what]
    picture, _ = decode_and_convert(data, "png", 1_000_000, None)
    assert (picture.verdict, picture.width, picture.height) == (DecodeStatus.DECODED, 160, 120)
    assert small(tmp_path, data, "png") == (80, 60)


def small(folder: Path, data: bytes, name: str) -> tuple[int, int]:
    """Ask a worker for a small version, and return its size."""
    (folder / "picture").write_bytes(data)
    paths = {"original": guarded(folder / "picture"), "derivative": guarded(folder / "small")}
    request = {key: path.as_json() for key, path in paths.items()}
    told = handle_request({**request, "format": name, "max_pixels": 1_000_000, "width": 80, "height": 80})
    assert told["verdict"] == DecodeStatus.DECODED
    return told["width"], told["height"]


def test_a_png_whose_pixels_are_damaged_stays_unreadable() -> None:
    """A wrong CRC of the header, of pixels, or pixels that end too early are no metadata."""
    at = PNG.index(b"IDAT") + 4
    damaged = PNG[: at + 100] + b"\xff\xff\xff\xff" + PNG[at + 104 :]
    for data in (damaged, PNG[: len(PNG) // 2], PNG[:20] + b"\x07" + PNG[21:]):
        assert decode_and_convert(data, "png", 1_000_000, None)[0].verdict is DecodeStatus.UNREADABLE


def test_transparency_stays_where_it_is_right() -> None:
    """Chunks that change pixels are kept, for a browser shows them."""
    sink = io.BytesIO()
    scene().quantize(16).save(sink, "PNG", transparency=0)
    odd = with_chunk(sink.getvalue(), b"pHYs", bytes(9), crc=1)
    picture, _ = decode_and_convert(odd, "png", 1_000_000, Recipe("jpeg", 90))
    assert picture.derivative is not None
    assert picture.derivative.lost == ("alpha",)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_jpeg_without_its_end_mark_decodes(tmp_path: Path, cut: int, *, progressive: bool) -> None:
    """All of the mark is missing, or its second byte."""
    data = encoded("JPEG", quality=90, progressive=progressive)[:-cut]
    picture, _ = decode_and_convert(data, "jpeg", 1_000_000, None)
    assert (picture.verdict, picture.width, picture.height) == (DecodeStatus.DECODED, 160, 120)
    assert small(tmp_path, data, "jpeg") == (80, 60)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [6, 20, 0.1, 0.5])
def test_a_jpeg_whose_pixels_are_cut_stays_unreadable(cut: float, *, progressive: bool) -> None:
    """Decoders fill the rest with grey, and say that all is well."""
    data = encoded("JPEG", quality=90, progressive=progressive)
    length = len(data) - cut if cut > 1 else len(data) * (1 - cut)
    assert (
        decode_and_convert(data[: int(length)], "jpeg", 1_000_000, None)[0].verdict is DecodeStatus.UNREADABLE
    )


def test_there_is_nothing_to_repair_in_others() -> None:
    """A file that is as it should be, another format, no picture at all."""
    jpeg = encoded("JPEG")
    for data, name in ((jpeg, "jpeg"), (PNG, "png"), (encoded("WEBP"), "webp"), (b"", "jpeg"), (b"", "png")):
        made = repaired_copy(data, name)
        assert made is None or not data
