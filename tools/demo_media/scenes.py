"""Draws the demo's images: seven kinds of scene, different for each seed number."""

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

__all__ = ["draw_scene", "moving_scene"]

Colour = tuple[int, int, int]
_Size = tuple[int, int]

_SUPERSAMPLING = 2
_NIGHTS: tuple[tuple[Colour, Colour], ...] = (
    ((18, 20, 58), (122, 34, 64)),
    ((10, 32, 58), (34, 92, 110)),
    ((40, 16, 60), (190, 74, 70)),
    ((14, 14, 40), (60, 52, 128)),
)
_DAYS: tuple[tuple[Colour, Colour], ...] = (
    ((250, 214, 180), (244, 240, 226)),
    ((164, 208, 222), (250, 240, 220)),
    ((246, 196, 200), (254, 246, 236)),
    ((190, 214, 190), (248, 246, 224)),
)


def draw_scene(seed: int, size: tuple[int, int]) -> Image.Image:
    """Return an RGB image; `size` is (width, height) in pixels."""
    choose = random.Random(seed)  # noqa: S311 - a picture, not a secret
    large = (size[0] * _SUPERSAMPLING, size[1] * _SUPERSAMPLING)
    return _SCENES[seed % len(_SCENES)](choose, large).reduce(_SUPERSAMPLING)


