"""One archive with witnesses around it: what no command over the archive may change or read."""

import hashlib
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from support.hostile.good_archive import GoodArchive

__all__ = ["CANARY", "SCRIPT", "Listener", "Scene", "Witness", "everything_in"]

CANARY = "CANARY-5d1f0c7a"
"""Stands in every witness, and must stand nowhere else."""
SCRIPT = "<script>hostile()</script>"
"""Stands in texts of prepared archives; in a page it would be a script that runs."""

_LONGEST_PATH = 3500
_OLD = 1_000_000_000 * 10**9


class Listener:
    """A port on loopback that counts who connects."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/canary"

    def connections(self) -> int:
        """Count the connections since the last call."""
        found = 0
        while True:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return found
            connection.close()
            found += 1

    def close(self) -> None:
        self._socket.close()


class Witness(NamedTuple):
    """A file, folder or link outside the archive."""

    mode: int
    modified: int
    content: str


@dataclass(frozen=True)
class Scene:
    """A copy of the good archive in `world/archive`, and witnesses in the rest of `world`.

    `scratch` is for what the judge writes itself.
    """

    folder: Path
    good: GoodArchive
    listener: Listener
    _before: dict[str, Witness] = field(default_factory=dict)

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def archive(self) -> Path:
        return self.world / "archive"

    @property
    def state(self) -> Path:
        return self.archive / ".xharchive"

    @property
    def outside(self) -> Path:
        """A folder of witnesses for links to lead to."""
        return self.world / "outside"

    @property
    def home(self) -> Path:
        return self.world / "home"

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    def note(self, note_id: str) -> Path:
        """Return the folder of a note of the good archive."""
        (found,) = self.archive.glob(f"*{note_id}")
        return found

    def lay_out(self) -> None:
        """Copy the good archive and make the witnesses."""
        self.scratch.mkdir(parents=True)
        shutil.copytree(self.good.folder, self.archive, symlinks=True)
        for place, content in _witnesses(self.good).items():
            path = self.world / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content} {CANARY}\n", "utf-8")

    def prepare(self, build: Callable[["Scene"], None]) -> None:
        """Have the archive prepared, and see that it is another one than the good archive then."""
        before = _looks(self.archive)
        build(self)
        assert _looks(self.archive) != before, "the archive is as good as it was"

    def remember_witnesses(self) -> None:
        """Take down what is outside the archive, once the archive is prepared."""
        self._before.clear()
        self._before.update(self._outside())
        for place in self._before:  # older than their content: the next read of a file sets its access time
            path = self.world / place
            os.utime(path, ns=(_OLD, path.lstat().st_mtime_ns), follow_symlinks=False)

    def harm(self) -> Iterator[str]:
        """Yield what changed outside the archive, or was read there, since `remember_witnesses`."""
        for place, before in self._before.items():
            path = self.world / place
            is_file = stat.S_ISREG(before.mode)
            if is_file and path.is_file() and path.lstat().st_atime_ns != _OLD:
                yield f"read outside: {place}"
        after = self._outside()
        for place in sorted(after.keys() | self._before.keys()):
            was, found = self._before.get(place), after.get(place)
            if was is None:
                yield f"appeared outside: {place}"
            elif found is None:
                yield f"removed outside: {place}"
            elif was != found:
                yield f"changed outside: {place}"

    def _outside(self) -> dict[str, Witness]:
        found = {".": _witness(self.world)}
        for path in everything_in(self.world, but=self.archive):
            found[path.relative_to(self.world).as_posix()] = _witness(path)
        return found


def everything_in(folder: Path, but: Path | None = None) -> Iterator[Path]:
    """Yield all files, folders and links below a folder, `but` one; no link is followed.

    Folders may be nested deeper than Python recurses and than a path may be long: the deepest are left out.
    """
    waiting = [folder]
    while waiting:
        entries = list(os.scandir(waiting.pop()))
        for entry in entries:
            path = Path(entry)
            if path == but or len(os.fsencode(path)) > _LONGEST_PATH:
                continue
            yield path
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)


def _looks(archive: Path) -> dict[Path, tuple[int, int, int, int]]:
    found = {}
    for path in (archive, *everything_in(archive)):
        status = path.lstat()
        found[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def _witness(path: Path) -> Witness:
    status = path.lstat()
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = os.fspath(path.readlink())
    elif stat.S_ISREG(status.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return Witness(status.st_mode, status.st_mtime_ns, content)


def _witnesses(good: GoodArchive) -> dict[str, str]:
    """Return files by path: some with names that the program writes or removes inside an archive."""
    names = (
        *("authorized_keys", "index.html", "note.md", "victim.webp", "precious", "precious.sqlite3"),
        *("01.webp", "02.webp", "video.mov", "index.js", "gallery.css", "wanted.txt", "lock"),
        *("json/one.json", "json/two.json", "replies/v1.json", f"{good.still}.webp"),
        *(f"thumbs/{good.still}.webp", f"{good.still}/victim.webp", f"screens/{good.still}/victim.webp"),
        *("0" * 64 + ".webp", "data-000000000000000000000001.js"),
    )
    places = ["home/.ssh/authorized_keys", "home/.netrc", ".ssh/authorized_keys"]
    places += ["index.html", "note.md", "victim.webp", "01.webp", "replies/v1.json", "json/one.json"]
    return dict.fromkeys((*places, *(f"outside/{name}" for name in names)), "witness")
