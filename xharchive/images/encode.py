"""Encode a derivative (pixel mode, encoder settings, metadata, and what is lost) and a thumbnail."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import PIL
from PIL import Image, ImageOps, PngImagePlugin

from xharchive import media
from xharchive.images import Derivative
from xharchive.images.image_metadata import (
    EXIF_PREFIX,
    MetadataBlocks,
    collect_metadata,
    fit_into_jpeg,
    without_orientation,
)

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_PNG_LEVEL = 4
_WEBP_METHOD = 4
# AVIF at the default speed takes 10 s for 12 MP; 8 halves that (docs/performance.md#pictures).
_AVIF_SPEED = 8
_FORMATS = {known.name: known for known in (media.JPEG, media.PNG, media.WEBP, media.AVIF)}

# ITU-T H.273: sRGB's primaries (1), and unspecified ones (2), which stand for sRGB.
_STANDARD_PRIMARIES = (1, 2)
_HDR_TRANSFERS = (16, 18)

_THUMBNAIL_QUALITY = 80
_THUMBNAIL_METHOD = 2  # compared with Pillow's default 4: 5 % more bytes in a third of the time
_DRAFT_FACTOR = 2.0  # decode a JPEG at no less than this multiple of the thumbnail's size
_REDUCING_GAP = 1.5  # shrink in integer steps down to this multiple first; PSNR to the slow way is 48 dB


@dataclass(frozen=True, slots=True)
class Recipe:
    """The derivative to make.

    Attributes:
        target: name of its format, as in `media`.
        quality: on the scale of its encoder.
        thumbnail: largest width and height of a thumbnail in pixels, or None for no thumbnail.
    """

    target: str
    quality: int
    thumbnail: tuple[int, int] | None = None


class EncodedFiles(NamedTuple):
    """The encoded derivative and thumbnail, each b"" if there is none."""

    derivative: bytes = b""
    thumbnail: bytes = b""


def encode(
    image: Image.Image, recipe: Recipe, lost_before: Iterable[str] = ()
) -> tuple[Derivative, EncodedFiles]:
    """Encode a decoded, upright image in the recipe's format, with its EXIF, XMP and ICC profile.

    The thumbnail comes last and may change `image`: a copy would take as long as the thumbnail.

    Args:
        image: the image.
        recipe: the derivative to make.
        lost_before: features of the original that the decoded image lacks.

    Raises:
        Exception: any error of the encoder, for example for a WebP of more than 16,383 pixels a side.
    """
    lost = [*lost_before, *_lost_colour_info(image.info)]
    is_jpeg = recipe.target == "jpeg"
    if is_jpeg and image.has_transparency_data:
        lost.append("alpha")
    plain = _to_eight_bits(image, keeps_alpha=not is_jpeg)
    blocks = collect_metadata(image.info, plain.mode)
    if is_jpeg:
        blocks = fit_into_jpeg(blocks)
    chroma = {420: "4:2:0", 422: "4:2:2"}.get(image.info.get("chroma", 444), "4:4:4")
    options, settings = _encoder_options(recipe, "4:0:0" if plain.mode == "L" else chroma, blocks)
    sink = io.BytesIO()
    plain.save(sink, recipe.target.upper(), icc_profile=blocks.icc, **options)
    data = sink.getvalue()
    # Check only the header: a complete decode would take a tenth of the time of the conversion.
    with Image.open(io.BytesIO(data), formats=[recipe.target.upper()]) as reopened:
        if reopened.size != plain.size:
            raise ValueError("the encoder wrote another size")
    derivative = Derivative(
        format=_FORMATS[recipe.target],
        width=plain.width,
        height=plain.height,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        tool=_tool_versions(),
        settings=settings,
        lost=(*lost, *blocks.lost),
    )
    thumbnail = b""
    if recipe.thumbnail is not None:
        with suppress(Exception):  # a failure must not cost the derivative
            thumbnail, *_ = encode_thumbnail(plain, blocks.icc, *recipe.thumbnail)
    return derivative, EncodedFiles(data, thumbnail)


def make_thumbnail(
    file: BinaryIO, name: str, max_pixels: int, width: int, height: int
) -> tuple[bytes, int, int]:
    """Make a thumbnail (upright, in sRGB, without metadata) of an image, or of an animation's first frame.

    Args:
        file: the image file.
        name: name of its format.
        max_pixels: limit of the image's width times height.
        width: largest width of the thumbnail in pixels. A smaller image keeps its size.
        height: largest height of the thumbnail in pixels.

    Returns:
        The thumbnail as WebP, its width and its height.

    Raises:
        ValueError: the image has more than `max_pixels`.
        Exception: any error of the decoder or encoder.
    """
    with Image.open(file, formats=[name.upper()]) as image:
        if image.width * image.height > max_pixels:
            raise ValueError(f"more than {max_pixels} pixels")
        # The smallest size at which to decode, for either orientation.
        upright = max(image.width / width, image.height / height)
        turned = max(image.width / height, image.height / width)
        factor = max(min(upright, turned) / _DRAFT_FACTOR, 1.0)
        image.draft("RGB", (max(int(image.width / factor), 1), max(int(image.height / factor), 1)))
        shown = _to_eight_bits(ImageOps.exif_transpose(image), keeps_alpha=True)
        return encode_thumbnail(shown, image.info.get("icc_profile"), width, height)


def encode_thumbnail(
    image: Image.Image, profile: bytes | None, width: int, height: int
) -> tuple[bytes, int, int]:
    """Make a thumbnail, as `make_thumbnail` does, of upright L, RGB or RGBA pixels; shrink `image`."""
    image.thumbnail((width, height), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    srgb = _to_srgb(image, profile)
    sink = io.BytesIO()
    srgb.save(sink, "WEBP", quality=_THUMBNAIL_QUALITY, method=_THUMBNAIL_METHOD)
    return sink.getvalue(), srgb.width, srgb.height


def _to_eight_bits(image: Image.Image, *, keeps_alpha: bool) -> Image.Image:
    """Return the image as L, RGB or (if the target supports alpha) RGBA, with eight bits per channel."""
    if image.mode.startswith("I;16"):
        # Pillow clips 16-bit grey. The high byte is the eight-bit value.
        high = 0 if image.mode.endswith("B") else 1
        return Image.frombytes("L", image.size, image.tobytes()[high::2])
    if not image.has_transparency_data:
        return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    if keeps_alpha:
        return rgba
    background = Image.new("RGB", rgba.size, "white")
    background.paste(rgba, mask=rgba.getchannel("A"))
    return background


def _lost_colour_info(info: Mapping[Any, Any]) -> list[str]:
    """Return the words for colour facts of an nclx box (H.273) that no target's encoder can write."""
    nclx = info.get("nclx_profile") or {}
    lost = []
    if nclx.get("transfer_characteristics") in _HDR_TRANSFERS:
        lost.append("hdr-transfer")
    if nclx.get("color_primaries", 2) not in _STANDARD_PRIMARIES and not info.get("icc_profile"):
        lost.append("colour-primaries")
    return lost


