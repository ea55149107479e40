"""Decode an image completely, and encode its derivative and thumbnail. Only a worker process imports this.

An image that Pillow refuses and browsers show is decoded from a repaired copy. The file stays unchanged.
"""

import hashlib
import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import NamedTuple

import PIL
from PIL import Image, ImageChops, PngImagePlugin, UnidentifiedImageError

from xharchive import media
from xharchive.images.encode import Encoded, Recipe, encode
from xharchive.images.image_metadata import has_gain_map, orientation_of
from xharchive.images.results import DecodedImage, DecodeStatus, Derivative, short_reason
from xharchive.integrity import StructureError, parse_structure
from xharchive.integrity.image_formats import jpeg_header_frames

_MAX_FRAMES = 200
_MAX_ANIMATION_SIZE = 4  # times the limit of pixels of one image
_MAX_PNG_TEXT_BYTES = 256 * 1024 * 1024
"""Limit of the texts and profiles in a PNG, in bytes after decompression."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK_OVERHEAD = 12  # length, type, CRC
_ANCILLARY_BIT = 0x20  # ISO/IEC 15948 5.4: the case of the type's first letter
# Ancillary chunks that change pixels: transparency, and the frames of an animation (APNG).
_PIXEL_CHUNKS = frozenset((b"tRNS", b"acTL", b"fcTL", b"fdAT"))
_JPEG_END_MARKER = b"\xff\xd9"
_FILLER = b"\x55" * 64

_SCALABLE_FRAMES = ([0xC0], [0xC1], [0xC2])
_LAST_UPRIGHT_ORIENTATION = 4  # EXIF orientations 5 to 8 swap width and height

DECODERS = {
    "heif": "HEIF",
    "avif": "AVIF",
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
}
"""Pillow's name of each format that it decodes here."""
_TARGETS = {known.name: known for known in (media.JPEG, media.PNG, media.WEBP, media.AVIF)}

# For an unknown format, Pillow loads all its decoders. So a worker loads the one it needs.
_DECODER_MODULES = {"webp": "PIL.WebPImagePlugin", "avif": "PIL.AvifImagePlugin"}


class EncodedFiles(NamedTuple):
    """The encoded derivative and thumbnail, each b"" if there is none."""

    derivative: bytes = b""
    thumbnail: bytes = b""


def decode_and_convert(
    data: bytes, name: str, max_pixels: int, recipe: Recipe | None
) -> tuple[DecodedImage, EncodedFiles]:
    """Decode an image file completely, and encode its derivative and thumbnail.

    Args:
        data: the file.
        name: name of its format.
        max_pixels: limit of width times height.
        recipe: the derivative to make, or None.
    """
    load_decoder(name)
    if recipe is not None and recipe.thumbnail is not None:
        _load_thumbnail_modules()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            return _decode_and_derive(data, name, max_pixels, recipe)
        except Exception as error:
            refusal = error
        repaired = repaired_copy(data, name)
        if repaired is not None:
            with suppress(Exception):
                return _decode_and_derive(repaired, name, max_pixels, recipe)
    return _describe_refusal(refusal, max_pixels), EncodedFiles()


def _describe_refusal(error: Exception, max_pixels: int) -> DecodedImage:
    match error:
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return DecodedImage(DecodeStatus.TOO_LARGE, f"more than {max_pixels} pixels")
        case MemoryError():
            return DecodedImage(DecodeStatus.TOO_LARGE, "needs more memory than a worker may use")
        case UnidentifiedImageError():
            return DecodedImage(DecodeStatus.UNREADABLE, "the decoder does not know these bytes as a picture")
    return DecodedImage(DecodeStatus.UNREADABLE, f"the decoder refused it: {short_reason(error)}")


def _decode_and_derive(
    data: bytes, name: str, max_pixels: int, recipe: Recipe | None
) -> tuple[DecodedImage, EncodedFiles]:
    with Image.open(io.BytesIO(data), formats=[DECODERS[name]]) as image:
        width, height = image.size
        if width * height > max_pixels:
            too_large = DecodedImage(DecodeStatus.TOO_LARGE, f"more than {max_pixels} pixels", width, height)
            return too_large, EncodedFiles()
        frames = _count_frames(image)
        depth = int(image.info.get("bit_depth", 8))  # only pillow-heif says it
        scaled = recipe is None and name == "jpeg" and can_decode_scaled(data)
        if scaled:
            image.draft(None, (1, 1))
        shown = _decode_frames(image, frames, max_pixels)
        if not scaled:
            width, height = shown.size
        orientation = orientation_of(shown.info) if name != "heif" else 1
        if orientation > _LAST_UPRIGHT_ORIENTATION:
            width, height = height, width
        _check_palette(shown)
        derivative, detail, files = None, "", EncodedFiles()
        if recipe is not None:
            try:  # last, because it may change the pixels
                made = _verify_encoded(encode(shown, recipe), recipe)
            except Exception as error:
                detail = f"no {recipe.target} could be made: {short_reason(error)}"
            else:
                lost = (*_lost_features(data, depth, frames), *made.lost)
                derivative = _describe_derivative(made, recipe, lost)
                files = EncodedFiles(made.data, made.thumbnail)
    return DecodedImage(DecodeStatus.DECODED, detail, width, height, derivative, orientation), files


