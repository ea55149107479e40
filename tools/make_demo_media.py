"""Makes the media of the demo: `python -m tools.make_demo_media [folder]`.

The demo ships the files that this program made. Run it again after a change here or in `tools/demo_media`,
look at what changed, and commit it. `xharchive/demo/files/index.json` says which note has which file. If a
file with a declared MD5 changes, its reply in `xharchive/demo/files/replies` needs the new one; a test says
so.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tools.demo_media.movies import Codec, make_m4a, make_movie
from tools.demo_media.pictures import Camera, PictureFormat, make_picture
from tools.demo_media.sounds import make_subtitles, make_wav

__all__ = ["RECIPES", "SHIPPED", "main"]

SHIPPED = Path(__file__).parents[1] / "xharchive" / "demo" / "files" / "media"
"""The folder of the shipped files."""

_UPRIGHT, _SMALL, _SQUARE, _TALL = (900, 1200), (600, 800), (800, 800), (1080, 1920)
_FRAME = (288, 384)

_FORMATS: dict[str, PictureFormat] = {"heic": "heic", "jpg": "jpeg", "webp": "webp", "png": "png"}
_GARDEN = Camera(taken="2025:10:18 09:41:26")
_LAKE = Camera(taken="2025:11:19 17:52:08")
_PICTURES: dict[str, tuple[int, tuple[int, int], Camera | None]] = {
    "69aed4e2-image-1.heic": (7, (1200, 900), Camera(orientation=6, taken="2026:03:09 18:52:11")),
    "698ab064-cover.heic": (4, _TALL, None),
    "65c0b3fc-cover.jpg": (3, _TALL, None),
    "68f2b6a0-image-1.heic": (5, _UPRIGHT, Camera(orientation=6, taken=_GARDEN.taken)),
    "68f2b6a0-image-2.webp": (13, _UPRIGHT, _GARDEN),
    "68f2b6a0-image-3.jpg": (21, _UPRIGHT, _GARDEN),
    "68f2b6a0-image-4.png": (29, _UPRIGHT, _GARDEN),
    "68f2b6a0-image-5.heic": (37, _UPRIGHT, _GARDEN),
    **{
        f"6907c1d8-image-{number}.{('jpg', 'webp', 'heic')[(number - 1) % 3]}": (29 + number, _SMALL, None)
        for number in range(1, 19)
    },
    "694c7be6-image-1.webp": (20, _UPRIGHT, None),
    "694c7be6-image-2.webp": (34, _UPRIGHT, None),
    "6a4c0a12-image-2.heic": (
        9,
        _UPRIGHT,
        Camera(model="Demo Camera Z", taken="2026:07:05 21:10:02", maker_note=80_000),
    ),
    **{
        f"691e44b2-image-{number}.heic": (seed, _UPRIGHT, _LAKE)
        for number, seed in enumerate((1, 2, 8, 9, 15), start=1)
    },
    "6935a0f0-image-1.heic": (6, _SQUARE, None),
    "6935a0f0-image-2.jpg": (13, _SQUARE, None),
    "69ef13c8-image-1.webp": (24, _UPRIGHT, None),
    "69ef13c8-image-2.heic": (14, _UPRIGHT, Camera(taken="2026:04:27 20:15:31")),
    "69637d24-cover.heic": (27, _UPRIGHT, None),
    "697ab3c8-cover.webp": (16, _UPRIGHT, None),
    "697ab3c8-stranger.webp": (99, _UPRIGHT, None),
    "69922f5a-cover.jpg": (34, _UPRIGHT, None),
    "5f3d2c1b-cover.jpg": (41, (720, 960), None),
    "69c0a9e4-image-1.jpg": (46, _UPRIGHT, None),
    "69c0a9e4-image-2.heic": (47, _UPRIGHT, None),
    "69c0a9e4-image-3.webp": (48, _UPRIGHT, None),
    "69d7e2b6-image-1.webp": (958, _UPRIGHT, None),
    "69d7e2b6-image-2.jpg": (959, _UPRIGHT, None),
    "6a1d8bee-image-1.jpg": (262, _UPRIGHT, None),
    "6a34c6f0-image-1.webp": (696, _UPRIGHT, None),
    "6a34c6f0-image-2.webp": (697, _UPRIGHT, None),
    "6a63481c-image-1.png": (424, _UPRIGHT, None),
    "6a63481c-image-2.heic": (421, _UPRIGHT, None),
}
"""Scene, size as displayed, and camera of each picture."""

_MOVIES: dict[str, tuple[Codec, int, tuple[int, int], int]] = {
    "69aed4e2-live-1.mp4": ("h265", 7, (384, 288), 25),
    "698ab064-video-h264.mp4": ("h264", 4, _FRAME, 25),
    "698ab064-video-h265.mp4": ("h265", 4, _FRAME, 25),
    "691e44b2-live-2.mp4": ("h264", 2, _FRAME, 20),
    "691e44b2-live-4.mp4": ("h265", 9, _FRAME, 25),
    "6935a0f0-live-1.mp4": ("h265", 6, _FRAME, 25),
    "6935a0f0-live-2.mp4": ("h265", 13, _FRAME, 25),
    "69ef13c8-live-2.mp4": ("h265", 14, _FRAME, 25),
    "69637d24-video-h264.mp4": ("h264", 780, _FRAME, 30),
    "69637d24-video-h265.mp4": ("h265", 780, _FRAME, 30),
    "697ab3c8-video-h264.mp4": ("h264", 96, _FRAME, 30),
    "697ab3c8-video-h265.mp4": ("h265", 96, _FRAME, 30),
    "69922f5a-video-h264.mp4": ("h264", 58, _FRAME, 30),
    "5f3d2c1b-video-h264.mp4": ("h264", 507, _FRAME, 30),
    "5f3d2c1b-video-h265.mp4": ("h265", 507, _FRAME, 30),
    "69c0a9e4-video-h265.mp4": ("h265", 84, _FRAME, 30),
    "691e44b2-upload.mov": ("h265", 9, _FRAME, 25),
    "69637d24-upload.mov": ("h265", 780, (336, 448), 30),
    "69c0a9e4-upload.mov": ("h264", 84, (432, 576), 30),
}
"""Codec, scene, width and height, and number of frames of each movie."""

_DEEP = Camera(taken="2026:07:05 21:03:44")
_CHINESE = ("凌晨四点，城市还没醒。", "面团已经睡了一整夜。", "一炉可颂，三百六十层。")
_ENGLISH = ("Four in the morning, the city sleeps.", "So did the dough.", "Three hundred and sixty layers.")


def _movie(name: str) -> Callable[[], bytes]:
    """Return the recipe of a movie. A MOV is an upload: a camera made it when the note was published."""
    created = int(name[:8], 16) if name.endswith(".mov") else 0
    return partial(make_movie, *_MOVIES[name], created=created, quicktime=name.endswith(".mov"))


RECIPES: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        **{
            name: partial(make_picture, _FORMATS[name.rpartition(".")[2]], *arguments)
            for name, arguments in _PICTURES.items()
        },
        "6a4c0a12-image-1.heic": partial(make_picture, "heic10", 2, _UPRIGHT, _DEEP),
        **{name: _movie(name) for name in _MOVIES},
        "65c0b3fc-upload.mov": partial(
            make_movie, "h264", 3, (288, 512), 23, created=0x65C0B3FC, quicktime=True, rate=1
        ),
        "65c0b3fc-video-h264.mp4": partial(make_movie, "h264", 3, (144, 256), 23, rate=1),
        "698ab064-sound.wav": partial(make_wav, 1, 46.25),
        "69d7e2b6-sound.wav": partial(make_wav, 5, 6.0),
        "69d7e2b6-music.m4a": partial(make_m4a, 5, 12.0, created=0x69D7E2B6),
        "69637d24-subtitle-zh-CN.srt": partial(make_subtitles, _CHINESE),
        "69637d24-subtitle-en-US.srt": partial(make_subtitles, _ENGLISH),
    }
)
"""What makes each file, by its name: the first eight digits of the note's id, and the file's slot."""


def main(arguments: list[str]) -> int:
    """Write all files into the named folder, or into the demo's; return the exit code."""
    folder = Path(arguments[0]) if arguments else SHIPPED
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in RECIPES.items():
        (folder / name).write_bytes(make())
    print(f"{len(RECIPES)} files in {folder}")  # noqa: T201 - a program
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
