"""What runs inside a worker process: decode a picture in full, and make its derivative.

`python -m xharchive.images.worker BYTES` says "ready", then answers each line of JSON with one. Between the
decoders' bugs and the rest of the machine stand: a process of its own, limits on address space, CPU time,
file size, open files and core dumps, no terminal, and an end as soon as its program is gone.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, NamedTuple

import PIL
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.images import jpeg
from xharchive.images.encode import Encoded, Recipe, encode
from xharchive.images.image_metadata import has_gain_map, orientation_of
from xharchive.images.repair import repaired
from xharchive.images.results import Derivative, Picture, Verdict, not_decoded, to_json
from xharchive.images.safely import Refused, attempt
from xharchive.images.sandbox import confine
from xharchive.images.worker_died import READY
from xharchive.process_limits import forbid_core_dumps, limit, limit_for_good

__all__ = ["Files", "answer", "examine", "main", "serve"]

_MOST_FRAMES = 200
_MOST_PICTURES_OF_PIXELS = 4
_LARGEST_ORIGINAL = 256 * 1024 * 1024
_LARGEST_DERIVATIVE = 512 * 1024 * 1024
_MOST_TEXT = 256 * 1024 * 1024
"""Bytes that the texts and profiles of a PNG may have unpacked."""
_LAST_THAT_KEEPS_SIDES = 4  # EXIF's orientations 5 to 8 lay a picture on its side
_MOST_OPEN_FILES = 32
_NICE = 5

_DECODERS = {
    "heif": "HEIF",
    "avif": "AVIF",
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
}
_TARGETS = {known.name: known for known in (media.JPEG, media.PNG, media.WEBP, media.AVIF)}

# Pillow, asked for a format that it has not loaded, loads all it has; and libheif is only for HEIF.
_MODULES = {"webp": "PIL.WebPImagePlugin", "avif": "PIL.AvifImagePlugin"}


class Files(NamedTuple):
    """The bytes of what was made of a picture, each empty when there is none."""

    derivative: bytes = b""
    small: bytes = b""


def main() -> None:
    """Serve until the program that started this process closes the pipe or is gone."""
    serve(answer, memory=int(sys.argv[1]))


def serve(job: Callable[[dict[str, Any]], dict[str, Any]], memory: int) -> None:
    """Answer each request on standard input with the job's result; `memory` bytes is what it may grow by."""
    forbid_core_dumps(for_good=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    channel = _silence_all_but_the_answers()
    confine()  # before there is a second thread: it would stay outside
    requests: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, requests), daemon=True).start()
    _limit_memory(memory)
    limit_for_good(resource.RLIMIT_FSIZE, _LARGEST_DERIVATIVE)
    limit_for_good(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)
    # No limit on processes: it counts all that the user runs, root's not at all, and encoders use threads.
    channel.write(READY)
    try:
        while True:
            request = json.loads(requests.get())
            limit(resource.RLIMIT_CPU, math.ceil(_cpu_seconds_used() + request["seconds"]))
            channel.write(json.dumps(job(request)).encode() + b"\n")
    finally:
        # An orderly end would wait a second for the thread that listens, and then abort.
        os._exit(1)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks: examine the original, write its derivative; "disk" names trouble with it.

    A request with a "width" wants a small picture of it instead.
    """
    if "width" in request:
        return _small(request)
    try:
        data = ArchivePath.from_json(request["original"]).read_bytes(_LARGEST_ORIGINAL)
    except OSError as error:
        return {"disk": error.strerror}
    picture, made = examine(data, request["format"], request["max_pixels"], _recipe(request))
    if made.derivative:
        try:
            _write_new(ArchivePath.from_json(request["derivative"]), made.derivative)
        except OSError as error:
            return {"disk": error.strerror}
    if made.small:
        _put_aside(ArchivePath.from_json(request["small"]["path"]), made.small)
    return to_json(picture)


def _recipe(request: dict[str, Any]) -> Recipe | None:
    if not request["target"]:
        return None
    small = request["small"]
    return Recipe(request["target"], request["quality"], small and (small["width"], small["height"]))


def _put_aside(path: ArchivePath, data: bytes) -> None:
    """Write a small version under its name whole, or not at all: it can be made of the derivative too."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError):
        path.parent.mkdir()
        new.unlink(missing_ok=True)  # half of one, of a worker that was killed
        _write_new(new, data)
        new.replace(path)


