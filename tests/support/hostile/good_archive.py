"""The archive of which all hostile ones are copies: made by real runs, with a note that is not finished."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld
from xharchive.demo.demo_listings import AUTHOR, EVERYTHING, TOPIC, short_link

__all__ = ["PENDING", "STILL", "VIDEO", "GoodArchive", "make_good_archive"]

STILL = "694c7be6000000002200e19b"
"""Two pictures in WebP, 65 kB."""
VIDEO = "69637d24000000001b01d5f2"
"""A video in HEVC with a HEIC cover and subtitles, 0.6 MB."""
PENDING = "6a34c6f0000000000900d3b8"
"""Two pictures in WebP; its reply was paid for, the first picture is there, the second one is not."""


@dataclass(frozen=True)
class GoodArchive:
    """Two archived notes, a pending one, and the names under which listings and links keep their replies.

    `kept` are the paths of such replies, relative to the archive's own folder.
    """

    folder: Path
    pending_folder: str
    kept: tuple[str, ...]
    options: tuple[str, ...]
    still: str = STILL
    video: str = VIDEO
    pending: str = PENDING


def make_good_archive(folder: Path, world: FakeWorld) -> GoodArchive:
    """Make it in an empty folder, with real runs against `world`."""
    archive, second = folder / "archive", folder / "second"
    options = world.with_gallery
    assert run(["get", STILL, VIDEO, "-d", archive, *options]).code == 0
    assert run(["get", PENDING, "-d", second, *options]).code == 0
    done = folder_of(second, PENDING)
    _leave_unfinished(archive / ".xharchive", done, manifests(second)[PENDING]["files"][0])
    ledger = (second / ".xharchive" / "ledger.jsonl").read_bytes()
    with (archive / ".xharchive" / "ledger.jsonl").open("ab") as lines:
        lines.write(ledger)
    return GoodArchive(archive, done.name, _kept_replies(second, options), tuple(options))


def _leave_unfinished(state: Path, done: Path, first: dict[str, object]) -> None:
    """Lay out the pending note's work folder as a killed run leaves it."""
    work = state / "work" / PENDING
    (work / "replies").mkdir(parents=True)
    shutil.copy2(done / "replies" / "v1.json", work / "replies")
    shutil.copy2(done / str(first["path"]), work)
    (work / "image-1.done").write_text(json.dumps([first]), "utf-8")
    (state / "wanted.txt").write_text(f"{PENDING}\n", "ascii")


def _kept_replies(archive: Path, options: list[str]) -> tuple[str, ...]:
    """Return where listings and short links keep their replies, learnt from runs."""
    for asked in (
        ("search", EVERYTHING, "--limit", "2"),
        ("author", AUTHOR, "--limit", "2"),
        ("topic", TOPIC, "--limit", "2"),
        ("feed",),
    ):
        assert run([*asked, "-d", archive, *options]).code == 0
    assert run(["get", short_link(PENDING), "-d", archive, *options]).code == 0
    state = archive / ".xharchive"
    found = [*state.glob("listings/*/*.json"), *state.glob("links/*/*.json")]
    # The folder of a finished listing has the time behind its key.
    return tuple(f"{path.parts[-3]}/{path.parts[-2].partition('.')[0]}/{path.name}" for path in found)
