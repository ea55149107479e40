"""Archives in whose own folder lists, records, replies or locks were prepared."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from support.hostile import planting
from support.hostile.scene import Scene
from support.hostile.sqlite_files import Builder

__all__ = ["LISTS", "WORK"]

_HUNDRED_MB = 100_000_000


def _link(place: str, target: str, scene: Scene) -> None:
    """Replace a file or folder of the archive's own folder by a link to a witness."""
    planting.link(_place(scene, place), scene.outside / target)


def _linked(target: str, place: str, scene: Scene) -> None:
    _link(place, target, scene)


def _moved(place: str, scene: Scene) -> None:
    """Move a folder out of the archive, and leave a link to it."""
    source = _place(scene, place)
    source.parent.mkdir(parents=True, exist_ok=True)
    source.mkdir(exist_ok=True)
    source.rename(scene.outside / "moved")
    planting.link(source, scene.outside / "moved")


def _plant(place: str, plant: Callable[[Path], None], scene: Scene) -> None:
    plant(_place(scene, place))


def _planted(plant: Callable[[Path], None], place: str, scene: Scene) -> None:
    _plant(place, plant, scene)


def _write(place: str, content: bytes, scene: Scene) -> None:
    path = _place(scene, place)
    planting.clear(path)
    path.write_bytes(content)


def _place(scene: Scene, place: str) -> Path:
    return scene.state / place.replace("WORK", f"work/{scene.good.pending}")


def _line_of_1_gb(place: str, scene: Scene) -> None:
    planting.line_of_zeros(_place(scene, place))


def _sparse(place: str, scene: Scene) -> None:
    planting.sparse(_place(scene, place), planting.GIB)


def _device(place: str, scene: Scene) -> None:
    planting.link(_place(scene, place), Path("/dev/zero"))


# The ledger.


def _ledger(lines: Callable[[Scene], str], scene: Scene) -> None:
    with (scene.state / "ledger.jsonl").open("a", encoding="utf-8") as ledger:
        ledger.write(lines(scene))


def _odd_lines(scene: Scene) -> str:
    """Lines with keys that stand twice, giant numbers, deep nesting and wrong types."""
    call = '"event": "intent", "call": "x"'
    return "\n".join(
        (
            f'{{{call}, "event": "outcome", "billed": "yes", "call": ["x"], "note": "../x"}}',
            f'{{{call}, "note": "{scene.good.pending}", "endpoint": "../../v1", "at": "\\u001b]0;x\\u0007"}}',
            f'{{"event": "outcome", "call": "x", "billed": "yes", "code": {"9" * 5000}, "http": 1e999}}',
            f'{{"event": "outcome", "call": "x", "billed": {"[" * 100_000}',
            '{"event": {}, "call": null, "at": NaN}',
            "[]\n\0\x7f\ufffe",
            f'{{{call}, "at": "\\ud800", "reason": "\u202e{"x" * 100_000}", "endpoint": "v1"}}\n',
        )
    )


def _many_lines(scene: Scene) -> str:
    """The ends of 300,000 calls that nobody began, each with a name of its own for its reason."""
    return "".join(
        f'{{"event": "intent", "call": "{number}", "note": "{number:024x}", "reason": "{number}"}}\n'
        for number in range(300_000)
    )


# The work folder of the pending note.


def _record(path: str, scene: Scene, *, through: str = "") -> None:
    """Have the record of a verified picture name another file, which lies where the record says.

    With `through` the note's own folder has a link of that name to a folder outside.
    """
    work, note = scene.state / "work" / scene.good.pending, scene.archive / scene.good.pending_folder
    record = work / "image-1.done"
    entries: list[dict[str, Any]] = json.loads(record.read_bytes())
    if through:
        note.mkdir()
        planting.link(note / through, scene.outside)
    source = work / path.replace("OUTSIDE", str(scene.outside))
    if source.resolve().is_relative_to(work):
        source.parent.mkdir(exist_ok=True)
        (work / "01.webp").rename(source)
    content = source.read_bytes()
    entries[0] |= {"path": str(source) if "OUTSIDE" in path else path, "size": len(content)}
    entries[0]["sha256"] = hashlib.sha256(content).hexdigest()
    record.write_text(json.dumps(entries), "utf-8")


def _record_through_a_link_in_the_work_folder(scene: Scene) -> None:
    """The file that the record names lies outside, behind a link beside the record."""
    planting.link(scene.state / "work" / scene.good.pending / "sub", scene.outside)
    _record("sub/authorized_keys", scene)


def _record_over_a_folder(scene: Scene) -> None:
    """The note's folder has a folder in the place of the file that the record names."""
    planting.folder(scene.archive / scene.good.pending_folder / "01.webp")


