"""Writes a gallery as files, with small real media, without the rest of the program."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tools.demo_media.movies import make_movie
from tools.demo_media.pictures import make_picture
from tools.demo_media.sounds import make_wav
from xharchive.gallery.assets import static_files
from xharchive.gallery.pages import Card, NotePage, card_row, index_page, note_page, shard

__all__ = ["NOTE", "write_gallery"]

NOTE = "note 豫园 #1/index.html"


def write_gallery(
    archive: Path, cards: Sequence[Card], page: NotePage | None = None, *, cards_per_file: int = 400
) -> Path:
    """Write index, data, thumbnails and one note's folder with its media; return the archive's folder."""
    (archive / "gallery" / "thumbs").mkdir(parents=True)
    for name, content in static_files().items():
        (archive / "gallery" / name).write_bytes(content)
    for number in range(6):
        (archive / "gallery" / "thumbs" / f"{number}.webp").write_bytes(_media()[f"thumb{number}"])
    names = []
    for begin in range(0, len(cards), cards_per_file):
        names.append(f"gallery/data-{begin // cards_per_file:05}.js")
        (archive / names[-1]).write_text(
            shard([card_row(card) for card in cards[begin : begin + cards_per_file]]), "utf-8"
        )
    index = index_page(names, len(cards), "2026-11-20T09:30:00+08:00")
    (archive / "index.html").write_text(index, "utf-8")
    if page is not None:
        _write_note((archive / NOTE).parent, page)
    return archive


def _write_note(folder: Path, page: NotePage) -> None:
    folder.mkdir()
    for name, content in _media().items():
        (folder / name).write_bytes(content)
    (folder / "manifest.json").write_text("{}", "utf-8")
    (folder / "note.md").write_text("# note\n", "utf-8")
    (folder / "index.html").write_text(note_page(page), "utf-8")


@cache
def _media() -> dict[str, bytes]:
    """The second picture moves in H.264, the third in HEVC, which Debian's Chromium cannot show."""
    return {
        "01.jpg": make_picture("jpeg", 2, (240, 320)),
        "02.jpg": make_picture("jpeg", 4, (320, 240)),
        "03.jpg": make_picture("jpeg", 6, (240, 320)),
        "02.heic": b"",
        "02.mp4": make_movie("h264", 4, (96, 64), 6),
        "03.mp4": make_movie("h265", 6, (96, 64), 6),
        "video.mp4": make_movie("h264", 1, (96, 64), 20),
        "hevc.mp4": make_movie("h265", 1, (96, 64), 6),
        "cover.jpg": make_picture("jpeg", 1, (96, 64)),
        "audio.wav": make_wav(1, 1.0),
        **{f"thumb{number}": make_picture("webp", number, (90, 120)) for number in range(6)},
    }