def moving_scene(seed: int, size: tuple[int, int], count: int) -> list[Image.Image]:
    """Return `count` frames of a lantern that rises in front of a scene."""
    backdrop = draw_scene(seed, size)
    width, height = size
    radius = width // 9
    frames = []
    for index in range(count):
        progress = index / max(1, count - 1)
        x = round(width * (0.5 + 0.18 * math.sin(2 * math.pi * progress + seed)))
        y = round(height * (0.82 - 0.62 * progress))
        frame = backdrop.copy()
        draw_lantern(ImageDraw.Draw(frame), (x, y), radius, (226, 62, 40))
        frames.append(frame)
    return frames


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """Return a vertical blend of two colours."""
    ramp = Image.linear_gradient("L").resize(size)
    return Image.merge(
        "RGB",
        [ramp.point([a + (b - a) * v // 255 for v in range(256)]) for a, b in zip(top, bottom, strict=True)],
    )


def glow(picture: Image.Image, spots: Sequence[tuple[int, int, int, Colour]]) -> Image.Image:
    """Add soft light to an image; a spot is (x, y, radius, colour)."""
    scale = 8
    light = Image.new("RGB", (picture.width // scale, picture.height // scale))
    pen = ImageDraw.Draw(light)
    for x, y, radius, colour in spots:
        _disc(pen, (x // scale, y // scale), max(2, radius // scale), colour)
    blurred = light.filter(ImageFilter.GaussianBlur(picture.width / scale / 24))
    return ImageChops.screen(picture, blurred.resize(picture.size, Image.Resampling.BILINEAR))


def draw_lantern(pen: ImageDraw.ImageDraw, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    """Draw a paper lantern with ribs, caps and a tassel."""
    x, y = centre
    tall = radius * 4 // 5
    dark = _shade(colour, 0.7)
    pen.line((x, y - tall * 2, x, y + tall * 2), fill=_shade(colour, 0.5), width=max(1, radius // 14))
    pen.ellipse((x - radius, y - tall, x + radius, y + tall), fill=colour)
    for part in (0.72, 0.4):
        inner = round(radius * part)
        pen.ellipse((x - inner, y - tall, x + inner, y + tall), outline=dark, width=max(1, radius // 24))
    pen.ellipse((x - radius // 3, y - tall // 2, x + radius // 3, y + tall // 2), fill=_shade(colour, 1.25))
    for edge in (y - tall, y + tall):
        half = radius // 3
        pen.rectangle((x - half, edge - radius // 9, x + half, edge + radius // 9), fill=(222, 176, 84))
    for step in (-1, 0, 1):
        at = x + step * radius // 6
        pen.line((at, y + tall, at, y + tall * 2), fill=(222, 176, 84), width=max(1, radius // 16))


def _lanterns(choose: random.Random, size: _Size) -> Image.Image:
    width, height = size
    picture = gradient(size, *choose.choice(_NIGHTS))
    lanterns = [
        (
            choose.randrange(width),
            choose.randrange(height // 8, height),
            choose.randrange(width // 24, width // 8),
        )
        for _ in range(13)
    ]
    picture = glow(picture, [(x, y, r * 2, (150, 60, 20)) for x, y, r in lanterns])
    pen = ImageDraw.Draw(picture)
    for x, y, radius in sorted(lanterns, key=lambda lantern: lantern[2]):
        draw_lantern(pen, (x, y), radius, (choose.randrange(206, 246), choose.randrange(40, 130), 36))
    return picture


def _mountains(choose: random.Random, size: _Size) -> Image.Image:
    width, height = size
    top, bottom = choose.choice(_DAYS)
    sun = (choose.randrange(width // 5, width * 4 // 5), height // 4, width // 9, (255, 214, 150))
    picture = glow(gradient(size, top, bottom), [sun])
    pen = ImageDraw.Draw(picture)
    _disc(pen, sun[:2], sun[2] // 2, (255, 246, 226))
    ink = (choose.randrange(30, 60), choose.randrange(70, 100), choose.randrange(90, 120))
    layers = 6
    for layer in range(layers):
        base = height * (5 + layer) // (layers + 5)
        ridge = _ridge(choose, width, base, height // (9 + layer))
        pen.polygon([(0, height), *ridge, (width, height)], fill=_mix(bottom, ink, (layer + 1) / layers))
    return picture


def _sea(choose: random.Random, size: _Size) -> Image.Image:
    width, height = size
    top, bottom = choose.choice(_NIGHTS)
    horizon = height * 5 // 9
    moon_x = choose.randrange(width // 4, width * 3 // 4)
    picture = gradient(size, top, bottom)
    picture.paste(gradient((width, height - horizon), _shade(bottom, 0.8), _shade(top, 0.8)), (0, horizon))
    picture = glow(picture, [(moon_x, height // 4, width // 6, (120, 120, 90))])
    pen = ImageDraw.Draw(picture)
    _disc(pen, (moon_x, height // 4), width // 10, (252, 244, 214))
    for line in range(26):
        y = horizon + (height - horizon) * line * line // 700
        half = width // 40 + choose.randrange(width // 12) + line * width // 180
        x = moon_x + choose.randrange(-width // 40, width // 40 + 1)
        pen.rounded_rectangle((x - half, y, x + half, y + 3 + line // 2), 3, fill=(236, 222, 176))
    return picture


def _city(choose: random.Random, size: _Size) -> Image.Image:
    width, height = size
    top, bottom = choose.choice(_NIGHTS)
    picture = glow(
        gradient(size, top, bottom), [(width // 2, height * 3 // 4, width // 2, _shade(bottom, 0.6))]
    )
    pen = ImageDraw.Draw(picture)
    for depth in range(3):
        body = _mix(bottom, (16, 16, 34), (depth + 2) / 4)
        x = -choose.randrange(width // 10)
        while x < width:
            wide = choose.randrange(width // 12, width // 6)
            roof = height * (4 + depth) // 10 + choose.randrange(-height // 10, height // 8)
            pen.rectangle((x, roof, x + wide, height), fill=body)
            _windows(choose, pen, (x, roof, x + wide, height))
            x += wide + width // 60
    return picture


def _windows(choose: random.Random, pen: ImageDraw.ImageDraw, wall: tuple[int, int, int, int]) -> None:
    step = max(14, (wall[2] - wall[0]) // 6)
    for y in range(wall[1] + step, wall[3], step * 3 // 2):
        for x in range(wall[0] + step // 2, wall[2] - step // 2, step):
            if choose.random() < 0.42:
                pen.rectangle(
                    (x, y, x + step // 2, y + step * 3 // 4), fill=(250, choose.randrange(180, 230), 130)
                )


def _blossoms(choose: random.Random, size: _Size) -> Image.Image:
    width, height = size
    picture = gradient(size, *choose.choice(_DAYS))
    pen = ImageDraw.Draw(picture)
    petal: Colour = choose.choice(((240, 130, 150), (250, 250, 246), (232, 90, 96)))
    for _ in range(6):
        x, y = choose.randrange(-width // 6, width // 4), choose.randrange(height)
        for joint in range(7):
            end = x + width // 6, y + choose.randrange(-height // 9, height // 14)
            pen.line((x, y, *end), fill=(74, 52, 46), width=(8 - joint) * 4)
            for _ in range(3):
                spot = end[0] + choose.randrange(-60, 60), end[1] + choose.randrange(-60, 60)
                _blossom(pen, spot, choose.randrange(width // 60, width // 28), petal)
            x, y = end
    return picture


def _blossom(pen: ImageDraw.ImageDraw, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    for petal in range(5):
        angle = petal * 2 * math.pi / 5
        at = round(centre[0] + radius * math.cos(angle)), round(centre[1] + radius * math.sin(angle))
        _disc(pen, at, radius * 3 // 4, _shade(colour, 0.92 if petal % 2 else 1.0))
    _disc(pen, centre, radius // 3, (246, 196, 90))


def _lattice(choose: random.Random, size: _Size) -> Image.Image:
    """Draw a garden window of crossing rings in front of mountains."""
    width, height = size
    picture = _mountains(choose, size)
    pen = ImageDraw.Draw(picture)
    wood = (70, 44, 36)
    step = width // choose.randrange(4, 7)
    for y in range(0, height + step, step):
        for x in range(0, width + step, step):
            for radius in (step * 7 // 10, step // 5):
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=wood, width=step // 16)
    frame = width // 14
    pen.rectangle((0, 0, width - 1, height - 1), outline=(238, 232, 220), width=frame)
    pen.rectangle((frame, frame, width - frame, height - frame), outline=wood, width=frame // 3)
    return picture


def _teacups(choose: random.Random, size: _Size) -> Image.Image:
    width, height = size
    top, bottom = choose.choice(_DAYS)
    picture = gradient(size, top, bottom)
    pen = ImageDraw.Draw(picture)
    for _ in range(9):
        x, y = choose.randrange(width), choose.randrange(height)
        radius = choose.randrange(width // 12, width // 5)
        glaze = (choose.randrange(70, 230), choose.randrange(110, 200), choose.randrange(110, 200))
        _disc(pen, (x + radius // 8, y + radius // 8), radius, _shade(bottom, 0.84))
        _disc(pen, (x, y), radius, _shade(glaze, 1.2))
        _disc(pen, (x, y), radius * 9 // 10, glaze)
        _disc(pen, (x, y), radius * 7 // 10, (168, 104, 44))
        _disc(pen, (x - radius // 5, y - radius // 5), radius // 7, (222, 172, 110))
    return picture


def _ridge(choose: random.Random, width: int, base: int, rise: int) -> list[tuple[int, int]]:
    phase, steps = choose.random() * 6, 24
    slopes = [math.sin(phase + at / 3) + 0.5 * math.sin(phase * 2 + at / 1.3) for at in range(steps + 1)]
    return [(width * at // steps, round(base - rise * slope)) for at, slope in enumerate(slopes)]


def _disc(pen: ImageDraw.ImageDraw, centre: tuple[int, int], radius: int, colour: Colour) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, round(part * factor)) for part in colour)
    return red, green, blue


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


_SCENES: tuple[Callable[[random.Random, _Size], Image.Image], ...] = (
    _lanterns,
    _mountains,
    _sea,
    _city,
    _blossoms,
    _lattice,
    _teacups,
)
