"""Archives in which the folder of a note, its manifest or its files were prepared."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from support.hostile import planting
from support.hostile.scene import SCRIPT, Scene
from support.hostile.sqlite_files import Builder

__all__ = ["FOLDERS", "MANIFESTS"]

_SHADOWED = (
    *("argparse", "json", "sqlite3", "asyncio", "pathlib", "re", "os", "contextlib", "dataclasses", "signal"),
    *("PIL", "pillow_heif", "av", "aiohttp", "jinja2", "filelock", "sitecustomize", "usercustomize"),
)


def _still(scene: Scene) -> Path:
    return scene.note(scene.good.still) / "manifest.json"


def _video(scene: Scene) -> Path:
    return scene.note(scene.good.video) / "manifest.json"


def _change(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest; its stamp changes with it."""
    before = path.read_bytes()
    data = json.loads(before)
    change(data)
    path.write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    assert path.read_bytes() != before


def _raw(old: str, new: str, scene: Scene) -> None:
    """Change the text of the manifest itself, into what no JSON library would write."""
    path = _still(scene)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def _plant(plant: Callable[[Path], None], scene: Scene) -> None:
    plant(_still(scene))


def _link(scene: Scene) -> None:
    """A link to the whole manifest, outside."""
    path, copy = _still(scene), scene.outside / "copy.json"
    path.replace(copy)
    planting.link(path, copy)


def _note(values: Mapping[str, object], scene: Scene) -> None:
    _change(_still(scene), lambda data: data["note"].update(values))


def _file(values: Mapping[str, object], scene: Scene) -> None:
    _change(_still(scene), lambda data: data["files"][0].update(values))


def _names(path: str, scene: Scene) -> None:
    """Have the manifest name a file that is there, with its true size and digest."""
    note = scene.note(scene.good.still)
    planting.link(note / "sub", scene.outside)
    _file({"path": path.replace("OUTSIDE", str(scene.outside)), "size": 25}, scene)
    _change(_still(scene), lambda data: data["replies"][0].update(path=path))


def _all_wrong_types(scene: Scene) -> None:
    _change(_still(scene), lambda data: data.update({name: [{}, None, 1] for name in data if name != "id"}))


def _wrong_types_inside(scene: Scene) -> None:
    """Each text of the note is a list, each list an object: the catalog and the pages print them."""
    swapped = {str: [["x"]], list: {"x": "y"}, dict: ["x"], int: "many", type(None): {"a": []}, bool: "no"}
    _change(
        _still(scene),
        lambda data: data["note"].update(
            {name: swapped[type(value)] for name, value in data["note"].items()}
        ),
    )


def _script_everywhere(scene: Scene) -> None:
    """Every text of both notes, whatever it is for, is a script."""

    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: spoilt(item) for name, item in value.items()}
        if isinstance(value, list):
            return [spoilt(item) for item in value]
        return f"{value}{SCRIPT}\"'><img src=x onerror=hostile()>" if isinstance(value, str) else value

    fields = ("media_type", "endpoint", "tool", "settings", "problem", "label")
    for path in (_still(scene), _video(scene)):
        _change(path, lambda data: data["note"].update({**spoilt(data["note"]), "url": data["note"]["url"]}))
        _change(path, lambda data: data["files"][0].update(dict.fromkeys(fields, SCRIPT)))
        _change(path, lambda data: data["files"][0].update(source={"host": SCRIPT, "path": SCRIPT}))


def _script_addresses(scene: Scene) -> None:
    """Addresses that lead to scripts or to the listener, wherever an address may stand."""
    address = f"javascript:fetch('{scene.listener.url}')"
    author = {
        "id": address,
        "name": scene.listener.url,
        "red_id": scene.listener.url,
        "avatar": scene.listener.url,
    }
    _note({"author": author, "mentions": [author], "tags": [address, scene.listener.url]}, scene)
    _file({"source": {"host": f"127.0.0.1:{scene.listener.port}", "path": "/canary"}}, scene)


def _text_of_100_mb(scene: Scene) -> None:
    _note({"text": "x" * 100_000_000}, scene)


def _many_tags(scene: Scene) -> None:
    _note({"tags": [f"tag {number:07}" for number in range(1_500_000)]}, scene)