def _encoder_options(recipe: Recipe, chroma: str, blocks: MetadataBlocks) -> tuple[dict[str, Any], str]:
    """Return the options of Pillow's encoder, and a short description of them."""
    quality = recipe.quality
    options: dict[str, Any]
    match recipe.target:
        case "jpeg":
            options = {
                "quality": quality,
                "exif": blocks.exif and EXIF_PREFIX + blocks.exif,
                "xmp": blocks.xmp,
            }
            if chroma != "4:0:0":
                options["subsampling"] = chroma
            return options, f"jpeg q{quality} {chroma}"
        case "png":
            chunks = PngImagePlugin.PngInfo()
            if blocks.xmp:
                # XMP specification part 3: in PNG, an iTXt chunk with this keyword, uncompressed UTF-8.
                chunks.add_itxt("XML:com.adobe.xmp", blocks.xmp.decode("utf-8", "replace"))
            options = {"compress_level": _PNG_LEVEL, "exif": blocks.exif, "pnginfo": chunks}
            return options, f"png level {_PNG_LEVEL}"
        case "webp":
            options = {"quality": quality, "method": _WEBP_METHOD, "exif": blocks.exif, "xmp": blocks.xmp}
            return options, f"webp q{quality} 4:2:0 method {_WEBP_METHOD}"
        case _:
            options = {
                "quality": quality,
                "speed": _AVIF_SPEED,
                "subsampling": chroma,
                "max_threads": 1,
                # Pillow rewrites EXIF with an orientation, and damages it (`image_metadata`).
                "exif": without_orientation(blocks.exif),
                "xmp": blocks.xmp,
            }
            return options, f"avif q{quality} {chroma} speed {_AVIF_SPEED}"


def _tool_versions() -> str:
    import pillow_heif

    heif = f"pillow-heif {pillow_heif.__version__} (libheif {pillow_heif.libheif_version()})"
    return f"pillow {PIL.__version__}, {heif}"


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert the image to sRGB. An image with an unusable profile stays unchanged."""
    if not profile or image.mode == "L":
        return image
    from PIL import ImageCms

    try:
        converted = ImageCms.applyTransform(image.convert("RGB"), _srgb_transform(profile))
    except Exception:
        converted = None
    if converted is None:
        return image
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted


@lru_cache(maxsize=4)  # costlier to make than to use, and a camera has one profile for all images
def _srgb_transform(profile: bytes) -> "ImageCmsTransform":
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "RGB", "RGB")
