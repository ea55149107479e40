"""The pictures and movies that files are filled up from: few, because encoding takes its time."""

import random
from functools import cache
from io import BytesIO

import pillow_heif
from PIL import Image, ImageChops

from benchmarks.corpora.filling import Kind
from benchmarks.corpora.plan import Group
from tools.demo_media.movies import make_movie
from tools.demo_media.pictures import make_picture
from tools.demo_media.scenes import draw_scene

__all__ = ["base_for"]

_BASES = 6
_LARGE = 8_000_000  # pixels; encoding several of these takes long
_GRAIN = 20  # the noise goes so many grey levels up and down
_ENCODERS = {"jpeg": "JPEG", "webp": "WEBP"}


def base_for(group: Group, number: int) -> bytes:
    """Return the file that the group's file of this number is made from."""
    several = 2 if group.pixels[0] * group.pixels[1] > _LARGE else _BASES
    return _base(group.kind, group.pixels, group.grain, number % several)


@cache
def _base(kind: Kind, pixels: tuple[int, int], grain: bool, seed: int) -> bytes:
    if kind == "mp4":
        return make_movie("h264", seed, (288, 384), 20)
    if not grain:
        return make_picture(kind, seed, pixels)
    return _encoded(kind, _photograph(seed, pixels))


def _photograph(seed: int, pixels: tuple[int, int]) -> Image.Image:
    """Return a scene with grain; drawn small and enlarged, because only the decoder's work matters."""
    small = draw_scene(seed, (pixels[0] // 4, pixels[1] // 4))
    scene = small.resize(pixels, Image.Resampling.BICUBIC)
    grain = random.Random(seed).randbytes(pixels[0] * pixels[1])  # noqa: S311 - a picture, not a secret
    noise = Image.frombytes("L", pixels, grain).point([128 + (v - 128) * _GRAIN // 128 for v in range(256)])
    return ImageChops.add(scene, Image.merge("RGB", (noise, noise, noise)), scale=1, offset=-128)


def _encoded(kind: Kind, picture: Image.Image) -> bytes:
    out = BytesIO()
    if kind == "heic":
        pillow_heif.from_pillow(picture).save(out, quality=45, enc_params={"preset": "ultrafast"})
    else:
        picture.save(out, _ENCODERS[kind], quality=85)
    return out.getvalue()
