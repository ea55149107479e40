"""Encodes scenes as uploads: HEIC, JPEG, WebP and PNG with metadata."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin

from tools.demo_media.scenes import draw_scene

__all__ = ["Camera", "PictureFormat", "make_picture"]

PictureFormat = Literal["heic", "heic10", "jpeg", "webp", "png"]

_HEIC_QUALITY = 50
_HEIC_SPEED = {"preset": "medium"}
_ORIENTATION, _MAKE, _MODEL, _SOFTWARE, _DATE_TIME = 0x0112, 0x010F, 0x0110, 0x0131, 0x0132
_EXIF_POINTER, _TAKEN, _MAKER_NOTE = 0x8769, 0x9003, 0x927C
_TURN_BACK: dict[int, Image.Transpose] = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}


@dataclass(frozen=True, slots=True)
class Camera:
    """The metadata of an upload.

    Attributes:
        orientation: EXIF orientation: 1, 3 or 6.
        taken: EXIF time "YYYY:MM:DD HH:MM:SS".
        maker_note: bytes of the EXIF maker note; more than 65,000 do not fit into a JPEG.
    """

    model: str = "Demo Phone 16"
    orientation: int = 1
    taken: str = "2026:02:14 19:30:00"
    maker_note: int = 0


def make_picture(
    kind: PictureFormat, seed: int, size: tuple[int, int], camera: Camera | None = None
) -> bytes:
    """Return an encoded scene.

    Args:
        size: width and height as displayed.
        camera: metadata; without it the file has neither EXIF nor XMP, as after an editor removed them.
    """
    seen = draw_scene(seed, size)
    stored = seen.transpose(_TURN_BACK[camera.orientation]) if camera and camera.orientation != 1 else seen
    exif, xmp = (_exif(camera), _xmp(seed)) if camera else (b"", b"")
    return _ENCODERS[kind](stored, exif, xmp)


def _exif(camera: Camera) -> bytes:
    exif = Image.Exif()
    exif[_ORIENTATION] = camera.orientation
    exif[_MAKE] = "xharchive demo"
    exif[_MODEL] = camera.model
    exif[_SOFTWARE] = "18.3"
    exif[_DATE_TIME] = camera.taken
    details = exif.get_ifd(_EXIF_POINTER)
    details[_TAKEN] = camera.taken
    if camera.maker_note:
        details[_MAKER_NOTE] = b"xharchive demo\0" + bytes(at % 251 for at in range(camera.maker_note - 15))
    return exif.tobytes()


def _xmp(seed: int) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmp:CreatorTool="xharchive demo" dc:identifier="scene-{seed}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _srgb() -> bytes:
    """Return an sRGB profile with fixed time and id, so that each run gives the same bytes (ICC.1, 7.2)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    profile[84:100] = bytes(16)
    return bytes(profile)


def _heic(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    return _save_heif(pillow_heif.from_pillow(picture), exif, xmp)


def _heic_deep(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    """Encode with ten bits per channel."""
    shallow = picture.tobytes()
    deep = bytearray(2 * len(shallow))
    deep[0::2] = deep[1::2] = shallow
    return _save_heif(pillow_heif.from_bytes("RGB;16", picture.size, bytes(deep)), exif, xmp)


def _save_heif(picture: pillow_heif.HeifFile, exif: bytes, xmp: bytes) -> bytes:
    out = BytesIO()
    picture.save(
        out,
        quality=_HEIC_QUALITY,
        enc_params=_HEIC_SPEED,
        exif=exif or None,
        xmp=xmp or None,
        icc_profile=_srgb(),
    )
    return out.getvalue()


def _jpeg(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=75, optimize=True, exif=exif, xmp=xmp, icc_profile=_srgb())
    return out.getvalue()


def _webp(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    out = BytesIO()
    picture.save(out, "WEBP", quality=78, method=4, exif=exif, xmp=xmp, icc_profile=_srgb())
    return out.getvalue()


def _png(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    notes = PngImagePlugin.PngInfo()
    if xmp:
        notes.add_itxt("XML:com.adobe.xmp", xmp.decode())
    out = BytesIO()
    picture.save(out, "PNG", exif=exif, pnginfo=notes, icc_profile=_srgb())
    return out.getvalue()


_ENCODERS: dict[PictureFormat, Callable[[Image.Image, bytes, bytes], bytes]] = {
    "heic": _heic,
    "heic10": _heic_deep,
    "jpeg": _jpeg,
    "webp": _webp,
    "png": _png,
}
