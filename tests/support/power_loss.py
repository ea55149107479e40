"""A disk that loses what nobody synced: the folder that a recorded run may leave if the power goes.

POSIX promises little: a file's bytes are safe once the file is synced, a name once its folder is synced (for
a rename: each of the two folders for its own part), and a folder's content only if the folder's own name is
safe. What is not safe may be there or not. Each model is one choice; a real crash lies somewhere between.

Times are not modelled. The catalog's -shm file is written through memory, which no system call shows: it is
zeros here, and SQLite makes it anew whenever it opens a database alone.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

from support.disk_recorder import Operation, Verb

__all__ = [
    "EVERY_STATE",
    "MARKS",
    "ONE_IN",
    "TOKEN",
    "Disk",
    "Model",
    "State",
    "states",
    "times_of",
    "tree_of",
]

EVERY_STATE = os.environ.get("XHARCHIVE_POWER_LOSS") == "every"
"""Whether all states are to be tried, as by `make power-loss`; else a spread is."""
ONE_IN = 24
TOKEN = "s3cret/t0ken+of=tests"
MARKS = [
    pytest.mark.needs("strace"),
    pytest.mark.timeout(3600 if EVERY_STATE else 300),
]
"""What holds for all tests of a module that records a run."""

_CATALOG = "/.xharchive/catalog.sqlite3"
_NOISE = b"no database at all, once somebody else's blocks " * 200


@dataclass(eq=False, slots=True)
class _File:
    now: bytes = b""
    synced: bytes = b""
    synced_at: int = 0


@dataclass(eq=False, slots=True)
class _Folder:
    now: "dict[str, _File | _Folder]" = field(default_factory=dict)
    synced: "dict[str, _File | _Folder]" = field(default_factory=dict)
    synced_at: int = 0


_Node = _File | _Folder
_Captured = tuple[int, _File, bytes] | tuple[int, _Folder, dict[str, _Node]]


def _as_written(now: bytes, synced: bytes) -> bytes:
    return now


def _as_synced(now: bytes, synced: bytes) -> bytes:
    return synced


@cache  # hundreds of states have the same half of the same video: one is enough in memory
def _half(now: bytes, synced: bytes) -> bytes:
    kept = len(synced) if now.startswith(synced) else 0
    return now[: kept + (len(now) - kept) // 2]


@cache
def _zeros(now: bytes, synced: bytes) -> bytes:
    kept = synced if now.startswith(synced) else b""
    return kept + bytes(len(now) - len(kept))


class Model(Enum):
    """Which names and which bytes arrived, and what became of the catalog, which nobody may depend on."""

    KILLED = (False, _as_written, "as it is")
    """Everything so far: a kill, or a disk that was quick."""
    ONLY_SYNCED = (True, _as_synced, "gone")
    """Nothing but what was promised."""
    OLD_NAMES = (True, _as_written, "as it is")
    """All bytes, but no name that was not synced."""
    CUT = (False, _as_synced, "as it is")
    """All names, but files end where they were last synced: mostly empty ones."""
    TORN = (False, _half, "noise")
    """All names, half of the bytes that were not synced."""
    ZEROS = (False, _zeros, "as it is")
    """All names and sizes, zeros for the bytes that were not synced."""

    def __init__(self, old_names: bool, content: Callable[[bytes, bytes], bytes], catalog: str) -> None:
        self.old_names = old_names
        self.content = content
        self.catalog = catalog


class Disk:
    """Applies operations; `view` shows what is left after a power cut at this moment."""

    def __init__(self) -> None:
        self._top = _Folder()  # the parent of the recorded folder, which was there before
        self._syncing: dict[str, _Captured] = {}
        self._syncs = 0

    def apply(self, operation: Operation) -> bool:
        """Do what the run did; False if nothing changed by that (a file opened that was there already)."""
        path = operation.path
        match operation.verb:
            case Verb.MAKE_FOLDER:
                return self._put(path, _Folder())
            case Verb.CREATE:
                return self._node(path) is None and self._put(path, _File())
            case Verb.WRITE | Verb.CUT:
                file = self._node(path)
                assert isinstance(file, _File), operation
                before, file.now = file.now, _rewritten(file.now, operation)
                return before != file.now
            case Verb.RENAME:
                moved = self._take(path)
                return moved is not None and self._put(operation.to, moved)
            case Verb.REMOVE:
                return self._take(path) is not None
            case Verb.SYNC_BEGINS:
                self._capture(operation)
                return False
            case Verb.SYNC:
                return self._release(operation)

    def save_files(self) -> None:
        """All that was done so far arrives: it was long ago."""
        for node in (self._top, *(node for _, node in _walk(self._top, "", old_names=False))):
            if isinstance(node, _Folder):
                node.synced = dict(node.now)
            else:
                node.synced = node.now

    def _capture(self, operation: Operation) -> None:
        self._syncs += 1
        node = self._node(operation.path)
        if isinstance(node, _File):
            self._syncing[operation.thread] = (self._syncs, node, node.now)
        elif isinstance(node, _Folder):
            self._syncing[operation.thread] = (self._syncs, node, dict(node.now))

    def _release(self, operation: Operation) -> bool:
        captured = self._syncing.pop(operation.thread, None)
        if captured is None:
            return False
        begun, node, content = captured
        if begun < node.synced_at:  # one that began later has returned before it, and is not taken back
            return False
        before, node.synced, node.synced_at = node.synced, content, begun
        return before != content

    def view(self, model: Model) -> dict[str, bytes | None]:
        """What is left by path: a file's bytes, None for a folder."""
        return {path: self._shown(path, node, model) for path, node in _walk(self._top, "", model.old_names)}

    def _shown(self, path: str, node: _Node, model: Model) -> bytes | None:
        if isinstance(node, _Folder):
            return None
        if path.endswith(_CATALOG) and model.catalog == "noise":
            return _NOISE
        return model.content(node.now, node.synced)

    def names_in(self, path: str) -> set[str]:
        """The names in a folder whose sync has returned, whatever became of the folder itself."""
        node = self._node(path)
        return set(node.synced) if isinstance(node, _Folder) else set()

    def _node(self, path: str) -> _Node | None:
        node: _Node | None = self._top
        for name in path.split("/") if path != "." else ():
            node = node.now.get(name) if isinstance(node, _Folder) else None
        return node

    def _parent(self, path: str) -> tuple[_Folder, str]:
        folder, _, name = path.rpartition("/")
        parent = self._node(folder or ".")
        assert isinstance(parent, _Folder), path
        return parent, name

    def _put(self, path: str, node: _Node) -> bool:
        parent, name = self._parent(path)
        parent.now[name] = node
        return True

    def _take(self, path: str) -> _Node | None:
        parent, name = self._parent(path)
        return parent.now.pop(name, None)


