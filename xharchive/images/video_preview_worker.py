"""Run in a worker process: make a preview (small H.264 version) of a video that browsers may not play.

`python -m xharchive.images.video_preview_worker BYTES` has the protocol and the limits of `worker`. It needs
PyAV, an extra (`pip install '.[preview]'`).
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
from xharchive.images.decode import short_reason
from xharchive.images.worker import serve

_BROWSER_CODECS = frozenset(("h264", "vp8", "vp9", "av1"))
_MAX_FRAME_RATE = 60
_ROTATION_FILTERS = {
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}
# The archive has videos as MP4 or QuickTime only (`media`). FFmpeg has one demuxer for both.
_DEMUXER = "mov"
# The list of allowed protocols has one name, of no protocol. So "file" and "http" are forbidden.
_NO_PROTOCOL = {"protocol_whitelist": "none"}
_X264_OPTIONS = {"crf": "26", "preset": "veryfast"}


def main() -> None:
    """Serve requests until the parent process closes the pipe or ends."""
    av.logging.set_level(None)
    serve(handle_request, memory=int(sys.argv[1]))


def handle_request(request: dict[str, Any]) -> dict[str, Any]:
    """Write the preview of a video.

    Returns:
        {"made": True}, {"shown": True} if browsers play the video itself, or {"refused": reason}.
    """
    original, preview = (ArchivePath.from_json(request[name]) for name in ("original", "preview"))
    try:
        made = _write_preview(original, preview, request["longest"], request["max_pixels"])
    except Exception as error:
        with suppress(OSError):
            preview.unlink(missing_ok=True)
        return {"refused": short_reason(error)}
    return {"made" if made else "shown": True}


def _write_preview(original: ArchivePath, preview: ArchivePath, longest_side: int, max_pixels: int) -> bool:
    with _open_video(original) as source:
        video = source.streams.video[0]
        if video.codec_context.name in _BROWSER_CODECS:
            return False
        if video.width * video.height > max_pixels:
            raise ValueError("more pixels than a worker may decode")
        with _open_video(original) as again:  # the first frame has the rotation, counter-clockwise in degrees
            rotation = int(next(iter(again.decode(video=0))).rotation) % 360 // 90 * 90
        with _create_preview(preview) as sink:
            _transcode(source, sink, longest_side, rotation)
    return True


@contextmanager
def _open_video(original: ArchivePath) -> Iterator[Any]:
    """Open a video for FFmpeg as a byte stream, with no access to other files or addresses.

    FFmpeg reads a path as a URL. A video may refer to other files and addresses (QuickTime data references),
    or its content may be a playlist. So FFmpeg gets no path, and only one demuxer.
    """
    with (
        original.open() as file,
        av.open(file, format=_DEMUXER, options=_NO_PROTOCOL, io_open=_refuse_external_file) as source,
    ):
        yield source


@contextmanager
def _create_preview(preview: ArchivePath) -> Iterator[Any]:
    """Create a file for FFmpeg to write an MP4 to. At the end, FFmpeg moves the index to the front."""

    def read_back(_url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
        # To make room for the index, FFmpeg opens the file by name and reads it.
        return preview.open()

    with (
        os.fdopen(preview.create(), "wb") as file,
        av.open(file, "w", format="mp4", options={"movflags": "faststart"}, io_open=read_back) as sink,
    ):
        yield sink


def _refuse_external_file(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    raise PermissionError(f"the film refers to something outside: {url}")


def _rotation_filter(video: Any, rotation: int) -> Any:
    """Return a graph that rotates frames. Phones store the rotation of a video as metadata only."""
    graph = av.filter.Graph()
    last = graph.add_buffer(template=video)
    for name, argument in _ROTATION_FILTERS[rotation]:
        step = graph.add(name, argument)
        last.link_to(step)
        last = step
    end = graph.add("buffersink")
    last.link_to(end)
    graph.configure()
    return graph


def _transcode(source: Any, sink: Any, longest_side: int, rotation: int) -> None:
    video, audio = source.streams.video[0], next(iter(source.streams.audio), None)
    rate = min(video.average_rate or Fraction(30), Fraction(_MAX_FRAME_RATE))
    video_out = sink.add_stream("libx264", rate=rate, options=_X264_OPTIONS)
    size = (video.height, video.width) if rotation in (90, 270) else (video.width, video.height)
    scale = min(1.0, longest_side / max(size))  # never enlarged, and even as H.264 4:2:0 requires
    video_out.width, video_out.height = (max(2, int(side * scale) // 2 * 2) for side in size)
    graph = _rotation_filter(video, rotation) if rotation else None
    video_out.pix_fmt = "yuv420p"
    video_out.time_base = video.time_base
    audio_out = sink.add_stream("aac", rate=48_000) if audio else None
    resampler = AudioResampler(format="fltp", layout="stereo", rate=48_000) if audio else None
    for packet in source.demux(*filter(None, (video, audio))):
        for frame in packet.decode():
            if packet.stream is video:
                if graph:
                    graph.push(frame)
                upright = graph.pull() if graph else frame
                scaled = upright.reformat(video_out.width, video_out.height, "yuv420p")
                scaled.pict_type = av.video.frame.PictureType.NONE
                sink.mux(video_out.encode(scaled))
            elif audio_out is not None and resampler is not None:
                for resampled in resampler.resample(frame):
                    sink.mux(audio_out.encode(resampled))
    sink.mux(video_out.encode(None))
    if audio_out is not None:
        sink.mux(audio_out.encode(None))


if __name__ == "__main__":
    main()
