"""What a derivative keeps and loses, called inside this process."""

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from image_samples import (
    CHINESE,
    SRGB,
    XMP,
    deep_heic,
    drawing,
    encoded,
    exif,
    exiftool,
    heic,
    phone_heic,
    reading,
)
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin
from support.archive_paths import guarded

from xharchive.images import DecodeStatus, Derivative, encode
from xharchive.images.decode import decode_and_convert
from xharchive.images.encode import EncodedFiles, Recipe
from xharchive.images.worker import handle_request

TARGETS = ("jpeg", "png", "webp", "avif")


@pytest.fixture(autouse=True)
def _pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what a worker sets for its whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def derive(data: bytes, target: str = "jpeg", quality: int = 92) -> tuple[Derivative, bytes]:
    """Examine a HEIC with a derivative that must come out."""
    picture, made = decode_and_convert(data, "heif", 60_000_000, Recipe(target, quality))
    assert picture.verdict is DecodeStatus.DECODED
    assert picture.derivative, picture.detail
    assert made.thumbnail == b""
    return picture.derivative, made.derivative


def bright(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    """A pixel as RGB."""
    pixel = image.convert("RGB").getpixel(at)
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


@pytest.mark.parametrize("target", TARGETS)
def test_the_derivative_is_described(target: str) -> None:
    """Size, digest, tool and settings are those of the bytes."""
    derivative, made = derive(heic(), target)
    assert derivative.format.name == target
    assert (derivative.width, derivative.height) == reading(made).image.size == (64, 48)
    assert (derivative.size, derivative.sha256) == (len(made), hashlib.sha256(made).hexdigest())
    assert derivative.tool.startswith("pillow ")
    assert "libheif " in derivative.tool
    assert derivative.settings.startswith(target)
    assert derivative.lost == ()


@pytest.mark.parametrize("target", TARGETS)
def test_a_rotated_picture_stands_upright_once(target: str) -> None:
    """The pixels are turned, and no tag asks a viewer to turn them again."""
    derivative, made = derive(phone_heic(orientation=6), target)
    read = reading(made)
    assert (derivative.width, derivative.height) == read.image.size == (48, 64)
    assert bright(read.image, (42, 5))[0] > 200 > 100 > bright(read.image, (42, 5))[1]
    assert read.image.getexif().get(ExifTags.Base.Orientation, 1) == 1
    assert b"Orientation='1'" in read.xmp


@pytest.mark.parametrize("target", TARGETS)
def test_exif_xmp_and_profile_are_carried(target: str) -> None:
    """Chinese text arrives byte for byte, in EXIF and in XMP."""
    derivative, made = derive(phone_heic(), target)
    read = reading(made)
    assert CHINESE.encode() in read.exif
    assert (
        read.image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        == "2026:03:09 22:10:42"
    )
    assert read.xmp == XMP.replace(b"Orientation='6'", b"Orientation='1'")
    assert read.icc == SRGB
    assert derivative.lost == ()


@pytest.mark.needs("exiftool")
@pytest.mark.parametrize("target", TARGETS)
def test_another_reader_finds_the_same(target: str, tmp_path: Path) -> None:
    """exiftool agrees with Pillow, and warns of nothing."""
    made = tmp_path / f"derivative.{target}"
    made.write_bytes(derive(phone_heic(), target)[1])
    told = exiftool(made)
    assert (told["ImageDescription"], told["Title"]) == (CHINESE, CHINESE)
    assert (told["DateTimeOriginal"], told.get("Orientation", 1)) == ("2026:03:09 22:10:42", 1)
    assert "ProfileDescription" in told
    assert "Warning" not in told


@pytest.mark.parametrize(("chroma", "sampling"), [("444", 0), ("422", 1), ("420", 2)])
def test_a_jpeg_has_the_sources_chroma(chroma: str, sampling: int) -> None:
    """None is lost and none is made up."""
    derivative, made = derive(heic(chroma=chroma))
    assert JpegImagePlugin.get_sampling(Image.open(io.BytesIO(made))) == sampling
    assert derivative.settings == f"jpeg q92 {':'.join(chroma)}"


@pytest.mark.parametrize("target", ["jpeg", "png"])
def test_grey_stays_grey(target: str) -> None:
    """A monochrome picture has one channel, of its own values."""
    _, made = derive(heic("L"), target)
    read = reading(made).image
    assert read.mode == "L"
    assert abs(bright(read, (50, 40))[0] - bright(drawing("L"), (50, 40))[0]) < 8


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("mode", ["RGB;16", "L;16"])
def test_ten_bits_become_eight(mode: str, target: str) -> None:
    """The values are scaled, not clipped, and the loss is named."""
    derivative, made = derive(deep_heic(mode), target)
    assert derivative.lost == ("bit-depth-10",)
    assert abs(bright(reading(made).image, (10, 10))[0] - 40_000 // 256) < 6


def test_alpha_is_flattened_on_white_for_jpeg() -> None:
    """A clear pixel becomes white, and the loss is named."""
    derivative, made = derive(heic("RGBA"))
    assert derivative.lost == ("alpha",)
    assert min(bright(reading(made).image, (5, 5))) > 245


@pytest.mark.parametrize("target", ["png", "webp", "avif"])
def test_alpha_is_kept_where_it_can_be(target: str) -> None:
    """The others have an alpha channel."""
    derivative, made = derive(heic("RGBA"), target)
    assert derivative.lost == ()
    assert reading(made).image.mode == "RGBA"


def test_a_long_maker_note_is_dropped_from_a_jpeg_alone() -> None:
    """JPEG's EXIF ends at 64 KiB; the rest of it stays, Chinese included."""
    data = heic(exif=exif(maker_note=70_000))
    derivative, made = derive(data)
    details = reading(made).image.getexif().get_ifd(ExifTags.IFD.Exif)
    assert derivative.lost == ("exif-maker-note",)
    assert ExifTags.Base.MakerNote not in details
    assert details[ExifTags.Base.DateTimeOriginal] == "2026:03:09 22:10:42"
    assert CHINESE.encode() in reading(made).exif
    kept, png = derive(data, "png")
    assert kept.lost == ()
    assert len(reading(png).exif) > 70_000


def test_exif_too_long_for_any_jpeg_is_dropped() -> None:
    """When the maker note is not the reason, EXIF goes as a whole, and the loss is named."""
    derivative, made = derive(heic(exif=exif(comment=70_000)))
    assert (derivative.lost, reading(made).exif) == (("exif",), b"")


def test_xmp_too_long_for_a_jpeg_is_dropped() -> None:
    """So it is with XMP."""
    derivative, made = derive(heic(xmp=XMP + b" " * 66_000))
    assert (derivative.lost, reading(made).xmp) == (("xmp",), b"")


@pytest.mark.parametrize(
    "name", [b"urn:com:apple:photo:2020:aux:hdrgainmap", b"http://ns.adobe.com/hdr-gain-map/1.0/"]
)
def test_a_gain_map_is_found_by_its_name_and_listed_as_lost(name: bytes) -> None:
    """Apple's and Adobe's names stand in clear text."""
    derivative, _ = derive(heic(xmp=name))
    assert derivative.lost == ("hdr-gain-map",)


def test_a_gain_map_is_found_by_its_brand() -> None:
    """ISO 21496-1 in HEIF declares the brand `tmap`."""
    data = heic()
    derivative, _ = derive(data[:16] + b"tmap" + data[20:])
    assert derivative.lost == ("hdr-gain-map",)


def test_colours_without_a_profile_are_named() -> None:
    """Wide primaries and HDR transfers in an nclx box end with the HEIC."""
    nclx: dict[str, Any] = {
        "color_primaries": 9,
        "transfer_characteristics": 16,
        "matrix_coefficients": 9,
        "full_range_flag": 1,
    }
    derivative, _ = derive(heic(**nclx))
    assert derivative.lost == ("hdr-transfer", "colour-primaries")


def test_the_first_picture_of_several_is_taken() -> None:
    """The file's primary picture is the note's; the others are named as lost."""
    sink = io.BytesIO()
    drawing().save(sink, "HEIF", save_all=True, append_images=[drawing().resize((32, 32))], primary_index=1)
    derivative, _ = derive(sink.getvalue())
    assert (derivative.width, derivative.height) == (32, 32)
    assert derivative.lost == ("other-frames",)


@pytest.mark.parametrize("mode", ["CMYK", "P", "LA", "1", "PA", "RGBa", "I;16B"])
@pytest.mark.parametrize("target", TARGETS)
def test_any_mode_can_be_written(mode: str, target: str) -> None:
    """The encoders get grey, RGB or RGBA, whatever comes."""
    image = (
        Image.new(mode, (16, 16))
        if mode == "I;16B"
        else drawing("RGBA").convert("LA" if mode == "LA" else mode)
        if mode in ("RGBa", "LA", "PA")
        else drawing(mode)
    )
    _, files = encode.encode(image, Recipe(target, 80))
    assert reading(files.derivative).image.size == image.size


def test_a_profile_for_other_pixels_is_left_out() -> None:
    """A grey picture must not carry an RGB profile."""
    derivative, made = derive(heic("L", icc_profile=SRGB))
    assert (derivative.lost, reading(made).icc) == (("icc",), b"")
    assert ImageCms.getProfileName(io.BytesIO(SRGB))


def test_what_cannot_be_encoded_is_said() -> None:
    """The picture decodes; there is only no derivative, with the reason."""
    wide = heic(size=(16_500, 64))
    picture, made = decode_and_convert(wide, "heif", 60_000_000, Recipe("webp", 80))
    assert (picture.verdict, picture.derivative, made) == (DecodeStatus.DECODED, None, EncodedFiles())
    assert picture.detail.startswith("no webp could be made: ")


def test_an_encoder_that_writes_another_size_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The derivative is opened again before it counts."""
    original, other = heic(size=(32, 32)), encoded("JPEG")
    monkeypatch.setattr(Image.Image, "save", lambda _self, sink, *_, **__: sink.write(other))
    picture, _ = decode_and_convert(original, "heif", 60_000_000, Recipe("jpeg", 92))
    assert picture.detail == "no jpeg could be made: the encoder wrote another size"


def request(original: Path, derivative: Path) -> dict[str, Any]:
    """A request as the pool's clients make it."""
    return {
        "original": guarded(original).as_json(),
        "format": "heif",
        "derivative": guarded(derivative).as_json(),
        "target": "jpeg",
        "quality": 92,
        "max_pixels": 60_000_000,
        "thumbnail": None,
    }


def test_the_original_is_never_touched(tmp_path: Path) -> None:
    """Bytes and times stay as they are."""
    original = tmp_path / "01.heic"
    original.write_bytes(heic())
    original.chmod(0o400)
    before = original.stat()
    told = handle_request(request(original, tmp_path / "01.jpg"))
    after = original.stat()
    assert hashlib.sha256((tmp_path / "01.jpg").read_bytes()).hexdigest() == told["derivative"]["sha256"]
    assert original.read_bytes() == heic()
    assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (
        before.st_mtime_ns,
        before.st_mode,
        before.st_ino,
    )


def test_nothing_is_written_over_or_through_a_link(tmp_path: Path) -> None:
    """A file or link under the derivative's name is the disk's trouble, and stays as it is."""
    original, victim, link = tmp_path / "01.heic", tmp_path / "victim", tmp_path / "01.jpg"
    original.write_bytes(heic())
    link.symlink_to(victim)
    assert handle_request(request(original, link)) == {"disk": "File exists"}
    assert not victim.exists()
    assert link.is_symlink()


def test_half_a_derivative_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up leaves nothing behind."""
    original = tmp_path / "01.heic"
    original.write_bytes(heic())
    monkeypatch.setattr("xharchive.images.worker.memoryview", _FullDisk, raising=False)
    assert handle_request(request(original, tmp_path / "01.jpg")) == {"disk": "No space left on device"}
    assert not (tmp_path / "01.jpg").exists()


class _FullDisk(bytes):
    """Data that no disk has room for."""

    def __bool__(self) -> bool:
        raise OSError(28, "No space left on device")