def _rewritten(content: bytes, operation: Operation) -> bytes:
    if operation.verb is Verb.CUT:
        return content[: operation.at].ljust(operation.at or 0, b"\0")
    at = len(content) if operation.at is None else operation.at
    return content[:at].ljust(at, b"\0") + operation.data + content[at + len(operation.data) :]


def _walk(folder: _Folder, under: str, old_names: bool) -> Iterator[tuple[str, _Node]]:
    for name, node in sorted((folder.synced if old_names else folder.now).items()):
        yield under + name, node
        if isinstance(node, _Folder):
            yield from _walk(node, f"{under}{name}/", old_names)


@dataclass(frozen=True, slots=True)
class State:
    """A folder after a power cut: after how many operations, by which model, and what was promised by then.

    `kept`: the paid replies whose place on the disk was reported as safe, as "v1 <note id>". `asked`: whether
    an API call may have been sent.
    """

    prefix: int
    model: Model
    last: Operation
    content: Mapping[str, bytes | None]
    kept: frozenset[str]
    asked: bool

    def lay_out(self, parent: Path, times: Mapping[str, int]) -> None:
        """Make the folder. `times`: the mtime in ns of files of a known SHA-256; the catalog goes by it."""
        parent.mkdir(parents=True)
        for path, content in self.content.items():
            if content is None:
                (parent / path).mkdir()
                continue
            (parent / path).write_bytes(content)
            known = times.get(hashlib.sha256(content).hexdigest())
            if known is not None:
                os.utime(parent / path, ns=(known, known))


def states(
    operations: Sequence[Operation], before: Sequence[Operation] = (), *, long_before: bool = False
) -> Iterator[State]:
    """Yield every state that the models allow after each operation that changed anything, equal ones once.

    The power did not go while the operations `before` were done; `long_before`, so that all of it arrived.
    """
    disk = Disk()
    for operation in before:
        disk.apply(operation)
    if long_before:
        disk.save_files()
    kept: set[str] = set()
    asked = False
    seen: set[int] = set()
    number = 0
    for operation in operations:
        if not disk.apply(operation):
            continue
        number += 1
        asked = asked or operation.path.endswith("/ledger.jsonl")
        if operation.verb is Verb.SYNC and operation.path.endswith("/replies"):
            kept.update(_replies(operation.path, disk))
        for model in Model:
            content = disk.view(model)
            if model.catalog == "gone":
                content = {path: shown for path, shown in content.items() if _CATALOG not in path}
            # What was promised belongs to the state: it may grow while the folder stays as it is.
            told = hash((frozenset(content.items()), frozenset(kept), asked))
            if told not in seen:
                seen.add(told)
                yield State(number, model, operation, content, frozenset(kept), asked)


def _replies(folder: str, disk: Disk) -> Iterator[str]:
    note = folder.split("/")[-2][-24:]
    for name in disk.names_in(folder):
        if name.endswith(".json"):
            yield f"{name.removesuffix('.json')} {note}"


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """The same view of a real folder."""
    return {
        path.relative_to(folder.parent).as_posix(): path.read_bytes() if path.is_file() else None
        for path in (folder, *folder.rglob("*"))
    }


def times_of(archive: Path) -> dict[str, int]:
    """The mtime in ns of an archive's manifests by their SHA-256: notes are known by it."""
    found = archive.glob("*/manifest.json")
    return {hashlib.sha256(path.read_bytes()).hexdigest(): path.stat().st_mtime_ns for path in found}
