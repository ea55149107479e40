"""Decode an image completely, and encode its derivative and thumbnail. Only a worker process imports this.

An image that Pillow refuses and browsers show is decoded from a repaired copy. The file stays unchanged.
"""

import io
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module

from PIL import Image, ImageChops, PngImagePlugin, UnidentifiedImageError

from xharchive import media
from xharchive.images import DecodedImage, DecodeStatus
from xharchive.images.encode import EncodedFiles, Recipe, encode
from xharchive.images.image_metadata import has_gain_map, orientation_of
from xharchive.integrity import StructureError, parse_structure
from xharchive.integrity.jpeg_png_gif_webp import jpeg_header_frames

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
    load_codec(name)
    if recipe is not None:
        load_codec(recipe.target)
        if recipe.thumbnail is not None:
            _load_thumbnail_modules()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            return _decode_and_derive(data, name, max_pixels, recipe)
        except Exception as error:
            refusal = error
        with suppress(Exception):
            repaired = repaired_copy(data, name)
            if repaired is not None:
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


def short_reason(error: Exception) -> str:
    """Return a library's error as one short printable line, without memory addresses."""
    text = str(error)
    if not text or " at 0x" in text:
        return type(error).__name__
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line[:120].strip().rstrip(".")


def _decode_and_derive(
    data: bytes, name: str, max_pixels: int, recipe: Recipe | None
) -> tuple[DecodedImage, EncodedFiles]:
    with Image.open(io.BytesIO(data), formats=[name.upper()]) as image:
        width, height = image.size
        if width * height > max_pixels:
            too_large = DecodedImage(DecodeStatus.TOO_LARGE, f"more than {max_pixels} pixels", width, height)
            return too_large, EncodedFiles()
        # The additional images in a JPEG (MPO: gain maps, previews) are no frames.
        frames = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
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
        if shown.mode == "P" and shown.palette is None and "transparency" not in shown.info:
            raise ValueError("the palette is missing")  # Pillow decodes such pixels, browsers do not
        derivative, detail, files = None, "", EncodedFiles()
        if recipe is not None:
            try:  # last, because it may change the pixels
                derivative, files = encode(shown, recipe, _lost_features(data, depth, frames))
            except Exception as error:
                detail = f"no {recipe.target} could be made: {short_reason(error)}"
    return DecodedImage(DecodeStatus.DECODED, detail, width, height, derivative, orientation), files


def can_decode_scaled(data: bytes) -> bool:
    """Whether a decode of this JPEG at an eighth of its size refuses what a full decode refuses.

    That is so for one Huffman-coded DCT frame, baseline or progressive, in a regular header: decision 0012.
    """
    with suppress(StructureError):
        return jpeg_header_frames(io.BytesIO(data)) in _SCALABLE_FRAMES
    return False


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


def _lost_features(data: bytes, depth: int, frames: int) -> list[str]:
    lost = [f"bit-depth-{depth}"] if depth > 8 else []
    if has_gain_map(data):
        lost.append("hdr-gain-map")
    if frames > 1:
        lost.append("other-frames")
    return lost


@cache
def load_codec(name: str) -> None:
    """Load decoder and encoder of a format, for its first image.

    Pillow would load all its formats for one that it does not know yet: 40 ms, and code that no image needs.
    """
    match name:
        case "heif":
            import pillow_heif

            pillow_heif.register_heif_opener(
                decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
            )
        case "webp":
            import_module("PIL.WebPImagePlugin")
        case "avif":
            import_module("PIL.AvifImagePlugin")
        case "png":
            # Browsers have no such low limits, and the worker's memory is limited anyway.
            PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _MAX_PNG_TEXT_BYTES


@cache
def _load_thumbnail_modules() -> None:
    """Load the modules for thumbnails before the pixels: later they would fragment the freed memory."""
    import_module("PIL.ImageCms")
    load_codec("webp")


def repaired_copy(data: bytes, name: str) -> bytes | None:
    """Return a copy that may decode although `data` do not; None if there is nothing to repair.

    A PNG loses its texts, its profiles and ancillary chunks with a wrong CRC. A JPEG gets a missing end
    marker, if its coded data are complete.

    Args:
        data: the file.
        name: name of its format.
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
