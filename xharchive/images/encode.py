"""How a derivative is made for each target: the pixels' mode, settings, metadata, and what is lost."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image, PngImagePlugin

from xharchive.images.exif import without_orientation
from xharchive.images.image_metadata import EXIF_PREFIX, Carried, carried, fit_into_jpeg
from xharchive.images.safely import Refused, attempt

__all__ = ["Encoded", "Recipe", "encode"]

_PNG_LEVEL = 4
_WEBP_METHOD = 4
# AVIF at the default speed takes 10 s for 12 MP; 8 halves that (docs/performance.md#pictures).
_AVIF_SPEED = 8

# ITU-T H.273: what a picture means that names no colours (unspecified), and sRGB's own.
_PLAIN_PRIMARIES = (1, 2)
_HDR_TRANSFERS = (16, 18)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make: a target's name as in `media`, the quality on its encoder's scale.

    `small`: the box in pixels that a small version for lists has to fit into, None if none is wanted.
    """

    target: str
    quality: int
    small: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A derivative's bytes and its small version's, with what `picture.Derivative` says about it."""

    data: bytes
    width: int
    height: int
    settings: str
    lost: tuple[str, ...]
    small: bytes = b""


def encode(image: Image.Image, recipe: Recipe) -> Encoded:
    """Return the decoded, upright picture as a file of the recipe's target; carries EXIF, XMP and ICC.

    A small version is made of `image` itself, at the end: to copy it would take as long as to shrink it.

    Raises:
        Whatever the encoder raises, for example over a WebP side of more than 16,383 pixels.
    """
    lost = _colours_lost(image.info)
    if recipe.target == "jpeg" and image.has_transparency_data:
        lost.append("alpha")
    plain = _plain(image, keeps_alpha=recipe.target != "jpeg")
    blocks = carried(image.info, plain.mode)
    write = {"jpeg": _jpeg, "png": _png, "webp": _webp, "avif": _avif}[recipe.target]
    options, settings, blocks = write(recipe.quality, _chroma(image, plain), blocks)
    sink = io.BytesIO()
    plain.save(sink, recipe.target.upper(), **options)
    made = Encoded(sink.getvalue(), *plain.size, settings, (*lost, *blocks.lost))
    return made if recipe.small is None else replace(made, small=_small(plain, blocks.icc, recipe.small))


def _small(plain: Image.Image, profile: bytes, box: tuple[int, int]) -> bytes:
    """Return the small version, b"" if none can be made: it is no reason to be without the large one."""

    def shrunk() -> bytes:
        from xharchive.images.thumbnail import small_version

        return small_version(plain, profile, *box)[0]

    made = attempt(shrunk)
    return b"" if isinstance(made, Refused) else made


def _plain(image: Image.Image, *, keeps_alpha: bool) -> Image.Image:
    """Return the picture as L, RGB or (if the target keeps alpha) RGBA, eight bits a channel."""
    if image.mode.startswith("I;16"):
        # Pillow clips 16-bit grey; the high byte is the eight-bit value.
        high = 0 if image.mode.endswith("B") else 1
        return Image.frombytes("L", image.size, image.tobytes()[high::2])
    if not image.has_transparency_data:
        return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")
    clear = image if image.mode == "RGBA" else image.convert("RGBA")
    if keeps_alpha:
        return clear
    paper = Image.new("RGB", clear.size, "white")
    paper.paste(clear, mask=clear.getchannel("A"))
    return paper


def _chroma(image: Image.Image, plain: Image.Image) -> str:
    """Return the chroma subsampling of the source, so that none is lost and none is made up."""
    if plain.mode == "L":
        return "4:0:0"
    return {420: "4:2:0", 422: "4:2:2"}.get(image.info.get("chroma", 444), "4:4:4")


def _colours_lost(info: Mapping[Any, Any]) -> list[str]:
    """Name what an H.273 (nclx) box says about colours and no target's writer can repeat."""
    colours = info.get("nclx_profile") or {}
    lost = []
    if colours.get("transfer_characteristics") in _HDR_TRANSFERS:
        lost.append("hdr-transfer")
    if colours.get("color_primaries", 2) not in _PLAIN_PRIMARIES and not info.get("icc_profile"):
        lost.append("colour-primaries")
    return lost


def _jpeg(quality: int, chroma: str, blocks: Carried) -> tuple[dict[str, Any], str, Carried]:
    blocks = fit_into_jpeg(blocks)
    exif = EXIF_PREFIX + blocks.exif if blocks.exif else b""
    options: dict[str, Any] = {"quality": quality, "exif": exif, "xmp": blocks.xmp, "icc_profile": blocks.icc}
    if chroma != "4:0:0":
        options["subsampling"] = chroma
    return options, f"jpeg q{quality} {chroma}", blocks


def _png(_quality: int, _chroma: str, blocks: Carried) -> tuple[dict[str, Any], str, Carried]:
    chunks = PngImagePlugin.PngInfo()
    if blocks.xmp:
        # XMP specification part 3: PNG keeps XMP in an iTXt chunk of this keyword, uncompressed UTF-8.
        chunks.add_itxt("XML:com.adobe.xmp", blocks.xmp.decode("utf-8", "replace"))
    options = {
        "compress_level": _PNG_LEVEL,
        "exif": blocks.exif,
        "icc_profile": blocks.icc,
        "pnginfo": chunks,
    }
    return options, f"png level {_PNG_LEVEL}", blocks


def _webp(quality: int, _chroma: str, blocks: Carried) -> tuple[dict[str, Any], str, Carried]:
    options = {
        "quality": quality,
        "method": _WEBP_METHOD,
        "exif": blocks.exif,
        "xmp": blocks.xmp,
        "icc_profile": blocks.icc,
    }
    return options, f"webp q{quality} 4:2:0 method {_WEBP_METHOD}", blocks


def _avif(quality: int, chroma: str, blocks: Carried) -> tuple[dict[str, Any], str, Carried]:
    options = {
        "quality": quality,
        "speed": _AVIF_SPEED,
        "subsampling": chroma,
        "max_threads": 1,
        # Pillow's writer rewrites EXIF that has an orientation, at a price: see `exif`.
        "exif": without_orientation(blocks.exif),
        "xmp": blocks.xmp,
        "icc_profile": blocks.icc,
    }
    return options, f"avif q{quality} {chroma} speed {_AVIF_SPEED}", blocks
