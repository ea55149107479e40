"""What a full decode tells, called inside this process."""

import io
import json
import os
from pathlib import Path
from queue import SimpleQueue

import pytest
from image_samples import deep_heic, drawing, encoded, heic, huge_heic, huge_png
from PIL import Image, WebPImagePlugin
from support.archive_paths import guarded

from xharchive.images import DecodedImage, DecodeStatus, worker
from xharchive.images.decode import decode_and_convert
from xharchive.images.encode import EncodedFiles
from xharchive.images.worker import handle_request

ENOUGH = 60_000_000


@pytest.fixture(autouse=True)
def _pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a worker sets for its whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def decoded(data: bytes, name: str, max_pixels: int = ENOUGH) -> DecodedImage:
    """Examine without a derivative."""
    picture, made = decode_and_convert(data, name, max_pixels, None)
    assert made == EncodedFiles()
    return picture


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (heic(), "heif"),
        (heic("RGBA"), "heif"),
        (heic("L"), "heif"),
        (deep_heic(), "heif"),
        (deep_heic("L;16"), "heif"),
        (encoded("JPEG"), "jpeg"),
        (encoded("JPEG", "CMYK"), "jpeg"),
        (encoded("PNG", "RGBA"), "png"),
        (encoded("PNG", "I;16"), "png"),
        (encoded("PNG", "P"), "png"),
        (encoded("PNG", "1"), "png"),
        (encoded("WEBP", "RGBA"), "webp"),
        (encoded("AVIF"), "avif"),
        (encoded("GIF"), "gif"),
    ],
)
def test_every_format_and_pixel_mode_decodes(data: bytes, name: str) -> None:
    """The answer has the size, and no detail."""
    assert decoded(data, name) == DecodedImage(DecodeStatus.DECODED, width=64, height=48)


def test_an_avif_without_its_configuration_is_unreadable() -> None:
    """Its decoder refuses it."""
    assert decoded(encoded("AVIF").replace(b"av1C", b"av1X"), "avif").verdict is DecodeStatus.UNREADABLE


def test_a_png_without_its_palette_is_unreadable() -> None:
    """Pillow decodes the indexes; browsers show nothing."""
    data = encoded("PNG", "P")
    start = data.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    seen = decoded(data[:start] + data[end:], "png")
    assert (seen.verdict, seen.detail) == (
        DecodeStatus.UNREADABLE,
        "the decoder refused it: the palette is missing",
    )


@pytest.mark.parametrize("name", ["gif", "webp", "avif", "png", "heif"])
def test_every_frame_is_decoded(name: str) -> None:
    """A moving picture is examined to its end, and a cut in a later frame is seen."""
    frames = [drawing().rotate(30 * turn) for turn in range(3)]
    sink = io.BytesIO()
    kind = "HEIF" if name == "heif" else name.upper()
    frames[0].save(sink, kind, save_all=True, append_images=frames[1:])
    assert decoded(sink.getvalue(), name).verdict is DecodeStatus.DECODED
    assert decoded(sink.getvalue()[:-40], name).verdict is DecodeStatus.UNREADABLE


def test_only_so_many_frames_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless animation costs no more than a few large pictures."""
    frames = [drawing().rotate(turn) for turn in range(6)]
    sink = io.BytesIO()
    frames[0].save(sink, "WEBP", save_all=True, append_images=frames[1:])
    seeks: list[int] = []
    seek = WebPImagePlugin.WebPImageFile.seek

    def counted(image: WebPImagePlugin.WebPImageFile, frame: int) -> None:
        seeks.append(frame)
        seek(image, frame)

    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "seek", counted)
    assert decoded(sink.getvalue(), "webp", max_pixels=64 * 48).verdict is DecodeStatus.DECODED
    assert seeks == [1, 2, 3, 4, 5]


def test_a_picture_behind_a_jpeg_is_no_frame() -> None:
    """Gain maps and previews (MPO) may be cut off by the CDN: the picture itself is whole."""
    sink = io.BytesIO()
    drawing().save(sink, "MPO", save_all=True, append_images=[drawing().resize((16, 12))])
    assert decoded(sink.getvalue(), "jpeg").verdict is DecodeStatus.DECODED
    assert (
        decoded(sink.getvalue()[: sink.getvalue().index(b"\xff\xd9") + 2], "jpeg").verdict
        is DecodeStatus.DECODED
    )


@pytest.mark.parametrize(("data", "name"), [(huge_heic(), "heif"), (huge_png(), "png")])
def test_a_bomb_is_refused_by_its_header(data: bytes, name: str) -> None:
    """Nothing is decoded of a picture over the limit."""
    seen = decoded(data, name)
    assert (seen.verdict, seen.detail) == (DecodeStatus.TOO_LARGE, "more than 60000000 pixels")


def test_a_picture_just_over_the_limit_is_refused_too() -> None:
    """Pillow only warns up to twice its limit; here a warning is a refusal."""
    seen = decoded(heic(), "heif", max_pixels=64 * 48 - 1)
    assert seen.verdict is DecodeStatus.TOO_LARGE


def test_without_pillows_limit_ours_still_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header's size is compared here as well."""
    monkeypatch.setattr(Image, "_decompression_bomb_check", lambda size: None)
    seen = decoded(heic(), "heif", max_pixels=64 * 48 - 1)
    assert (seen.verdict, seen.width, seen.height) == (DecodeStatus.TOO_LARGE, 64, 48)


