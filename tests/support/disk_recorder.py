"""What a run really does to its folder: its system calls, recorded with strace, as a list of operations.

The program runs as its own process and is not changed for it. Who reads the list: `support.power_loss`.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

__all__ = ["Operation", "Verb", "record"]

_CALLS = (
    "open,openat,write,writev,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir"
)
# Nobody in the program does these to a file of the archive. Should it ever, the model must learn them first.
_UNKNOWN = (
    "creat,truncate,fallocate,pwritev,pwritev2,sendfile,splice,copy_file_range,link,linkat,symlink,symlinkat,"
    "sync_file_range,io_uring_setup"
)
_LINE = re.compile(r"(?P<thread>\d+)\s+(?P<rest>.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<rest>.*)")
_UNFINISHED = " <unfinished ...>"
# With -xx every string and path is hex throughout, so no quote or bracket in them can mislead these.
_HEX = r"(?:\\x[0-9a-f]{2})*"
_DESCRIPTOR = re.compile(rf"(?:AT_FDCWD|\d+)<(?P<path>{_HEX})>(?P<deleted>\(deleted\))?")
_STRING = re.compile(rf'"(?P<text>{_HEX})"')


class Verb(StrEnum):
    """What an operation does. A sync counts for what was there when it began, once it has returned."""

    MAKE_FOLDER = "make folder"
    CREATE = "create"
    WRITE = "write"
    CUT = "cut"
    RENAME = "rename"
    REMOVE = "remove"
    SYNC_BEGINS = "sync begins"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of the folder; paths are relative to its parent.

    `to` is a rename's new path. A write puts `data` at offset `at`, or at the end (None); a cut leaves `at`
    bytes. `thread` tells syncs that run at the same time from each other.
    """

    verb: Verb
    path: str
    to: str = ""
    data: bytes = b""
    at: int | None = None
    thread: str = ""


def record(
    command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
) -> list[Operation]:
    """Run a command that must succeed, and return what it did to `folder` (a real path), in order."""
    strace = ["strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", str(1 << 25), "-o", str(log)]
    traced = [*strace, "-e", f"trace={_CALLS},{_UNKNOWN}", *command]
    ran = subprocess.run(traced, capture_output=True, text=True, check=False, env=environment, timeout=100)
    assert ran.returncode == 0, ran.stderr
    with log.open(encoding="ascii") as lines:
        return list(_Reader(folder).operations(lines))


@dataclass(frozen=True, slots=True)
class _Call:
    thread: str
    name: str
    arguments: str
    result: int

    @property
    def paths(self) -> list[str]:
        """The paths that its descriptors and names stand for, absolute, a deleted file's left out."""
        begun = [
            _text(found["path"]) for found in _DESCRIPTOR.finditer(self.arguments) if not found["deleted"]
        ]
        names = [_text(found["text"]) for found in _STRING.finditer(self.arguments)]
        if self.name.endswith(("at", "at2")):
            return [os.path.join(*pair) for pair in zip(begun, names, strict=False)]  # noqa: PTH118 - text
        return names if self.name in _BY_NAME else begun

    @property
    def data(self) -> bytes:
        found = _STRING.finditer(self.arguments)
        return b"".join(_bytes(part["text"]) for part in found)[: self.result]

    @property
    def last_number(self) -> int:
        return int(self.arguments.rpartition(", ")[2], 0)


_BY_NAME = frozenset(("open", "creat", "rename", "unlink", "mkdir", "rmdir", "truncate", "link", "symlink"))
_SYNCS = frozenset(("fsync", "fdatasync"))


def _opening(call: _Call, path: str) -> Iterator[Operation]:
    if "O_CREAT" in call.arguments:
        yield Operation(Verb.CREATE, path)
    if "O_TRUNC" in call.arguments:
        yield Operation(Verb.CUT, path, at=0)


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


def _text(hexed: str) -> str:
    return os.fsdecode(_bytes(hexed))


class _Reader:
    """Turns strace's lines into operations. A call takes effect when it returns: a thread that waits for
    another one's call cannot go on before that."""

    def __init__(self, folder: Path) -> None:
        self._base = str(folder.parent) + "/"
        self._inside = "".join(f"\\x{byte:02x}" for byte in os.fsencode(folder.parent))
        self._name = folder.name
        self._begun: dict[str, str] = {}

    def operations(self, lines: Iterator[str]) -> Iterator[Operation]:
        for line in lines:
            told = _LINE.match(line)
            assert told, line[:200]
            thread, text = told["thread"], told["rest"]
            resumed = _RESUMED.match(text)
            if resumed:
                begun = self._begun.pop(thread, "")
                yield from self._call(thread, begun + resumed["rest"]) if begun else ()
            elif self._inside in text:
                yield from self._begin(thread, text)

    def _begin(self, thread: str, text: str) -> Iterator[Operation]:
        arguments = text.removesuffix(_UNFINISHED)
        if text.partition("(")[0] in _SYNCS:
            path = self._of(_Call(thread, "fsync", arguments, 0))
            yield from [Operation(Verb.SYNC_BEGINS, path, thread=thread)] if path else ()
        if arguments != text:
            self._begun[thread] = arguments
        else:
            yield from self._call(thread, text)

    def _call(self, thread: str, text: str) -> Iterator[Operation]:
        told = _CALL.match(text)
        assert told, text[:200]
        call = _Call(thread, told["name"], told["arguments"], int(told["result"]))
        path = self._of(call) if call.result >= 0 else ""
        if path:
            yield from self._meaning(call, path)

    def _of(self, call: _Call) -> str:
        """The path that a call is about, if it lies in the folder or is its parent; else ""."""
        paths = [self._relative(path) for path in call.paths]
        return next((path for path in paths if path), "")

    def _relative(self, path: str) -> str:
        if path + "/" == self._base:
            return "."
        path = path.removeprefix(self._base) if path.startswith(self._base) else ""
        return path if PurePosixPath(path).parts[:1] == (self._name,) else ""

    def _meaning(self, call: _Call, path: str) -> Iterator[Operation]:
        match call.name:
            case "mkdir" | "mkdirat":
                yield Operation(Verb.MAKE_FOLDER, path)
            case "open" | "openat":
                yield from _opening(call, path)
            case "write" | "writev":  # nobody seeks; if somebody did, the replay would differ in the end
                yield Operation(Verb.WRITE, path, data=call.data)
            case "pwrite64":
                yield Operation(Verb.WRITE, path, data=call.data, at=call.last_number)
            case "ftruncate":
                yield Operation(Verb.CUT, path, at=call.last_number)
            case "rename" | "renameat" | "renameat2":
                yield self._rename(call)
            case "unlink" | "unlinkat" | "rmdir":
                yield Operation(Verb.REMOVE, path)
            case "fsync" | "fdatasync":
                yield Operation(Verb.SYNC, path, thread=call.thread)
            case other:
                raise AssertionError(f"the model of the disk does not know {other}, called for {path}")

    def _rename(self, call: _Call) -> Operation:
        old, new = map(self._relative, call.paths)
        assert old, f"something is moved into the folder from outside: {call.paths}"
        assert new, f"something is moved out of the folder: {call.paths}"
        return Operation(Verb.RENAME, old, to=new)
