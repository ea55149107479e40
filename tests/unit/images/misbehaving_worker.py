"""A worker that does what the original's file name says, and otherwise works."""

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from xharchive.archive_path import ArchivePath
from xharchive.images.worker import handle_request, serve

_LIMITS = ("AS", "CORE", "FSIZE", "NOFILE")


def _path(parts: list[str]) -> Path:
    return ArchivePath.from_json(parts).unguarded


def _be_killed(request: dict[str, Any]) -> None:
    if request["derivative"]:
        _path(request["derivative"]).write_bytes(b"half a derivative")
    os.kill(os.getpid(), signal.SIGKILL)


def _crash(_request: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _leave(_request: dict[str, Any]) -> None:
    os._exit(3)


def _raise(_request: dict[str, Any]) -> None:
    raise RuntimeError("a bug")


def _spin(_request: dict[str, Any]) -> None:
    while True:
        pass


def _wait(request: dict[str, Any]) -> None:
    """Tell whoever reads the pipe beside the original that, and who, is waiting here, for ever."""
    _path(request["original"]).with_suffix(".fifo").write_text(str(os.getpid()))
    threading.Event().wait()


def _show_process(request: dict[str, Any]) -> None:
    original = _path(request["original"])
    original.with_suffix(".env").write_bytes(Path("/proc/self/environ").read_bytes())
    limits = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in _LIMITS}
    descriptors = [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]
    seen = {"limits": limits, "descriptors": descriptors, "folder": str(Path.cwd())}
    original.with_suffix(".json").write_text(json.dumps(seen), encoding="ascii")


def _try_to_escape(request: dict[str, Any]) -> None:
    """Do what a decoder that was taken over might, with the port in the file's name, and note what worked."""
    original = _path(request["original"])
    parent, port = os.getppid(), int(original.stem.split("-")[1])
    tries: dict[str, Callable[[], object]] = {
        "start a program": lambda: subprocess.run(["/bin/true"], check=True),
        "connect": lambda: socket.create_connection(("127.0.0.1", port)).close(),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "signal the parent": lambda: os.kill(parent, 0),
        "read the parent's memory": lambda: Path(f"/proc/{parent}/mem").open("rb").close(),
    }
    worked = []
    for name, attempt in tries.items():
        with contextlib.suppress(PermissionError):
            attempt()
            worked.append(name)
    original.with_suffix(".json").write_text(json.dumps(worked), encoding="ascii")


def _chatter(_request: dict[str, Any]) -> None:
    os.write(1, b"a library's chatter\n")
    os.write(2, b"a library's complaint\n")


WAYS = {
    "killed": _be_killed,
    "crashing": _crash,
    "leaving": _leave,
    "raising": _raise,
    "spinning": _spin,
    "waiting": _wait,
    "showing": _show_process,
    "escaping": _try_to_escape,
    "chattering": _chatter,
}


def job(request: dict[str, Any]) -> dict[str, Any]:
    """Misbehave, or answer."""
    name = _path(request["original"]).stem.split("-")[0]
    if name == "raving":
        return {"verdict": "splendid", "derivative": None}
    if name in WAYS:
        WAYS[name](request)
    return handle_request(request)


if __name__ == "__main__":
    serve(job, int(sys.argv[1]))