def test_running_out_of_memory_is_no_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict says too large, not unreadable."""

    def starve(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("xharchive.images.decode._decode_frames", starve)
    seen = decoded(encoded("GIF"), "gif")
    assert (seen.verdict, seen.detail) == (DecodeStatus.TOO_LARGE, "needs more memory than a worker may use")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.8])
@pytest.mark.parametrize(
    ("data", "name"),
    [(heic(), "heif"), (encoded("JPEG"), "jpeg"), (encoded("PNG"), "png"), (encoded("WEBP"), "webp")],
    ids=["heif", "jpeg", "png", "webp"],
)
def test_a_cut_picture_is_unreadable(data: bytes, name: str, share: float) -> None:
    """A full decode notices that the end is missing (a PNG's very last bytes only `structure` misses)."""
    seen = decoded(data[: int(len(data) * share)], name)
    assert seen.verdict is DecodeStatus.UNREADABLE
    assert seen.detail
    assert "0x" not in seen.detail
    assert "/" not in seen.detail


def test_garbled_picture_data_are_unreadable() -> None:
    """A HEIC whose picture data are zeros is no picture."""
    data = heic()
    at = data.index(b"mdat") + 4
    assert decoded(data[:at] + bytes(len(data) - at), "heif").verdict is DecodeStatus.UNREADABLE


@pytest.mark.parametrize("name", ["mp4", "gif"])
def test_another_format_is_unreadable(name: str) -> None:
    """Only the decoder of the found format is tried."""
    assert decoded(encoded("JPEG"), name).verdict is DecodeStatus.UNREADABLE


def test_an_answer_without_a_derivative_is_plain_values(tmp_path: Path) -> None:
    """What crosses the process border comes back as it was."""
    original = tmp_path / "01.heic"
    original.write_bytes(heic())
    told = handle_request(
        {"original": guarded(original).as_json(), "format": "heif", "derivative": None, "target": None}
        | {"quality": 92, "max_pixels": ENOUGH}
    )
    assert DecodedImage.from_json(json.loads(json.dumps(told))) == decoded(heic(), "heif")


@pytest.mark.parametrize(
    "nonsense", [{}, {"derivative": None}, {"verdict": "died", "derivative": {"format": "exe"}}]
)
def test_an_answer_of_another_shape_is_refused(nonsense: dict[str, object]) -> None:
    """A worker that a picture took over may say anything."""
    with pytest.raises((KeyError, ValueError, TypeError)):
        DecodedImage.from_json(nonsense)


def test_the_listener_ends_the_process_when_nobody_asks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are passed on; the end of them is the end of the worker, in the middle of anything."""
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    requests: SimpleQueue[bytes] = SimpleQueue()
    worker._read_requests(io.BytesIO(b"one\ntwo\n"), requests)
    assert (requests.get(), requests.get(), requests.empty(), ended) == (b"one\n", b"two\n", True, [0])


def test_memory_is_limited_only_where_its_use_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc (macOS) nobody knows what the process has already."""
    asked: list[int] = []
    monkeypatch.setattr(worker, "limit_durably", lambda _what, amount: asked.append(amount))
    worker._limit_memory(1000)
    assert len(asked) == Path("/proc/self/statm").exists()

    def no_such_file(*_: object, **__: object) -> str:
        raise FileNotFoundError

    asked.clear()
    monkeypatch.setattr(Path, "read_text", no_such_file)
    worker._limit_memory(1000)
    assert asked == []


def test_a_missing_original_is_the_disks_trouble(tmp_path: Path) -> None:
    """It is told apart from a bad picture."""
    request = {
        "original": guarded(tmp_path / "none").as_json(),
        "format": "heif",
        "derivative": None,
        "target": None,
    }
    assert handle_request(request | {"quality": 92, "max_pixels": ENOUGH}) == {
        "disk": "No such file or directory"
    }
