"""A small picture to be looked at in a list: upright, in sRGB, without anything that tells of its making."""

import io
from functools import lru_cache
from typing import BinaryIO

from PIL import Image, ImageCms, ImageOps

from xharchive.images.safely import Refused, attempt

__all__ = ["shrink", "small_version"]

_QUALITY = 80
_METHOD = 2  # against 4, Pillow's choice: 5 % more bytes for a third of the time
_DRAFT = 2.0  # a JPEG is decoded at no less than so many times the size that is wanted
_REDUCING_GAP = 1.5  # whole steps first, down to no less than so many times: within 48 dB of the slow way


def shrink(file: BinaryIO, decoder: str, max_pixels: int, width: int, height: int) -> tuple[bytes, int, int]:
    """Return a picture file as WebP that fits into `width` x `height` pixels, and its size; never enlarged.

    Of an animation the first frame. A JPEG is decoded at a fraction of its size where that suffices.

    Raises:
        ValueError: more than `max_pixels`. Whatever the decoder raises.
    """
    with Image.open(file, formats=[decoder]) as image:
        if image.width * image.height > max_pixels:
            raise ValueError(f"more than {max_pixels} pixels")
        image.draft("RGB", _enough(image.size, width, height))
        upright = ImageOps.exif_transpose(_eight_bits(image))
        return small_version(upright, image.info.get("icc_profile"), width, height)


def small_version(
    image: Image.Image, profile: bytes | None, width: int, height: int
) -> tuple[bytes, int, int]:
    """As `shrink`, of pixels that are there: upright, L, RGB or RGBA; `image` itself is shrunk by it.

    Raises:
        Whatever the encoder raises.
    """
    image.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    shown = _in_srgb(image, profile)
    sink = io.BytesIO()
    shown.save(sink, "WEBP", quality=_QUALITY, method=_METHOD)
    return sink.getvalue(), shown.width, shown.height


def _enough(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Return the least size at which a picture is to be decoded, whichever way it is turned afterwards."""
    upright = max(size[0] / width, size[1] / height)
    turned = max(size[0] / height, size[1] / width)
    shrinks = max(min(upright, turned) / _DRAFT, 1.0)
    return max(int(size[0] / shrinks), 1), max(int(size[1] / shrinks), 1)


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
    made = ImageCms.applyTransform(image, _to_srgb(profile))
    if made is None:
        raise ValueError("the profile does not fit")
    return made


@lru_cache(maxsize=4)  # making one takes longer than using it, and a camera has one profile for all pictures
def _to_srgb(profile: bytes) -> ImageCms.ImageCmsTransform:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
