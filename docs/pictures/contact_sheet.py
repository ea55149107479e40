"""Draws docs/pictures/demo-archive.jpg: a contact sheet of an archive's pictures, for the README.

make demo && .venv/bin/python docs/pictures/contact_sheet.py demo-archive
"""

import sys
from pathlib import Path

from PIL import Image, ImageOps

_COLUMNS, _ROWS = 9, 3
_CELL = (150, 200)
_GAP = 8
_TARGET = Path(__file__).with_name("demo-archive.jpg")


def draw(archive: Path) -> Path:
    """Write the sheet from the archive's JPEGs, a few of each note, and return its path."""
    width = _COLUMNS * (_CELL[0] + _GAP) + _GAP
    height = _ROWS * (_CELL[1] + _GAP) + _GAP
    sheet = Image.new("RGB", (width, height), "white")
    for place, path in enumerate(_some_pictures(archive)):
        column, row = place % _COLUMNS, place // _COLUMNS
        with Image.open(path) as picture:
            thumbnail = ImageOps.fit(ImageOps.exif_transpose(picture), _CELL)
        sheet.paste(thumbnail, (_GAP + column * (_CELL[0] + _GAP), _GAP + row * (_CELL[1] + _GAP)))
    sheet.save(_TARGET, quality=82, optimize=True)
    return _TARGET


def _some_pictures(archive: Path) -> list[Path]:
    by_note = [sorted(folder.glob("*.jpg")) for folder in sorted(archive.iterdir()) if folder.is_dir()]
    rounds = max(map(len, by_note))
    mixed = [pictures[turn] for turn in range(rounds) for pictures in by_note if turn < len(pictures)]
    return mixed[: _COLUMNS * _ROWS]


if __name__ == "__main__":
    sys.stdout.write(f"{draw(Path(sys.argv[1]))}\n")
