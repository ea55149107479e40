"""Encode a derivative: pixel mode, encoder settings and metadata for each target format, and what is lost."""

import io
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, PngImagePlugin

from xharchive.images.image_metadata import (
    EXIF_PREFIX,
    MetadataBlocks,
    collect_metadata,
    fit_into_jpeg,
    without_orientation,
)

_PNG_LEVEL = 4
_WEBP_METHOD = 4
# AVIF at the default speed takes 10 s for 12 MP; 8 halves that (docs/performance.md#pictures).
_AVIF_SPEED = 8

# ITU-T H.273: sRGB's primaries (1), and unspecified ones (2), which stand for sRGB.
_STANDARD_PRIMARIES = (1, 2)
_HDR_TRANSFERS = (16, 18)

_Options = tuple[dict[str, Any], str, MetadataBlocks]
"""An encoder's options, their short description, and the metadata that they write."""


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


@dataclass(frozen=True, slots=True)
class Encoded:
    """The bytes of a derivative and of its thumbnail (b"" if there is none), and facts for `Derivative`."""

    data: bytes
    width: int
    height: int
    settings: str
    lost: tuple[str, ...]
    thumbnail: bytes = b""


def encode(image: Image.Image, recipe: Recipe) -> Encoded:
    """Encode a decoded, upright image in the recipe's format, with its EXIF, XMP and ICC profile.

    The thumbnail comes last and may change `image`: a copy would take as long as the thumbnail.

    Raises:
        Exception: any error of the encoder, for example for a WebP of more than 16,383 pixels a side.
    """
    lost = _lost_colour_info(image.info)
    if recipe.target == "jpeg" and image.has_transparency_data:
        lost.append("alpha")
    plain = _to_eight_bits(image, keeps_alpha=recipe.target != "jpeg")
    blocks = collect_metadata(image.info, plain.mode)
    options_for = {"jpeg": _jpeg_options, "png": _png_options, "webp": _webp_options, "avif": _avif_options}
    chroma = _chroma_subsampling(image, plain)
    options, settings, blocks = options_for[recipe.target](recipe.quality, chroma, blocks)
    sink = io.BytesIO()
    plain.save(sink, recipe.target.upper(), **options)
    made = Encoded(sink.getvalue(), *plain.size, settings, (*lost, *blocks.lost))
    if recipe.thumbnail is None:
        return made
    return replace(made, thumbnail=_encode_thumbnail(plain, blocks.icc, recipe.thumbnail))


def _encode_thumbnail(plain: Image.Image, profile: bytes, box: tuple[int, int]) -> bytes:
    """Return the thumbnail as WebP; b"" on failure, which must not cost the derivative."""
    with suppress(Exception):
        from xharchive.images.thumbnail import encode_thumbnail

        return encode_thumbnail(plain, profile, *box)[0]
    return b""


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


def _chroma_subsampling(image: Image.Image, plain: Image.Image) -> str:
    """Return the chroma subsampling of the original, for the derivative to use the same."""
    if plain.mode == "L":
        return "4:0:0"
    return {420: "4:2:0", 422: "4:2:2"}.get(image.info.get("chroma", 444), "4:4:4")


def _lost_colour_info(info: Mapping[Any, Any]) -> list[str]:
    """Return the words for colour facts of an nclx box (H.273) that no target's encoder can write."""
    nclx = info.get("nclx_profile") or {}
    lost = []
    if nclx.get("transfer_characteristics") in _HDR_TRANSFERS:
        lost.append("hdr-transfer")
    if nclx.get("color_primaries", 2) not in _STANDARD_PRIMARIES and not info.get("icc_profile"):
        lost.append("colour-primaries")
    return lost


def _jpeg_options(quality: int, chroma: str, blocks: MetadataBlocks) -> _Options:
    blocks = fit_into_jpeg(blocks)
    exif = EXIF_PREFIX + blocks.exif if blocks.exif else b""
    options: dict[str, Any] = {"quality": quality, "exif": exif, "xmp": blocks.xmp, "icc_profile": blocks.icc}
    if chroma != "4:0:0":
        options["subsampling"] = chroma
    return options, f"jpeg q{quality} {chroma}", blocks


def _png_options(_quality: int, _chroma: str, blocks: MetadataBlocks) -> _Options:
    chunks = PngImagePlugin.PngInfo()
    if blocks.xmp:
        # XMP specification part 3: in PNG, XMP is an iTXt chunk with this keyword, uncompressed UTF-8.
        chunks.add_itxt("XML:com.adobe.xmp", blocks.xmp.decode("utf-8", "replace"))
    options = {
        "compress_level": _PNG_LEVEL,
        "exif": blocks.exif,
        "icc_profile": blocks.icc,
        "pnginfo": chunks,
    }
    return options, f"png level {_PNG_LEVEL}", blocks


def _webp_options(quality: int, _chroma: str, blocks: MetadataBlocks) -> _Options:
    options = {
        "quality": quality,
        "method": _WEBP_METHOD,
        "exif": blocks.exif,
        "xmp": blocks.xmp,
        "icc_profile": blocks.icc,
    }
    return options, f"webp q{quality} 4:2:0 method {_WEBP_METHOD}", blocks


def _avif_options(quality: int, chroma: str, blocks: MetadataBlocks) -> _Options:
    options = {
        "quality": quality,
        "speed": _AVIF_SPEED,
        "subsampling": chroma,
        "max_threads": 1,
        # Pillow rewrites EXIF with an orientation, and damages it (module `exif`).
        "exif": without_orientation(blocks.exif),
        "xmp": blocks.xmp,
        "icc_profile": blocks.icc,
    }
    return options, f"avif q{quality} {chroma} speed {_AVIF_SPEED}", blocks
