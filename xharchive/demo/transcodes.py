"""Makes the CDN's smaller versions of uploaded images (docs/api.md#transforms)."""

import re
from collections.abc import Callable
from io import BytesIO

import pillow_heif
from PIL import Image, ImageOps

_NUMBER = re.compile(r"/([whq])/(\d+)")
_FORMAT = re.compile(r"/format/(\w+)")
_HEIC_SPEED = {"preset": "ultrafast"}
# Width and height of the demo's uploads are about a sixth of real ones, so requested sizes are divided too.
_SCALE = 6


def transcode_by_rule(upload: bytes, rule: str) -> tuple[bytes, str] | None:
    """Return what a rule such as `/w/1440/format/webp/q/75` makes of an upload, and its media type.

    Returns:
        None for a format that the CDN does not make.
    """
    found = _FORMAT.search(rule)
    target = found[1] if found else "jpg"
    if target not in _TARGETS:
        return None
    numbers = {name: int(number) for name, number in _NUMBER.findall(rule)}
    fit = numbers.get("w", 0) // _SCALE, numbers.get("h", 0) // _SCALE
    return transcode(upload, fit, target, numbers.get("q", 80))


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
    out = BytesIO()
    encode(turned, out, quality)
    return out.getvalue(), media_type


def _open(upload: bytes) -> Image.Image:
    if upload[4:8] == b"ftyp":
        return pillow_heif.open_heif(BytesIO(upload)).to_pillow()
    return Image.open(BytesIO(upload))


def _heif(picture: Image.Image, out: BytesIO, quality: int) -> None:
    pillow_heif.from_pillow(picture).save(out, quality=quality, enc_params=_HEIC_SPEED)


def _webp(picture: Image.Image, out: BytesIO, quality: int) -> None:
    picture.save(out, "WEBP", quality=quality, method=2)


def _jpeg(picture: Image.Image, out: BytesIO, quality: int) -> None:
    picture.save(out, "JPEG", quality=quality)


_Encode = Callable[[Image.Image, BytesIO, int], None]
_TARGETS: dict[str, tuple[str, _Encode]] = {
    "heif": ("image/heif", _heif),
    "webp": ("image/webp", _webp),
    "jpg": ("image/jpeg", _jpeg),
}
