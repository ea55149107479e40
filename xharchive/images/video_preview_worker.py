"""What runs inside a worker process for films: a small H.264 version of what a browser may not show.

`python -m xharchive.images.video_preview_worker BYTES`, on the pipes and within the limits of `worker`. Needs
PyAV, which is an extra (`pip install '.[preview]'`).
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.audio.resampler import AudioResampler

from xharchive.archive_path import ArchivePath
from xharchive.images.safely import Refused, attempt
from xharchive.images.worker import serve

__all__ = ["answer", "main"]

_SHOWN_BY_BROWSERS = frozenset(("h264", "vp8", "vp9", "av1"))
_MOST_FRAMES_A_SECOND = 60
_TURNS = {
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}
# Films are archived as MP4 or QuickTime only (`media`), which are one demuxer to FFmpeg.
_DEMUXER = "mov"
# The name of no protocol: neither "file" nor "http" is on this list.
_NO_PROTOCOL = {"protocol_whitelist": "none"}
_OPTIONS = {"crf": "26", "preset": "veryfast"}


def main() -> None:
    """Serve until the program that started this process closes the pipe or is gone."""
    av.logging.set_level(None)
    serve(answer, memory=int(sys.argv[1]))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Write a preview of a film; "shown" where browsers show it as it is, "refused" where it cannot be."""
    original, preview = (ArchivePath.from_json(request[name]) for name in ("original", "preview"))
    made = attempt(lambda: _preview(original, preview, request["longest"], request["max_pixels"]))
    if isinstance(made, Refused):
        with suppress(OSError):
            preview.unlink(missing_ok=True)
        return {"refused": made.reason}
    return {"shown" if not made else "made": True}


def _preview(original: ArchivePath, preview: ArchivePath, longest: int, max_pixels: int) -> bool:
    with _opened(original) as source:
        film = source.streams.video[0]
        if film.codec_context.name in _SHOWN_BY_BROWSERS:
            return False
        if film.width * film.height > max_pixels:
            raise ValueError("more pixels than a worker may decode")
        sound = source.streams.audio[0] if source.streams.audio else None
        turn = _turn(original)
        with _created(preview) as sink:
            _transcode(source, film, sound, sink, longest, turn)
    return True


@contextmanager
def _opened(original: ArchivePath) -> Iterator[Any]:
    """Open a film for FFmpeg, which gets its bytes and may open nothing else.

    FFmpeg takes a path for a URL, and a film may name other files and addresses (QuickTime data references)
    or be a playlist by its content. So FFmpeg never sees a path, and reads the archive's only container.
    """
    with (
        original.open() as file,
        av.open(file, format=_DEMUXER, options=_NO_PROTOCOL, io_open=_refuse) as source,
    ):
        yield source


@contextmanager
def _created(preview: ArchivePath) -> Iterator[Any]:
    """Open a new file for FFmpeg to write an MP4 into; its index is moved to the front at the end."""

    def read_back(_url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
        # To make room for the index FFmpeg reads what it has written, and asks for it by name.
        return preview.open()

    with (
        os.fdopen(preview.create(), "wb") as file,
        av.open(file, "w", format="mp4", options={"movflags": "faststart"}, io_open=read_back) as sink,
    ):
        yield sink


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    raise PermissionError(f"the film refers to something outside: {url}")


def _turn(original: ArchivePath) -> int:
    """By how many degrees, a multiple of 90, the film is to be turned counter-clockwise to be shown."""
    with _opened(original) as source:
        return int(next(iter(source.decode(video=0))).rotation) % 360 // 90 * 90


def _turned(film: Any, turn: int) -> Any:
    """Return what turns the film's frames; phones hold films upright by a note in the file only."""
    graph = av.filter.Graph()
    last = graph.add_buffer(template=film)
    for name, how in _TURNS[turn]:
        step = graph.add(name, how)
        last.link_to(step)
        last = step
    end = graph.add("buffersink")
    last.link_to(end)
    graph.configure()
    return graph


def _through(graph: Any, frame: Any) -> Any:
    graph.push(frame)
    return graph.pull()


def _transcode(source: Any, film: Any, sound: Any, sink: Any, longest: int, turn: int) -> None:
    rate = min(film.average_rate or Fraction(30), Fraction(_MOST_FRAMES_A_SECOND))
    shown = sink.add_stream("libx264", rate=rate, options=_OPTIONS)
    size = (film.height, film.width) if turn in (90, 270) else (film.width, film.height)
    shown.width, shown.height = _fitting(*size, longest)
    graph = _turned(film, turn) if turn else None
    shown.pix_fmt = "yuv420p"
    shown.time_base = film.time_base
    heard = sink.add_stream("aac", rate=48_000) if sound else None
    resampler = AudioResampler(format="fltp", layout="stereo", rate=48_000) if sound else None
    for packet in source.demux(*filter(None, (film, sound))):
        for frame in packet.decode():
            if packet.stream is film:
                upright = _through(graph, frame) if graph else frame
                small = upright.reformat(shown.width, shown.height, "yuv420p")
                small.pict_type = av.video.frame.PictureType.NONE
                sink.mux(shown.encode(small))
            elif heard is not None and resampler is not None:
                for piece in resampler.resample(frame):
                    sink.mux(heard.encode(piece))
    sink.mux(shown.encode(None))
    if heard is not None:
        sink.mux(heard.encode(None))


def _fitting(width: int, height: int, longest: int) -> tuple[int, int]:
    """The size within a box, never larger than it was; H.264 in 4:2:0 wants even numbers."""
    scale = min(1.0, longest / max(width, height))
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


if __name__ == "__main__":
    main()
