"""Make the golden archive, with the program and the tests' world of the commit that it is named after.

README.md beside this file has the commands. Later versions never make this archive anew. The modules have
the names of that commit.
"""

# mypy: ignore-errors
# ruff: noqa: I001

import json
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import tarfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import patch

from support.altered_world import AlteredWorld
from support.fake_world import running

from xharchive.demo.answers import Answer
from xharchive.demo.delivery import Delivery
from xharchive.demo.listings import short_link
from xharchive.demo.world import DemoWorld

HEIC, LIVE, VIDEO, SOUND = (
    "6a4c0a12000000002001f7e6",
    "69ef13c8000000000c00f2b5",
    "69637d24000000001b01d5f2",
    "69d7e2b6000000001d01a6c9",
)
EMPTY = "6a064da2000000001c03e8d7"
PARTIAL, TERMINATED, KILLED = (
    ("694c7be6000000002200e19b", "image-2"),
    ("6a34c6f0000000000900d3b8", "image-2"),
    ("6a63481c000000000e02a9d5", "image-1"),
)
"""Notes without one asset: every host answers 404 for it, SIGTERM or SIGKILL comes when half has arrived."""

ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"
PROGRAM = (sys.executable, "-P", "-m", "xharchive")
ENVIRONMENT = {**os.environ, "XHARCHIVE_TOKEN": "golden", "PYTHONDONTWRITEBYTECODE": "1"}


def main(folder: Path) -> None:
    """Make `archive` and `served` in an empty folder, and pack both into `<folder>.tar.xz`."""
    archive, served = folder / "archive", folder / "served"
    served.mkdir(parents=True)
    world = AlteredWorld(DemoWorld())
    paths: dict[str, str] = {}
    for note, slot in (PARTIAL, TERMINATED, KILLED):
        body = world.original(note, slot)
        if note == KILLED[0]:
            body = padded(body)
        paths[note] = world.notes[note].originals[slot]
        world.serves(paths[note], body)  # under an ETag that does not depend on the libraries that encode it
        (served / note).write_bytes(body)
    (served / "paths.json").write_text(json.dumps(paths, indent=1) + "\n", "ascii")
    with running(world) as fake:
        fake.script["*", "/" + paths[PARTIAL[0]]] = "4"
        notes = (HEIC, LIVE, VIDEO, short_link(SOUND), PARTIAL[0], EMPTY)
        get(3, archive, *notes, *fake.options)
        fake.script["*", "/" + paths[TERMINATED[0]]] = "S"
        stop(archive, TERMINATED, signal.SIGTERM, *fake.options)
        fake.script["*", "/" + paths[KILLED[0]]] = "S"
        stop(archive, KILLED, signal.SIGKILL, *fake.options)
    run(0, archive, "gallery")
    come_from_another_machine(archive)
    pack(folder)


def padded(png: bytes) -> bytes:
    """Add a chunk of zeros that viewers ignore: a run writes 512 KiB at once, and SIGKILL loses what is less.

    The zeros take no room in a compressed file.
    """
    end = png[-12:]
    chunk = b"zeRo" + bytes(1_200_000)
    return png[:-12] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + end


def get(code: int, archive: Path, *arguments: str) -> None:
    """Archive notes."""
    run(code, archive, "get", *arguments)


def run(code: int, archive: Path, *arguments: str) -> None:
    """Run a command to its end."""
    ran = subprocess.run([*PROGRAM, *arguments, "-d", str(archive)], env=ENVIRONMENT, check=False)
    if ran.returncode != code:
        raise SystemExit(f"{arguments[0]} ended with {ran.returncode}")


def stop(archive: Path, what: tuple[str, str], number: signal.Signals, *options: str) -> None:
    """Ask for a note, and send a signal once half of one asset has arrived and the others are there."""
    note, slot = what
    work = archive / ".xharchive" / "work" / note
    half_sent = threading.Event()
    send_half = Delivery.half

    async def noted(delivery: Delivery, answer: Answer) -> None:
        await send_half(delivery, answer)
        half_sent.set()

    with patch.object(Delivery, "half", noted), started(archive, "get", note, *options) as process:
        if not half_sent.wait(60):
            raise SystemExit(f"{slot} of {note} was never asked for")
        while not any(work.glob("*.done")):
            time.sleep(0.05)
        time.sleep(1)  # until the half has arrived too
        process.send_signal(number)
        process.wait()
    if not (work / f"{slot}.part").exists():
        raise SystemExit(f"the run of {note} left no part of {slot}")


@contextmanager
def started(archive: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command in the background."""
    with subprocess.Popen([*PROGRAM, *arguments, "-d", str(archive)], env=ENVIRONMENT) as process:
        yield process


def come_from_another_machine(archive: Path) -> None:
    """Replace the name of this boot: it says which bytes a crash of this machine cannot have lost."""
    for path in archive.glob(".xharchive/work/*/*.part.json"):
        before = path.stat()
        record = json.loads(path.read_bytes()) | {"boot": ANOTHER_BOOT}
        path.write_text(json.dumps(record), "ascii")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with closing(sqlite3.connect(archive / ".xharchive" / "gallery.sqlite3")) as database, database:
        database.execute("UPDATE looked_into SET boot = ?", (ANOTHER_BOOT,))


def pack(folder: Path) -> None:
    """Pack a folder with modes and times, without names of users."""

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(f"{folder}.tar.xz", "x:xz", format=tarfile.PAX_FORMAT, preset=9) as packed:
        for name in ("archive", "served"):
            packed.add(folder / name, name, filter=anonymous)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