def _small(request: dict[str, Any]) -> dict[str, Any]:
    _load_decoder(request["format"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = 2 * request["max_pixels"]  # the cap itself is `shrink`'s affair
        made = attempt(lambda: _shrunk(request))
        if isinstance(made, Refused):
            made = attempt(lambda: _shrunk(request, repair=True))
    if isinstance(made, Refused):
        return {"refused": made.reason}
    data, width, height = made
    try:
        _write_new(ArchivePath.from_json(request["derivative"]), data)
    except OSError as error:
        return {"disk": error.strerror}
    return {"width": width, "height": height}


def _shrunk(request: dict[str, Any], *, repair: bool = False) -> tuple[bytes, int, int]:
    from xharchive.images.thumbnail import shrink

    picture = ArchivePath.from_json(request["original"])
    with picture.open() as file:
        data = repaired(picture.read_bytes(_LARGEST_ORIGINAL), request["format"]) if repair else None
        return shrink(
            file if data is None else io.BytesIO(data),
            _DECODERS[request["format"]],
            request["max_pixels"],
            request["width"],
            request["height"],
        )


def examine(data: bytes, name: str, max_pixels: int, recipe: Recipe | None) -> tuple[Picture, Files]:
    """Decode a picture file of the named format in full; make of it what the recipe says, if there is one."""
    _load_decoder(name)
    if recipe is not None and recipe.small is not None:
        _load_what_shrinks()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        Image.MAX_IMAGE_PIXELS = max_pixels
        outcome = attempt(lambda: _decode_and_derive(data, name, max_pixels, recipe))
        again = repaired(data, name) if isinstance(outcome, Refused) else None
        if again is not None:
            second = attempt(lambda: _decode_and_derive(again, name, max_pixels, recipe))
            outcome = outcome if isinstance(second, Refused) else second
    if isinstance(outcome, Refused):
        return _refusal(outcome, max_pixels), Files()
    return outcome


def _refusal(refused: Refused, max_pixels: int) -> Picture:
    match refused.error:
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return not_decoded(Verdict.TOO_LARGE, f"more than {max_pixels} pixels")
        case MemoryError():
            return not_decoded(Verdict.TOO_LARGE, "needs more memory than a worker may use")
        case UnidentifiedImageError():
            return not_decoded(Verdict.UNREADABLE, "the decoder does not know these bytes as a picture")
    return not_decoded(Verdict.UNREADABLE, f"the decoder refused it: {refused.reason}")


def _decode_and_derive(
    data: bytes, name: str, max_pixels: int, recipe: Recipe | None
) -> tuple[Picture, Files]:
    with Image.open(io.BytesIO(data), formats=[_DECODERS[name]]) as image:
        width, height = image.size
        if width * height > max_pixels:
            return not_decoded(Verdict.TOO_LARGE, f"more than {max_pixels} pixels", width, height), Files()
        frames = _frames(image)
        depth = int(image.info.get("bit_depth", 8))  # only pillow-heif says it
        in_small = recipe is None and name == "jpeg" and jpeg.decodes_alike_in_small(jpeg.segments(data))
        if in_small:
            image.draft(None, (1, 1))
        shown = _decode_all(image, frames, max_pixels)
        if not in_small:
            width, height = shown.size
        turned = orientation_of(shown.info) if name != "heif" else 1
        if turned > _LAST_THAT_KEEPS_SIDES:
            width, height = height, width
        _check_palette(shown)
        made = _derive(shown, recipe) if recipe else None  # last: it may use the pixels up
    derivative, detail, files = None, "", Files()
    if isinstance(made, Refused):
        detail = f"no {recipe.target if recipe else ''} could be made: {made.reason}"
    elif made is not None and recipe is not None:
        lost = (*_lost_by_format(data, depth, frames), *made.lost)
        derivative, files = _derivative(made, recipe, lost), Files(made.data, made.small)
    return Picture(Verdict.DECODED, detail, width, height, derivative, turned), files


def _check_palette(image: Image.Image) -> None:
    """Refuse indexed pixels without a palette: Pillow decodes them, a browser does not."""
    if image.mode == "P" and image.palette is None and "transparency" not in image.info:
        raise ValueError("the palette is missing")


def _frames(image: Image.Image) -> int:
    """Count the frames; the further pictures inside a JPEG (MPO: gain maps, previews) are none."""
    return 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)


def _decode_all(image: Image.Image, frames: int, max_pixels: int) -> Image.Image:
    """Decode the shown frame, then the others within reason, and return the shown one."""
    first = image.tell()
    image.load()
    if frames == 1:
        return image
    shown = image.copy()
    pixels_left = _MOST_PICTURES_OF_PIXELS * max_pixels
    for index in range(min(frames, _MOST_FRAMES)):
        if index == first:
            continue
        image.seek(index)
        pixels_left -= image.width * image.height
        if pixels_left < 0:
            break
        image.load()
    return shown


def _derive(shown: Image.Image, recipe: Recipe) -> Encoded | Refused:
    made = attempt(lambda: encode(shown, recipe))
    if isinstance(made, Refused):
        return made
    return attempt(lambda: _reopened(made, recipe))


def _reopened(made: Encoded, recipe: Recipe) -> Encoded:
    """Return the derivative if it opens again as what it should be.

    Only the header is read: decoding what was just encoded would cost a tenth of the whole conversion.
    """
    with Image.open(io.BytesIO(made.data), formats=[_DECODERS[recipe.target]]) as again:
        if again.size != (made.width, made.height):
            raise ValueError("the encoder wrote another size")
    return made


def _lost_by_format(data: bytes, depth: int, frames: int) -> list[str]:
    lost = [f"bit-depth-{depth}"] if depth > 8 else []
    if has_gain_map(data):
        lost.append("hdr-gain-map")
    if frames > 1:
        lost.append("other-frames")
    return lost


def _derivative(made: Encoded, recipe: Recipe, lost: tuple[str, ...]) -> Derivative:
    return Derivative(
        format=_TARGETS[recipe.target],
        width=made.width,
        height=made.height,
        size=len(made.data),
        sha256=hashlib.sha256(made.data).hexdigest(),
        tool=_tool(),
        settings=made.settings,
        lost=lost,
    )


def _tool() -> str:
    import pillow_heif

    heif = f"pillow-heif {pillow_heif.__version__} (libheif {pillow_heif.libheif_version()})"
    return f"pillow {PIL.__version__}, {heif}"


@cache
def _load_decoder(name: str) -> None:
    """Load what decodes a format, when the first picture of it comes: a run may have none."""
    if name == "heif":
        import pillow_heif

        pillow_heif.register_heif_opener(
            decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
        )
    elif name in _MODULES:
        import_module(_MODULES[name])
    elif name == "png":
        # Browsers have no such limits, and what a worker may use is limited already.
        PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _MOST_TEXT


@cache
def _load_what_shrinks() -> None:
    """Before the first pixels, not behind them, where it would stay and split the memory that they leave."""
    for module in ("xharchive.images.thumbnail", _MODULES["webp"]):
        import_module(module)


def _write_new(path: ArchivePath, data: bytes) -> None:
    """Write a file that must not be there yet; a failed one is removed."""
    descriptor = path.open_descriptor(os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(descriptor, "wb", buffering=0) as sink:
        try:
            view = memoryview(data)
            while view:
                view = view[sink.write(view) :]
        except OSError:
            path.unlink()
            raise


def _silence_all_but_the_answers() -> BinaryIO:
    """Point standard output and error at nothing, and return a private way to the old standard output.

    C libraries print when they like; on the answers' pipe that would be an answer, on the terminal a mess.
    """
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return channel


def _listen(source: BinaryIO, requests: "SimpleQueue[bytes]") -> None:
    """Pass requests on; when the other end is closed, or dead, end this process in the middle of anything."""
    for line in source:
        requests.put(line)
    os._exit(0)


def _cpu_seconds_used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _limit_memory(growth: int) -> None:
    """Let the address space grow by so many bytes from here, where the platform tells how large it is."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return
    limit_for_good(resource.RLIMIT_AS, pages * resource.getpagesize() + growth)


if __name__ == "__main__":
    main()