def _many_topics(scene: Scene) -> None:
    _note({"text": "#豫园[话题]# " * 800_000}, scene)


def _open_topics(scene: Scene) -> None:
    """Beginnings of topics that never end: 20 MB that a pattern looks through again and again."""
    _note({"text": "#" * 10_000_000 + "#x[" * 3_000_000}, scene)


def _many_mentions(scene: Scene) -> None:
    people = [{"id": f"{number:024x}", "name": f"n{number}"} for number in range(150_000)]
    _note({"mentions": people, "text": "@n1 " * 300_000}, scene)


def _many_files(scene: Scene) -> None:
    """100,000 files, all of them the first picture."""

    def change(data: dict[str, Any]) -> None:
        first = data["files"][0]
        data["files"] = [{**first, "position": number} for number in range(1, 100_000)]

    _change(_still(scene), change)


def _subtitle(plant: Callable[[Path], None], scene: Scene) -> None:
    """The manifest says that the subtitle has 10 bytes."""
    plant(scene.note(scene.good.video) / "video.zh-CN.srt")

    def change(data: dict[str, Any]) -> None:
        next(entry for entry in data["files"] if entry["path"] == "video.zh-CN.srt")["size"] = 10

    _change(_video(scene), change)


def _large_subtitle(scene: Scene) -> None:
    _subtitle(lambda path: planting.sparse(path, 3 * planting.GIB), scene)


MANIFESTS: Mapping[str, Builder] = {
    **{f"manifest: {kind}": partial(_plant, plant) for kind, plant in planting.KINDS.items()},
    "manifest: link": _link,
    "manifest: link to a device": partial(_plant, lambda path: planting.link(path, Path("/dev/zero"))),
    "manifest of 1 GiB": partial(_plant, lambda path: planting.sparse(path, planting.GIB)),
    "manifest of 100 MB": _text_of_100_mb,
    "manifest of deep nesting": partial(_raw, '"tags": [', f'"tags": [{"[" * 1_000_000}'),
    "manifest with keys twice": partial(_raw, '"id":', '"id": "../../outside", "state": "x", "id":'),
    "manifest of giant numbers": partial(_raw, '"size":', f'"size": {"9" * 5000}, "size":'),
    "manifest with a position of 4,000 digits": partial(_raw, '"position": 1', f'"position": {"9" * 4000}'),
    "manifest of NaN": partial(_raw, '"size":', '"width": NaN, "height": Infinity, "size":'),
    "manifest with a negative size": partial(_file, {"size": -1}),
    "manifest with giant sizes": partial(_file, {"size": 2**62, "width": 2**62, "duration_ms": 2**62}),
    "manifest with giant counts": partial(_note, {"counts": {"likes": 10**4000, "collects": -(2**70)}}),
    "manifest of wrong types": _all_wrong_types,
    "manifest of wrong types inside": _wrong_types_inside,
    "manifest with moments that are none": partial(
        _note, {"published": {"utc": "0001-01-01T00:00:00+23:59", "china": "\x1b[2J"}}
    ),
    **{
        f"manifest names {path[:40]!r}": partial(_names, path)
        for path in (
            *("../01.webp", "sub/authorized_keys", "OUTSIDE/authorized_keys", "manifest.json", "index.html"),
            *(".", "replies", "a\nb", "x" * 5000, "http:/x", "//host/x"),
        )
    },
    "manifest of scripts": _script_everywhere,
    "manifest of script addresses": _script_addresses,
    "manifest of terminal codes": partial(
        _note, {"title": "\x1b]0;x\x07\u202e\x9b2J", "text": "\x1b[2J", "place": "\x9b", "tags": ["\x1b"]}
    ),
    "manifest with lone surrogates": partial(_raw, '"title": "', '"title": "\\ud800'),
    "manifest of 20 MB of tags": _many_tags,
    "manifest of 800,000 topics": _many_topics,
    "manifest of 20 MB of open topics": _open_topics,
    "manifest of 150,000 mentions": _many_mentions,
    "manifest of 100,000 files": _many_files,
    "subtitle of 3 GiB": _large_subtitle,
    "subtitle: fifo": partial(_subtitle, planting.fifo),
}


# Folders of notes, and what else lies in the archive.