def _large_record(scene: Scene) -> None:
    record = scene.state / "work" / scene.good.pending / "image-1.done"
    record.write_bytes(b"[" + b'"x",' * (_HUNDRED_MB // 4) + b'"x"]')


def _large_reply(scene: Scene) -> None:
    reply = scene.state / "work" / scene.good.pending / "replies" / "v1.json"
    reply.write_bytes(b'{"code": 0, "data": "' + b"x" * _HUNDRED_MB + b'"}')


def _many_work_folders(scene: Scene) -> None:
    for number in range(20_000):
        (scene.state / "work" / f"{number:024x}").mkdir()


# What listings and short links keep.


def _kept(plant: Callable[[Path], None], scene: Scene) -> None:
    assert scene.good.kept
    for place in scene.good.kept:
        plant(scene.state / place)


def _kept_links(scene: Scene) -> None:
    for place in scene.good.kept:
        planting.link(scene.state / place, scene.outside / "json" / "one.json")


def _kept_folders_are_links(scene: Scene) -> None:
    for place in scene.good.kept:
        planting.link((scene.state / place).parent, scene.outside / "json")


def _kept_large(scene: Scene) -> None:
    _kept(lambda path: planting.sparse(path, planting.GIB), scene)


_IN_PLACE_OF_A_LIST: Mapping[str, Callable[[str, Scene], None]] = {
    "line of 1 GiB": _line_of_1_gb,
    "link to a device": _device,
    "link": partial(_linked, "precious"),
    "link to nothing": partial(_linked, "not-there"),
    **{kind: partial(_planted, plant) for kind, plant in planting.KINDS.items()},
}

LISTS: Mapping[str, Builder] = {
    **{
        f"{name}: {what}": partial(build, name)
        for name in ("wanted.txt", "ledger.jsonl", "holder.json", "lock")
        for what, build in _IN_PLACE_OF_A_LIST.items()
    },
    "wanted.txt: links outside": partial(
        _write, "wanted.txt", b"../../outside\nhttps://127.0.0.1/\nfile:///etc/passwd\n\0\xff\x1b\n"
    ),
    "wanted.txt: options lead elsewhere": partial(
        _write,
        "wanted.txt",
        b'options ["--api-base","http://127.0.0.1:9","--resolve","*=127.0.0.1:9","--token-file","../../outside"]\n'
        b"69aed4e2000000000e00c358\noptions [\noptions\n69aed4e2000000000e00c359\n",
    ),
    "wanted.txt.tmp: link": partial(_link, "wanted.txt.tmp", "precious"),
    "wanted.txt.tmp: folder": partial(_plant, "wanted.txt.tmp", planting.folder),
    "holder.json.tmp: link": partial(_link, "holder.json.tmp", "precious"),
    "holder.json.tmp: folder": partial(_plant, "holder.json.tmp", planting.folder),
    "ledger of odd lines": partial(_ledger, _odd_lines),
    "ledger of 300,000 open calls": partial(_ledger, _many_lines),
    "gallery.stale: fifo": partial(_plant, "gallery.stale", planting.fifo),
    "gallery.stale: folder": partial(_plant, "gallery.stale", planting.folder),
    "gallery.stale: link": partial(_link, "gallery.stale", "precious"),
    "listings: link": partial(_moved, "listings"),
    "links: link": partial(_moved, "links"),
    "listings and links: folders are links": _kept_folders_are_links,
    "listings and links: replies are links": _kept_links,
    "listings and links: replies are pipes": partial(_kept, planting.fifo),
    "listings and links: replies are folders": partial(_kept, planting.folder),
    "listings and links: replies of 1 GiB": _kept_large,
    "state folder: link": partial(_moved, "."),
    "state folder: fifo": partial(_plant, ".", planting.fifo),
}

WORK: Mapping[str, Builder] = {
    "record names a file behind a link": partial(_record, "sub/authorized_keys", through="sub"),
    "record and file behind links": _record_through_a_link_in_the_work_folder,
    "record names a file above": partial(_record, "../../../../outside/authorized_keys"),
    "record names an absolute path": partial(_record, "OUTSIDE/authorized_keys"),
    "record names the manifest": partial(_record, "manifest.json"),
    "record names the page": partial(_record, "index.html"),
    "record names the text": partial(_record, "note.md"),
    "record names a reply": partial(_record, "replies/v1.json"),
    "record over a folder": _record_over_a_folder,
    "record of 100 MB": _large_record,
    "record of 1 GiB": partial(_sparse, "WORK/image-1.done"),
    "record: link to a device": partial(_device, "WORK/image-1.done"),
    "record of deep nesting": partial(_write, "WORK/image-1.done", b"[" * 1_000_000),
    "record: link": partial(_link, "WORK/image-1.done", "precious"),
    "recorded file: link": partial(_link, "WORK/01.webp", "precious"),
    "recorded file of 8 GiB": lambda scene: planting.sparse(_place(scene, "WORK/01.webp"), 8 * planting.GIB),
    "part: link": partial(_link, "WORK/image-2.part", "precious"),
    "part of 1 GiB": partial(_sparse, "WORK/image-2.part"),
    **{
        f"{what}: {kind}": partial(_plant, place, plant)
        for what, place in (
            ("record", "WORK/image-1.done"),
            ("recorded file", "WORK/01.webp"),
            ("part", "WORK/image-2.part"),
            ("second file", "WORK/02.webp"),
            ("kept reply", "WORK/replies/v1.json"),
        )
        for kind, plant in planting.KINDS.items()
    },
    "kept reply: link": partial(_link, "WORK/replies/v1.json", "precious"),
    "kept reply of 1 GiB": partial(_sparse, "WORK/replies/v1.json"),
    "kept reply of 100 MB": _large_reply,
    "kept reply of deep nesting": partial(
        _write, "WORK/replies/v1.json", b'{"code":0,"data":' + b"[" * 1_000_000
    ),
    "kept replies: link": partial(_moved, "WORK/replies"),
    "kept replies: fifo": partial(_plant, "WORK/replies", planting.fifo),
    "fresh replies: link": partial(_moved, "WORK/replies/fresh"),
    "work folder of a note: link": partial(_moved, "WORK"),
    "work folder of a note: fifo": partial(_plant, "WORK", planting.fifo),
    "work folder: link": partial(_moved, "work"),
    "work folder: fifo": partial(_plant, "work", planting.fifo),
    "20,000 work folders": _many_work_folders,
}