def can_decode_scaled(data: bytes) -> bool:
    """Whether a decode of this JPEG at an eighth of its size refuses what a full decode refuses.

    That is so for one Huffman-coded DCT frame, baseline or progressive, in a regular header: decision 0012.
    """
    with suppress(StructureError):
        return jpeg_header_frames(io.BytesIO(data)) in _SCALABLE_FRAMES
    return False


def _check_palette(image: Image.Image) -> None:
    """Raise ValueError for indexed pixels without a palette: Pillow decodes them, browsers do not."""
    if image.mode == "P" and image.palette is None and "transparency" not in image.info:
        raise ValueError("the palette is missing")


def _count_frames(image: Image.Image) -> int:
    """Count the frames. The additional images in a JPEG (MPO: gain maps, previews) are no frames."""
    return 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)


def _decode_frames(image: Image.Image, frames: int, max_pixels: int) -> Image.Image:
    """Decode the primary frame, then the others up to a limit, and return the primary one."""
    first = image.tell()
    image.load()
    if frames == 1:
        return image
    shown = image.copy()
    pixels_left = _MAX_ANIMATION_SIZE * max_pixels
    for index in range(min(frames, _MAX_FRAMES)):
        if index == first:
            continue
        image.seek(index)
        pixels_left -= image.width * image.height
        if pixels_left < 0:
            break
        image.load()
    return shown


def _verify_encoded(made: Encoded, recipe: Recipe) -> Encoded:
    """Return the derivative if its header has the expected format and size.

    A complete decode would take a tenth of the time of the conversion.
    """
    with Image.open(io.BytesIO(made.data), formats=[DECODERS[recipe.target]]) as reopened:
        if reopened.size != (made.width, made.height):
            raise ValueError("the encoder wrote another size")
    return made


def _lost_features(data: bytes, depth: int, frames: int) -> list[str]:
    lost = [f"bit-depth-{depth}"] if depth > 8 else []
    if has_gain_map(data):
        lost.append("hdr-gain-map")
    if frames > 1:
        lost.append("other-frames")
    return lost


def _describe_derivative(made: Encoded, recipe: Recipe, lost: tuple[str, ...]) -> Derivative:
    return Derivative(
        format=_TARGETS[recipe.target],
        width=made.width,
        height=made.height,
        size=len(made.data),
        sha256=hashlib.sha256(made.data).hexdigest(),
        tool=_tool_versions(),
        settings=made.settings,
        lost=lost,
    )


def _tool_versions() -> str:
    import pillow_heif

    heif = f"pillow-heif {pillow_heif.__version__} (libheif {pillow_heif.libheif_version()})"
    return f"pillow {PIL.__version__}, {heif}"


@cache
def load_decoder(name: str) -> None:
    """Load the decoder of a format, for its first image."""
    if name == "heif":
        import pillow_heif

        pillow_heif.register_heif_opener(
            decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
        )
    elif name in _DECODER_MODULES:
        import_module(_DECODER_MODULES[name])
    elif name == "png":
        # Browsers have no such low limits, and the worker's memory is limited anyway.
        PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _MAX_PNG_TEXT_BYTES


@cache
def _load_thumbnail_modules() -> None:
    """Load the modules for thumbnails before the pixels: later they would fragment the freed memory."""
    for module in ("xharchive.images.thumbnail", _DECODER_MODULES["webp"]):
        import_module(module)


def repaired_copy(data: bytes, name: str) -> bytes | None:
    """Return a copy that may decode although `data` do not.

    A PNG loses its texts, its profiles and ancillary chunks with a wrong CRC. A JPEG gets a missing end
    marker, if its coded data are complete.

    Args:
        data: the file.
        name: name of its format.

    Returns:
        The copy; None if there is nothing to repair.
    """
    if name == "png":
        essential = _PNG_SIGNATURE + b"".join(_essential_chunks(data))
        return essential if essential != data else None
    if name == "jpeg" and parse_structure(io.BytesIO(data), media.JPEG).lacks_end_marker:
        with suppress(Exception):
            return _add_end_marker(data)
    return None


def _essential_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG_SIGNATURE)
    while at + _CHUNK_OVERHEAD <= len(data):
        end = at + _CHUNK_OVERHEAD + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        crc_matches = zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        if not kind[0] & _ANCILLARY_BIT or (kind in _PIXEL_CHUNKS and crc_matches):
            yield data[at:end]
        at = end


def _add_end_marker(data: bytes) -> bytes | None:
    """Return the JPEG with an end marker, or None if its last scan is cut.

    Decoders ignore bytes after a complete scan, but read bytes after a cut scan as pixels. So add some bytes
    and decode: the scan was complete if the image stays the same.
    """
    coded = data.rstrip(b"\xff")
    plain, filled = (_decode_jpeg(coded + extra + _JPEG_END_MARKER) for extra in (b"", _FILLER))
    return coded + _JPEG_END_MARKER if ImageChops.difference(plain, filled).getbbox() is None else None


def _decode_jpeg(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return image.copy()
