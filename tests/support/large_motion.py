"""A motion large enough for byte ranges, on a host of its own: archiving it, and what came of that."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from support.command import folder_of, ledger, manifests, run
from support.fake_world import FakeWorld
from support.ranged_host import RangedHost
from support.single_run import LIVE_NOTE

__all__ = ["PART", "V8", "Hosts", "get", "is_whole", "refusals", "without_sizes"]

Hosts = Callable[..., AbstractContextManager[RangedHost]]
PART = Path(".xharchive") / "work" / LIVE_NOTE / "live-1.part"
V8 = "sns-v8.rednotecdn.com"


def without_sizes(value: Any) -> Any:
    """A reply that declares no sizes: the motion is larger than the demo's."""
    if isinstance(value, dict):
        return {name: without_sizes(item) for name, item in value.items() if name != "size"}
    return [without_sizes(item) for item in value] if isinstance(value, list) else value


def get(large: FakeWorld, host: RangedHost, archive: Path, *more: str, verb: str = "get") -> int:
    """Archive the note, or go on with it, and return the exit code."""
    notes = [LIVE_NOTE] if verb == "get" else []
    quiet = ["--image-format", "keep", "-q"]
    return run([verb, *notes, "-d", archive, *quiet, *host.option, *large.options, *more]).code


def is_whole(archive: Path, body: bytes) -> bool:
    """Whether the archive has these very bytes, says so, and left nothing behind."""
    manifest = manifests(archive, LIVE_NOTE)[LIVE_NOTE]
    (entry,) = [entry for entry in manifest["files"] if entry["path"].endswith(".mp4")]
    there = (folder_of(archive, LIVE_NOTE) / "01.mp4").read_bytes()
    return (
        there == body
        and entry["sha256"] == hashlib.sha256(body).hexdigest()
        and entry["size"] == len(body)
        and manifest["state"] == "complete"
        and not list((archive / ".xharchive").glob("work/*"))
        and run(["verify", "-d", archive]).code == 0
        and [line["event"] for line in ledger(archive)] == ["intent", "outcome"]
    )


def refusals(archive: Path) -> list[str]:
    """Why candidates of the motion were refused."""
    (entry,) = [
        entry for entry in manifests(archive, LIVE_NOTE)[LIVE_NOTE]["files"] if entry["path"].endswith(".mp4")
    ]
    return [refusal["reason"] for refusal in entry["refused"]]
