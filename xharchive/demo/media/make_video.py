"""Makes videos: motions of live photos, renditions and uploads."""

from typing import Literal

from xharchive.demo.media.aac import sea_track
from xharchive.demo.media.h264 import h264_track
from xharchive.demo.media.hevc import hevc_track
from xharchive.demo.media.scenes import moving_scene
from xharchive.demo.media.tracks import Brand, mux, pad

__all__ = ["Codec", "make_movie"]

Codec = Literal["h264", "h265"]


def make_movie(
    codec: Codec,
    seed: int,
    pixels: tuple[int, int],
    frames: int,
    *,
    created: int,
    size: int = 0,
    quicktime: bool = False,
    sound: bool = True,
    rate: int = 10,
) -> bytes:
    """Return a video of a rising lantern.

    Args:
        pixels: width and height, multiples of 16.
        created: creation time in Unix seconds.
        size: exact length in bytes; 0 for any.
        quicktime: write a QuickTime file with the index at the end, as cameras do.
        rate: frames per second.
    """
    scenes = moving_scene(seed, pixels, frames)
    track = h264_track(scenes, rate) if codec == "h264" else hevc_track(scenes, rate)
    tracks = [track, sea_track(seed, frames / rate)] if sound else [track]
    brand = Brand.MOV if quicktime else Brand.MP4
    movie = mux(tracks, brand, created=created, moov_first=not quicktime)
    return pad(movie, size) if size else movie
