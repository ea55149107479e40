"""Decode an image completely, and encode its derivative and thumbnail. Only a worker process imports this."""

import hashlib
import io
import warnings
from functools import cache
from importlib import import_module
from typing import NamedTuple

import PIL
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from xharchive import media
from xharchive.images import jpeg
from xharchive.images.decode_results import DecodedImage, DecodeStatus, Derivative, not_decoded
from xharchive.images.decoder_errors import DecodeRefused, attempt
from xharchive.images.encode import Encoded, Recipe, encode
from xharchive.images.image_metadata import has_gain_map, orientation_of
from xharchive.images.repair import repaired_copy

__all__ = ["DECODERS", "EncodedFiles", "decode_and_convert", "load_decoder"]

_MAX_FRAMES = 200
_MAX_ANIMATION_SIZE = 4  # times the limit of pixels of one image
_MAX_PNG_TEXT_BYTES = 256 * 1024 * 1024
"""Limit of the texts and profiles in a PNG, in bytes after decompression."""
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
        outcome = attempt(lambda: _decode_and_derive(data, name, max_pixels, recipe))
        repaired_data = repaired_copy(data, name) if isinstance(outcome, DecodeRefused) else None
        if repaired_data is not None:
            second = attempt(lambda: _decode_and_derive(repaired_data, name, max_pixels, recipe))
            outcome = outcome if isinstance(second, DecodeRefused) else second
    if isinstance(outcome, DecodeRefused):
        return _describe_refusal(outcome, max_pixels), EncodedFiles()
    return outcome


def _describe_refusal(refused: DecodeRefused, max_pixels: int) -> DecodedImage:
    match refused.error:
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return not_decoded(DecodeStatus.TOO_LARGE, f"more than {max_pixels} pixels")
        case MemoryError():
            return not_decoded(DecodeStatus.TOO_LARGE, "needs more memory than a worker may use")
        case UnidentifiedImageError():
            return not_decoded(DecodeStatus.UNREADABLE, "the decoder does not know these bytes as a picture")
    return not_decoded(DecodeStatus.UNREADABLE, f"the decoder refused it: {refused.reason}")


def _decode_and_derive(
    data: bytes, name: str, max_pixels: int, recipe: Recipe | None
) -> tuple[DecodedImage, EncodedFiles]:
    with Image.open(io.BytesIO(data), formats=[DECODERS[name]]) as image:
        width, height = image.size
        if width * height > max_pixels:
            too_large = not_decoded(DecodeStatus.TOO_LARGE, f"more than {max_pixels} pixels", width, height)
            return too_large, EncodedFiles()
        frames = _count_frames(image)
        depth = int(image.info.get("bit_depth", 8))  # only pillow-heif says it
        scaled = recipe is None and name == "jpeg" and jpeg.can_decode_scaled(jpeg.header_segments(data))
        if scaled:
            image.draft(None, (1, 1))
        shown = _decode_frames(image, frames, max_pixels)
        if not scaled:
            width, height = shown.size
        orientation = orientation_of(shown.info) if name != "heif" else 1
        if orientation > _LAST_UPRIGHT_ORIENTATION:
            width, height = height, width
        _check_palette(shown)
        made = _derive(shown, recipe) if recipe else None  # last, because it may change the pixels
    derivative, detail, files = None, "", EncodedFiles()
    if isinstance(made, DecodeRefused):
        detail = f"no {recipe.target if recipe else ''} could be made: {made.reason}"
    elif made is not None and recipe is not None:
        lost = (*_lost_features(data, depth, frames), *made.lost)
        derivative, files = _describe_derivative(made, recipe, lost), EncodedFiles(made.data, made.thumbnail)
    return DecodedImage(DecodeStatus.DECODED, detail, width, height, derivative, orientation), files


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


def _derive(shown: Image.Image, recipe: Recipe) -> Encoded | DecodeRefused:
    made = attempt(lambda: encode(shown, recipe))
    if isinstance(made, DecodeRefused):
        return made
    return attempt(lambda: _verify_encoded(made, recipe))


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
