"""Pictures for the tests: small, made here, with everything a phone puts into one."""

import io
import json
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import ExifTags, Image, ImageCms

pillow_heif.register_heif_opener()

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CHINESE = "豫园的氛围感"
XMP = (
    "<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
    "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:tiff='http://ns.adobe.com/tiff/1.0/' "
    "tiff:Orientation='6'><dc:title><rdf:Alt><rdf:li xml:lang='x-default'>" + CHINESE + "</rdf:li></rdf:Alt>"
    "</dc:title></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
).encode()


def exif(orientation: int = 1, *, maker_note: int = 0, comment: int = 0) -> bytes:
    """EXIF with a Chinese description; the two lengths add blocks of so many bytes."""
    tags = Image.Exif()
    tags[ExifTags.Base.ImageDescription] = CHINESE.encode()
    tags[ExifTags.Base.Orientation] = orientation
    details = tags.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2026:03:09 22:10:42"
    if maker_note:
        details[ExifTags.Base.MakerNote] = b"Apple iOS\x00" + bytes(maker_note)
    if comment:
        details[ExifTags.Base.UserComment] = b"ASCII\x00\x00\x00" + b"c" * comment
    return tags.tobytes()


def drawing(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A gradient whose stored top left quarter is red (or dark)."""
    made = Image.linear_gradient("L").resize(size).convert("RGB")
    made.paste((255, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    if mode == "RGBA":
        made.putalpha(0)
    return made.convert(mode)


def heic(mode: str = "RGB", size: tuple[int, int] = (64, 48), **settings: Any) -> bytes:
    """A HEIC file of the drawing; settings are pillow-heif's."""
    sink = io.BytesIO()
    drawing(mode, size).save(sink, "HEIF", **{"quality": 90, **settings})
    return sink.getvalue()


def deep_heic(mode: str = "RGB;16") -> bytes:
    """A ten-bit HEIC file, all of one colour."""
    channels = 3 if mode.startswith("RGB") else 1
    pixels = (40_000).to_bytes(2, "little") * (64 * 48 * channels)
    sink = io.BytesIO()
    pillow_heif.from_bytes(mode=mode, size=(64, 48), data=pixels).save(sink, quality=90)
    return sink.getvalue()


def phone_heic(orientation: int = 6) -> bytes:
    """A rotated picture with EXIF, XMP and a colour profile."""
    return heic(exif=exif(orientation), xmp=XMP, icc_profile=SRGB)


def huge_heic() -> bytes:
    """A small HEIC file whose boxes claim 10,000 x 10,000 pixels."""
    data = heic(size=(64, 64))
    at = data.index(b"ispe") + 8
    return data[:at] + (10_000).to_bytes(4, "big") * 2 + data[at + 8 :]


def huge_png() -> bytes:
    """A PNG file whose header claims 20,000 x 20,000 pixels."""
    sink = io.BytesIO()
    Image.new("L", (1, 1)).save(sink, "PNG")
    data = sink.getvalue()
    header = b"IHDR" + (20_000).to_bytes(4, "big") * 2 + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]


def encoded(kind: str, mode: str = "RGB", **settings: Any) -> bytes:
    """The drawing in a format of Pillow's."""
    sink = io.BytesIO()
    drawing(mode).save(sink, kind, **settings)
    return sink.getvalue()


@dataclass(frozen=True, slots=True)
class Reading:
    """What Pillow reads back from a derivative."""

    image: Image.Image
    exif: bytes
    xmp: bytes
    icc: bytes


def reading(data: bytes) -> Reading:
    """Read a derivative back."""
    image = Image.open(io.BytesIO(data))
    image.load()
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp", "")
    return Reading(
        image=image,
        exif=image.info.get("exif", b""),
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        icc=image.info.get("icc_profile", b""),
    )


def exiftool(path: Path) -> dict[str, Any]:
    """What exiftool, another reader altogether, says about a file."""
    told = subprocess.run(["exiftool", "-j", "-n", path], check=True, capture_output=True)
    values: list[dict[str, Any]] = json.loads(told.stdout)
    return values[0]
