"""The files that the demo ships: all are listed, small, and what their tool makes."""

from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path

import av
import pillow_heif
import pytest
from PIL import Image, ImageStat

from tools import make_demo_media
from tools.make_demo_media import RECIPES, SHIPPED, main
from xharchive.demo.world import load_notes

FILES = SHIPPED.parent
MOST_BYTES = 3_000_000


def test_the_shipped_files_are_small() -> None:
    """They are a part of every installation."""
    assert sum(path.stat().st_size for path in FILES.rglob("*") if path.is_file()) <= MOST_BYTES


def test_each_file_is_listed_and_has_a_recipe() -> None:
    """Index, folder and tool name the same files."""
    listed = {stored.file for note in load_notes() for stored in note.stored}
    assert listed == set(RECIPES) == {path.name for path in SHIPPED.iterdir()}


def test_each_reply_is_listed() -> None:
    """No reply is left over."""
    index = (FILES / "index.json").read_text("utf-8")
    assert all(f'"{path.name}"' in index for path in (FILES / "replies").iterdir())


def test_declared_sizes_leave_room_for_a_box() -> None:
    """A file shorter than declared is filled up by a box, which has eight bytes at least."""
    for stored in chain.from_iterable(note.stored for note in load_notes()):
        shipped = (SHIPPED / stored.file).stat().st_size
        assert not stored.size or stored.size - shipped >= 8
        assert len(stored.read()) == (stored.size or shipped)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_file_is_what_its_recipe_makes(name: str) -> None:
    """The same bytes; from another version of an encoder, the same decoded facts."""
    made, shipped = RECIPES[name](), (SHIPPED / name).read_bytes()
    assert made == shipped or facts(made) == pytest.approx(facts(shipped), abs=6)


def test_the_tool_writes_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into the folder that it is given."""
    monkeypatch.setattr(make_demo_media, "RECIPES", {name: partial(bytes, 3) for name in RECIPES})
    assert main([str(tmp_path / "new")]) == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(RECIPES)
    assert f"{len(RECIPES)} files" in capsys.readouterr().out


def facts(body: bytes) -> list[float]:
    """Return width, height and mean colour of a picture; else seconds, and frames of each track."""
    if (picture := _picture(body)) is not None:
        return [*picture.size, *ImageStat.Stat(picture.convert("RGB")).mean]
    frames = []
    with av.open(BytesIO(body), "r") as file:
        seconds = (file.duration or 0) / 1_000_000
        for track in range(len(file.streams)):
            file.seek(0)
            frames.append(len(list(file.decode(file.streams[track]))))
    return [seconds, *frames]


def _picture(body: bytes) -> Image.Image | None:
    if body[8:12] in (b"heic", b"heix"):
        return pillow_heif.open_heif(BytesIO(body)).to_pillow()
    try:
        return Image.open(BytesIO(body))
    except OSError:
        return None
