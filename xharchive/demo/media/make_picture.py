"""Encodes images as uploads (HEIC, JPEG, WebP, PNG with metadata) and as transcodes of the CDN."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import pillow_heif
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from xharchive.demo.media.scenes import draw_scene

__all__ = ["Camera", "PictureFormat", "make_picture", "transcode"]

PictureFormat = Literal["heic", "heic10", "jpeg", "webp", "png"]

_HEIC_SPEED = {"preset": "ultrafast"}
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


def transcode(upload: bytes, fit: tuple[int, int], target: str, quality: int) -> tuple[bytes, str]:
    """Return a smaller version of an upload without metadata, and its media type.

    Args:
        fit: largest width and height in pixels; 0 for no limit.
        target: "heif", "webp" or "jpg".

    Raises:
        KeyError: an unknown target.
        OSError: the upload is no image.
    """
    media_type, encode = _TARGETS[target]
    turned = ImageOps.exif_transpose(_open(upload)).convert("RGB")
    turned.info.clear()
    width, height = turned.size
    turned.thumbnail((fit[0] or width, fit[1] or height))
    return encode(turned, quality), media_type


def _open(upload: bytes) -> Image.Image:
    if upload[4:8] == b"ftyp":
        return pillow_heif.open_heif(BytesIO(upload)).to_pillow()
    return Image.open(BytesIO(upload))


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
    out = BytesIO()
    heif = pillow_heif.from_pillow(picture)
    heif.save(
        out, quality=72, enc_params=_HEIC_SPEED, exif=exif or None, xmp=xmp or None, icc_profile=_srgb()
    )
    return out.getvalue()


def _heic_deep(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    """Encode with ten bits per channel."""
    shallow = picture.tobytes()
    deep = bytearray(2 * len(shallow))
    deep[0::2] = deep[1::2] = shallow
    out = BytesIO()
    heif = pillow_heif.from_bytes("RGB;16", picture.size, bytes(deep))
    heif.save(
        out, quality=72, enc_params=_HEIC_SPEED, exif=exif or None, xmp=xmp or None, icc_profile=_srgb()
    )
    return out.getvalue()


def _jpeg(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=92, exif=exif, xmp=xmp, icc_profile=_srgb(), subsampling="4:4:4")
    return out.getvalue()


def _webp(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    out = BytesIO()
    picture.save(out, "WEBP", quality=88, method=2, exif=exif, xmp=xmp, icc_profile=_srgb())
    return out.getvalue()


def _png(picture: Image.Image, exif: bytes, xmp: bytes) -> bytes:
    notes = PngImagePlugin.PngInfo()
    if xmp:
        notes.add_itxt("XML:com.adobe.xmp", xmp.decode())
    out = BytesIO()
    picture.save(out, "PNG", exif=exif, pnginfo=notes, icc_profile=_srgb())
    return out.getvalue()


def _transcode_heif(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    pillow_heif.from_pillow(picture).save(out, quality=quality, enc_params=_HEIC_SPEED)
    return out.getvalue()


def _transcode_webp(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()


def _transcode_jpeg(picture: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


_ENCODERS: dict[PictureFormat, Callable[[Image.Image, bytes, bytes], bytes]] = {
    "heic": _heic,
    "heic10": _heic_deep,
    "jpeg": _jpeg,
    "webp": _webp,
    "png": _png,
}
_TARGETS: dict[str, tuple[str, Callable[[Image.Image, int], bytes]]] = {
    "heif": ("image/heif", _transcode_heif),
    "webp": ("image/webp", _transcode_webp),
    "jpg": ("image/jpeg", _transcode_jpeg),
}
