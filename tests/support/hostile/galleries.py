"""Archives in which the gallery's pages, pictures or folders were prepared."""

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from support.hostile import planting
from support.hostile.scene import SCRIPT, Scene
from support.hostile.sqlite_files import Builder

__all__ = ["GALLERIES", "PAGES"]


def _place(scene: Scene, place: str) -> Path:
    note = scene.note(scene.good.still).name
    for word, value in (("STILL", scene.good.still), ("VIDEO", scene.good.video), ("NOTE", note)):
        place = place.replace(word, value)
    return scene.archive / place


def _moved(place: str, scene: Scene) -> None:
    """Move a folder of the gallery out of the archive, and leave a link to it."""
    source, target = _place(scene, place), scene.outside / "moved"
    source.mkdir(parents=True, exist_ok=True)
    (source / "victim.webp").write_bytes(b"victim")
    (source / f"{'0' * 64}.webp").write_bytes(b"victim")
    source.rename(target)
    planting.link(source, target)


def _link(place: str, target: str, scene: Scene) -> None:
    planting.link(_place(scene, place), scene.outside / target)


def _plant(place: str, plant: Callable[[Path], None], scene: Scene) -> None:
    plant(_place(scene, place))


def _screen_through_a_link(scene: Scene) -> None:
    """A HEIC without a twin is named `sub/victim`; its picture for the screen goes through a link `sub`."""
    note = scene.note(scene.good.video)
    (note / "sub").mkdir()
    (note / "cover.heic").rename(note / "sub" / "victim")
    path = note / "manifest.json"
    data = json.loads(path.read_bytes())
    data["files"] = [entry for entry in data["files"] if entry["path"] != "cover.jpg"]
    next(entry for entry in data["files"] if entry["path"] == "cover.heic")["path"] = "sub/victim"
    path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    planting.link(scene.archive / "gallery" / "screens" / scene.good.video / "sub", scene.outside)
    (scene.archive / "gallery" / "thumbs" / f"{scene.good.video}.webp").unlink()


def _preview_through_a_link(scene: Scene) -> None:
    """The video is named `sub/victim`; its preview goes through a link `sub`."""
    note = scene.note(scene.good.video)
    (note / "sub").mkdir()
    (note / "video.mov").rename(note / "sub" / "victim")
    path = note / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"video.mov"', '"sub/victim"'), "utf-8")
    planting.link(scene.archive / "gallery" / "previews" / scene.good.video / "sub", scene.outside)


def _script_of_the_same_size(place: str, scene: Scene, *, same_time: bool = False) -> None:
    """Replace a page by another of the same size that runs a script.

    With `same_time` its modification time stays, too. Nobody can keep the time of the inode's change.
    """
    path = _place(scene, place)
    status = path.stat()
    text = f'<!DOCTYPE html><meta name="generator" content="xharchive"><title>x</title>{SCRIPT}'
    if path.suffix == ".js":
        text = f"hostile();//{SCRIPT}"
    assert len(text) < status.st_size
    path.write_bytes(text.encode().ljust(status.st_size, b" "))
    if same_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


def _foreign_page(scene: Scene) -> None:
    """A page that is not the gallery's: nobody may write over it."""
    (scene.archive / "index.html").write_text("<title>somebody's own page</title>", "utf-8")


GALLERIES: Mapping[str, Builder] = {
    **{
        f"{place}: link": partial(_moved, place)
        for place in (
            *("gallery", "gallery/thumbs", "gallery/screens", "gallery/previews", ".xharchive/thumbs"),
            *(
                "gallery/screens/VIDEO",
                "gallery/previews/VIDEO",
                "gallery/screens/gone",
                "gallery/previews/gone",
            ),
        )
    },
    **{
        f"{place}: {kind}": partial(_plant, place, plant)
        for place, kinds in (
            ("gallery", ("fifo",)),
            ("gallery/thumbs", ("fifo",)),
            ("gallery/screens", ("fifo",)),
            ("gallery/screens/VIDEO", ("fifo",)),
            ("gallery/previews", ("fifo",)),
            ("index.html", ("fifo", "folder", "socket")),
            ("index.html.tmp", ("fifo", "folder")),
            ("gallery/index.js", ("fifo", "folder")),
            ("gallery/index.js.tmp", ("folder",)),
            ("gallery/data-000000000000000000000000.js", ("fifo", "folder")),
            ("gallery/data-000000000000000000000001.js", ("fifo", "folder")),
            ("gallery/thumbs/STILL.webp", ("fifo", "folder")),
            ("gallery/thumbs/gone.webp", ("folder",)),
            ("gallery/thumbs/STILL.webp.tmp", ("folder",)),
            ("gallery/previews/VIDEO/video.mov.mp4", ("fifo", "folder")),
            ("gallery/previews/VIDEO/video.mov.mp4.tmp", ("folder",)),
            ("gallery/screens/gone/deep", ("folder",)),
            ("NOTE/index.html.tmp", ("folder",)),
        )
        for kind, plant in planting.KINDS.items()
        if kind in kinds
    },
    **{
        f"{place}: link to {target}": partial(_link, place, target)
        for place, target in (
            ("index.html", "index.html"),
            ("index.html.tmp", "precious"),
            ("gallery/index.js", "index.js"),
            ("gallery/index.js", "not-there"),
            ("gallery/index.js.tmp", "precious"),
            ("gallery/data-000000000000000000000000.js", "data-000000000000000000000001.js"),
            ("gallery/data-000000000000000000000001.js", "data-000000000000000000000001.js"),
            ("gallery/thumbs/STILL.webp", "victim.webp"),
            ("gallery/thumbs/STILL.webp.tmp", "victim.webp"),
            ("gallery/previews/VIDEO/video.mov.mp4", "precious"),
            ("gallery/previews/VIDEO/video.mov.mp4.tmp", "precious"),
            ("NOTE/index.html.tmp", "precious"),
        )
    },
    "index.html: link to a device": lambda scene: planting.link(
        scene.archive / "index.html", Path("/dev/zero")
    ),
    "index.js: 1 GiB": lambda scene: planting.sparse(_place(scene, "gallery/index.js"), planting.GIB),
    "thumbnail of 64 GiB": lambda scene: planting.sparse(
        _place(scene, "gallery/thumbs/STILL.webp"), 64 * planting.GIB
    ),
    "screen through a link": _screen_through_a_link,
    "preview through a link": _preview_through_a_link,
    "somebody's own index.html": _foreign_page,
}

PAGES: Mapping[str, Builder] = {
    "a note's page replaced": partial(_script_of_the_same_size, "NOTE/index.html"),
    "a note's page replaced, its time kept": partial(
        _script_of_the_same_size, "NOTE/index.html", same_time=True
    ),
    "the index replaced": partial(_script_of_the_same_size, "index.html"),
    "the index's script replaced": partial(_script_of_the_same_size, "gallery/index.js"),
    "the index's data replaced": partial(
        _script_of_the_same_size, "gallery/data-000000000000000000000000.js"
    ),
}
