"""Encodes movies and music with FFmpeg (PyAV): motions of live photos, renditions and uploads."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import av
import av.container
from PIL import Image

from tools.demo_media.scenes import moving_scene
from tools.demo_media.sounds import RATE, melody

__all__ = ["Codec", "make_m4a", "make_movie", "make_silent_movie"]

Codec = Literal["h264", "h265"]

# One thread and no version strings: the same frames give the same bytes.
_ENCODERS: dict[Codec, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", "avc1", {"crf": "27", "bf": "0", "threads": "1"}),
    "h265": (
        "libx265",
        "hvc1",
        {"crf": "29", "x265-params": "bframes=0:pools=none:frame-threads=1:info=0:log-level=none"},
    ),
}
_SOUND_BITS = 12_000
_BIT_EXACT = {"fflags": "+bitexact"}
_INDEX_FIRST = {"movflags": "+faststart"}


def make_movie(  # noqa: PLR0913 - the properties of a movie, all but two with a default
    codec: Codec,
    seed: int,
    pixels: tuple[int, int],
    frames: int,
    *,
    created: int = 0,
    quicktime: bool = False,
    rate: int = 10,
) -> bytes:
    """Return a video of a rising lantern, with a melody.

    Args:
        pixels: width and height, even numbers.
        created: creation time in Unix seconds; 0 for none.
        quicktime: write a QuickTime file with the index at the end, as cameras do.
        rate: frames per second.
    """
    scenes = moving_scene(seed, pixels, frames)
    sound = melody(seed, frames / rate).tobytes()
    return _encode(
        "mov" if quicktime else "mp4", codec=codec, scenes=scenes, rate=rate, sound=sound, created=created
    )


def make_silent_movie(codec: Codec, scenes: Sequence[Image.Image], rate: int) -> bytes:
    """Return the images, all of the same even size, as an MP4 without sound."""
    return _encode("mp4", codec=codec, scenes=scenes, rate=rate)


def make_m4a(seed: int, seconds: float, *, created: int = 0) -> bytes:
    """Return a melody as AAC in an M4A file; `created` is in Unix seconds, 0 for none."""
    return _encode("ipod", sound=melody(seed, seconds).tobytes(), created=created)


def _encode(
    container: Literal["mp4", "mov", "ipod"],
    *,
    codec: Codec = "h264",
    scenes: Sequence[Image.Image] = (),
    rate: int = 10,
    sound: bytes = b"",
    created: int = 0,
) -> bytes:
    """Return a file with a track of images and one of sound, as far as there are any."""
    options = _BIT_EXACT if container == "mov" else _BIT_EXACT | _INDEX_FIRST
    with TemporaryDirectory() as folder:
        path = Path(folder, "movie")  # a file: FFmpeg opens it again to put the index first
        with av.open(path, "w", format=container, options=options) as file:
            if created:
                file.metadata["creation_time"] = datetime.fromtimestamp(created, UTC).isoformat()
            _write_tracks(file, codec, scenes, rate, sound)
        return path.read_bytes()


def _write_tracks(
    file: av.container.OutputContainer, codec: Codec, scenes: Sequence[Image.Image], rate: int, sound: bytes
) -> None:
    pictures = _picture_track(file, codec, scenes[0].size, rate) if scenes else None
    voice = _sound_track(file) if sound else None
    if pictures:
        for at, scene in enumerate(scenes):
            frame = av.VideoFrame.from_image(scene)  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = at, Fraction(1, rate)
            file.mux(pictures.encode(frame))
        file.mux(pictures.encode(None))
    if voice:
        samples = av.AudioFrame(format="s16", layout="mono", samples=len(sound) // 2)
        samples.planes[0].update(sound)
        samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
        file.mux(voice.encode(samples))
        file.mux(voice.encode(None))


def _picture_track(file: av.container.OutputContainer, codec: Codec, size: tuple[int, int], rate: int) -> Any:
    encoder, tag, options = _ENCODERS[codec]
    track: Any = file.add_stream(encoder, rate=rate, options=dict(options))
    track.width, track.height = size
    track.pix_fmt = "yuv420p"
    track.codec_context.codec_tag = tag
    track.codec_context.time_base = Fraction(1, rate)
    return track


def _sound_track(file: av.container.OutputContainer) -> Any:
    track: Any = file.add_stream("aac", rate=RATE, layout="mono", options={"flags": "+bitexact"})
    track.bit_rate = _SOUND_BITS
    return track