def _moved(scene: Scene) -> None:
    """The note's folder is a link to a whole one outside."""
    note = scene.note(scene.good.still)
    target = scene.outside / note.name
    note.rename(target)
    planting.link(note, target)


def _renamed(name: str, scene: Scene) -> None:
    """A folder of another name, which ends with the note's id. It has the video: a worker opens that."""
    text = name.replace("PORT", str(scene.listener.port))
    folder = os.fsencode(scene.archive) + b"/" + os.fsencode(text) + f"_{scene.good.video}".encode()
    os.rename(os.fsencode(scene.note(scene.good.video)), folder)  # noqa: PTH104 - a name that is not UTF-8
    assert os.path.isdir(folder)  # noqa: PTH112


def _in_note(name: str, plant: Callable[[Path], None], scene: Scene) -> None:
    plant(scene.note(scene.good.still) / name)


def _link_in_note(name: str, target: str, scene: Scene) -> None:
    planting.link(scene.note(scene.good.still) / name, scene.outside / target)


def _two_of_one_id(scene: Scene) -> None:
    note = scene.note(scene.good.still)
    twin = note.with_name(f"0000-00-00_{SCRIPT.replace('/', '')}_{scene.good.still}")
    shutil.copytree(note, twin)
    _change(twin / "manifest.json", lambda data: data["note"].update(title=SCRIPT))


def _deep_folders(scene: Scene) -> None:
    """Folders in folders, deeper than Python recurses and longer than a path may be."""
    here = os.open(scene.note(scene.good.still), os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def _many_strays(scene: Scene) -> None:
    for number in range(20_000):
        (scene.note(scene.good.still) / f"stray-{number}").touch()


def _shadowing_modules(scene: Scene) -> None:
    """The command runs inside the archive, where modules lie with the names of Python's own."""
    code = f"open({str(scene.outside / 'ran')!r}, 'w').write(__name__)\nraise SystemExit(99)\n"
    for name in _SHADOWED:
        (scene.archive / f"{name}.py").write_text(code, "utf-8")
    (scene.archive / "xharchive").mkdir()
    (scene.archive / "xharchive" / "__init__.py").write_text(code, "utf-8")
    assert "argparse" in sys.stdlib_module_names


FOLDERS: Mapping[str, Builder] = {
    "note folder: link": _moved,
    **{
        f"note folder named {name[:40]!r}": partial(_renamed, name)
        for name in (
            *(
                "http:127.0.0.1:PORT",
                "concat:x",
                "-x",
                "a\nb",
                "\x1b]0;x\x07\u202ex",
                "\udcff\udcfe",
                "%2e%2e",
            ),
            *(SCRIPT.replace("/", ""), "x" * 200),
        )
    },
    "two folders of one id": _two_of_one_id,
    **{
        f"{name} of a note: {kind}": partial(_in_note, name, plant)
        for name in ("01.webp", "note.md", "replies", "replies/v1.json", "index.html", "stray")
        for kind, plant in planting.KINDS.items()
        if kind != "socket"
    },
    "01.webp of a note: link": partial(_link_in_note, "01.webp", "01.webp"),
    "01.webp of a note: link to a device": partial(
        _in_note, "01.webp", lambda path: planting.link(path, Path("/dev/zero"))
    ),
    "01.webp of a note: 64 GiB": partial(
        _in_note, "01.webp", lambda path: planting.sparse(path, 64 * planting.GIB)
    ),
    "index.html of a note: link": partial(_link_in_note, "index.html", "index.html"),
    "note.md of a note: link": partial(_link_in_note, "note.md", "note.md"),
    "replies of a note: link": partial(_link_in_note, "replies", "replies"),
    "reply of a note: link": partial(_link_in_note, "replies/v1.json", "replies/v1.json"),
    "reply of a note: 1 GiB": partial(
        _in_note, "replies/v1.json", lambda path: planting.sparse(path, planting.GIB)
    ),
    "temporary page of a note: link": partial(_link_in_note, "index.html.tmp", "precious"),
    "temporary manifest of a note: link": partial(_link_in_note, "manifest.json.tmp", "precious"),
    "3,000 folders in folders": _deep_folders,
    "20,000 strays": _many_strays,
    "modules of Python's names": _shadowing_modules,
}
