"""Symbolic links that were planted in the archive: never followed, and what they lead to stays as it was."""

from pathlib import Path

import pytest
from support.command import run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE

from xharchive.models import NoteId
from xharchive.naming import folder_name

STILLS = "6a34c6f0000000000900d3b8"
FOLDERS = [
    ".xharchive",
    ".xharchive/work",
    f".xharchive/work/{LIVE_NOTE}",
    f".xharchive/work/{LIVE_NOTE}/replies",
    "NOTE",
    "NOTE/replies",
]
STATE = ["lock", "holder.json", "holder.json.tmp", "ledger.jsonl", "wanted.txt", "wanted.txt.tmp"]
CATALOG = ["catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm", "catalog.sqlite3-journal"]
WORK = ["image-1.part", "image-1.done", "live-1.part", "01.heic", "01.mp4", "image-1.derivative", "01.jpg"]
REPLIES = ["v1.json", "v1.json.tmp"]
NOTE = ["manifest.json", "manifest.json.tmp", "note.md", "note.md.tmp", "01.heic", "01.mp4", "01.jpg"]
FILES = [
    *(f".xharchive/{name}" for name in STATE + CATALOG),
    *(f".xharchive/work/{LIVE_NOTE}/{name}" for name in WORK),
    *(f".xharchive/work/{LIVE_NOTE}/replies/{name}" for name in REPLIES),
    *(f"NOTE/{name}" for name in NOTE),
    *(f"NOTE/replies/{name}" for name in REPLIES),
]


def seen(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in a folder: contents and times."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else b"",
            path.lstat().st_mtime_ns,
        )
        for path in folder.rglob("*")
    } | {".": (b"", folder.stat().st_mtime_ns)}


def plant(world: FakeWorld, archive: Path, place: str, target: Path) -> Path:
    title = world.world.notes[LIVE_NOTE].title
    link = archive / place.replace("NOTE", folder_name(NoteId(LIVE_NOTE), title))
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the user's, beside the archive."""
    folder = tmp_path / "victim"
    (folder / "below").mkdir(parents=True)
    (folder / "precious").write_bytes(b"precious")
    return folder


@pytest.mark.parametrize(
    ("place", "target"),
    [
        *((place, "below") for place in FOLDERS),
        *((place, ("precious", "not-there-yet")[number % 2]) for number, place in enumerate(FILES)),
    ],
)
def test_a_link_leads_nowhere(
    world: FakeWorld,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    victim: Path,
    place: str,
    target: str,
) -> None:
    """Either the link is replaced by a real file and the note complete, or the run ends with exit 5.

    A refused run has committed nothing, and what it paid for is kept: without the link, no call is repeated.
    """
    archive = tmp_path / "archive"
    link = plant(world, archive, place, victim / target)
    before = seen(victim)
    pictures: list[str] = []
    if "derivative" not in place and "jpg" not in place:
        pictures = ["--image-format", "keep"]
        request.getfixturevalue("no_workers")
    ran = run(["get", LIVE_NOTE, "-d", archive, *pictures, *world.options])
    assert seen(victim) == before
    assert ran.code in (0, 5), ran.err
    if ran.code == 5:
        assert list(archive.glob(f"*{LIVE_NOTE}/manifest.json")) == [] or place.endswith("manifest.json")
        assert "symbolic link" in ran.err
        link.unlink(missing_ok=True)
        assert run(["get", LIVE_NOTE, "-d", archive, *pictures, *world.options]).code == 0
    assert not link.is_symlink()
    assert world.calls == [f"v1 {LIVE_NOTE}"]
    assert run(["verify", "-d", archive]).code == 0
    assert seen(victim) == before
    assert not any(path.is_symlink() for path in archive.rglob("*"))


@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize(("name", "target"), [*zip(CATALOG, ["precious", "not-there-yet"] * 2, strict=True)])
def test_a_link_beside_a_catalog_in_use(
    world: FakeWorld, tmp_path: Path, victim: Path, name: str, target: str
) -> None:
    """SQLite would write its journal through a link; the index is made anew instead, from the manifests."""
    archive, keep = tmp_path / "archive", ["--image-format", "keep", *world.options]
    assert run(["get", LIVE_NOTE, "-d", archive, *keep]).code == 0
    link = archive / ".xharchive" / name
    link.unlink(missing_ok=True)
    link.symlink_to(victim / target)
    before = seen(victim)
    assert run(["status", "-d", archive]).code == 0
    assert run(["get", STILLS, "-d", archive, *keep]).code == 0
    assert seen(victim) == before
    assert not link.is_symlink()
    assert run(["get", LIVE_NOTE, STILLS, "-d", archive, *keep]).code == 0
    assert world.calls == [f"v1 {LIVE_NOTE}", f"v1 {STILLS}"]
