"""A small picture to be looked at in a list: upright, in sRGB, without anything that tells of its making."""

import io
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from xharchive.convert.attempt import Refused, attempt

__all__ = ["shrink"]

_QUALITY = 80
_METHOD = 4
_REDUCING_GAP = 2.0  # reduces by whole steps first: as good to the eye at this size, and several times faster


def shrink(path: Path, decoder: str, max_pixels: int, width: int, height: int) -> tuple[bytes, int, int]:
    """Return a picture file as WebP that fits into `width` x `height` pixels, and its size; never enlarged.

    Of an animation the first frame. A JPEG is decoded at a fraction of its size where that suffices.

    Raises:
        ValueError: more than `max_pixels`. Whatever the decoder raises.
    """
    with Image.open(path, formats=[decoder]) as image:
        if image.width * image.height > max_pixels:
            raise ValueError(f"more than {max_pixels} pixels")
        image.draft("RGB", (2 * max(width, height), 2 * max(width, height)))
        profile = image.info.get("icc_profile")
        small = ImageOps.exif_transpose(_eight_bits(image))
        small.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
        shown = _in_srgb(small, profile)
        sink = io.BytesIO()
        shown.save(sink, "WEBP", quality=_QUALITY, method=_METHOD)
        return sink.getvalue(), shown.width, shown.height


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    return image if image.mode in ("L", "RGB", "RGBA") else image.convert(_plain_mode(image))


def _plain_mode(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "RGB"


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in the colours of the web; one whose profile makes no sense stays as it is."""
    if not profile or image.mode == "L":
        return image
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    converted = attempt(lambda: _converted(image.convert("RGB"), profile))
    if isinstance(converted, Refused):
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if made is None:
        raise ValueError("the profile does not fit")
    return made
