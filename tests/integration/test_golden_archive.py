"""An archive that an old version made: this version lists, verifies, resumes and shows it."""

import hashlib
import json
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.altered_demo_world import AlteredWorld
from support.command import folder_of, run
from support.fake_world import FakeWorld, running

from xharchive import manifest
from xharchive.demo.world import DemoWorld

PACKED = Path(__file__).parents[1] / "data" / "golden" / "archive-52747df.tar.xz"
SHA256 = "5b3d03a9de3a93aeec686ae803a0b68e4e2f16d6dbc1fc7843e706ea3605d655"

HEIC, LIVE = "6a4c0a12000000002001f7e6", "69ef13c8000000000c00f2b5"
VIDEO, SOUND = "69637d24000000001b01d5f2", "69d7e2b6000000001d01a6c9"
SHORT_LINK = "http://xhslink.com/a/d78b219d"
"""The short link by which the note with sound was asked for."""
PARTIAL, EMPTY = "694c7be6000000002200e19b", "6a064da2000000001c03e8d7"
TERMINATED, KILLED = "6a34c6f0000000000900d3b8", "6a63481c000000000e02a9d5"
"""Unfinished: SIGTERM or SIGKILL ended the run when half of one picture had arrived."""

NOTES = {
    KILLED: ("新画的荷塘，请勿保存转载", "complete"),
    HEIC: ("HDR夏夜｜十比特天空到底有多丝滑", "complete"),
    TERMINATED: ("", "complete"),
    EMPTY: ("", "empty"),
    LIVE: ("雨夜的老弄堂，路灯一盏一盏亮起来", "complete"),
    SOUND: ("练了一个月的指弹，录给你听", "complete"),
    VIDEO: ("凌晨四点的面包房｜一炉可颂的诞生", "complete"),
    PARTIAL: ("冬至夜的一碗热汤圆", "partial"),
}
"""Title and state, the newest note first; of an unfinished note, as they are once it is finished."""
UNFINISHED = {TERMINATED: ("02.webp", "image-2"), KILLED: ("01.png", "image-1")}
"""The file and the slot that each lacks."""
ARCHIVED = {note: said for note, said in NOTES.items() if note not in UNFINISHED}
ORIGINALS = {HEIC: 2, LIVE: 3, VIDEO: 4, SOUND: 4, PARTIAL: 1, EMPTY: 0}
COMPLETE = tuple(note for note, (_, state) in ARCHIVED.items() if state == "complete")


@dataclass(frozen=True)
class Golden:
    """The unpacked archive, and a world that has the three assets which the archive lacks.

    `paths` are those of the assets at the CDN, `bodies` their bytes, both by note.
    """

    archive: Path
    world: FakeWorld
    paths: Mapping[str, str]
    bodies: Mapping[str, bytes]

    @property
    def ledger(self) -> bytes:
        return (self.archive / ".xharchive" / "ledger.jsonl").read_bytes()

    def manifests(self) -> dict[str, dict[str, Any]]:
        """The manifests by id, each valid by the schema of today and readable by the parser of today."""
        found: dict[str, dict[str, Any]] = {}
        for path in self.archive.glob("*/manifest.json"):
            data = json.loads(path.read_bytes())
            jsonschema.validate(data, manifest.json_schema())
            assert str(manifest.parse(path.read_bytes()).id) == data["id"]
            found[data["id"]] = data
        return found

    def files(self) -> dict[str, tuple[int, str]]:
        """Time and SHA-256 of each file of the notes, without the pages, which are the gallery's."""
        return {
            str(path.relative_to(self.archive)): (path.stat().st_mtime_ns, digest(path))
            for path in self.archive.glob("2*/**/*")
            if path.is_file() and path.name != "index.html"
        }

    def check_originals(self) -> None:
        """Assert that each original has the SHA-256 that its manifest declares."""
        for note, data in self.manifests().items():
            for entry in data["files"]:
                assert digest(folder_of(self.archive, note) / entry["path"]) == entry["sha256"]

    def requests(self, note: str) -> list[tuple[str | None, int, int]]:
        """Range, status and body size of each request for the asset that a note lacks."""
        path = "/" + self.paths[note]
        seen = (seen for seen in self.world.seen if seen.raw_path == path)
        return [(one.headers.get("Range"), one.status, one.sent_bytes) for one in seen]

    def delete_index(self) -> None:
        """Delete the index, and what SQLite keeps beside it."""
        for path in (self.archive / ".xharchive").glob("catalog.sqlite3*"):
            path.unlink()


def digest(path: Path) -> str:
    """The SHA-256 of a file in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def with_modes(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Filter as for data, but keep the modes of folders, which belong to an archive."""
    safe = tarfile.data_filter(member, folder)
    return safe.replace(mode=member.mode & 0o755, deep=False) if member.isdir() else safe


@pytest.fixture
def altered_world(demo_world: DemoWorld) -> AlteredWorld:
    """The demo's world, to which the archive's own bytes are added."""
    return AlteredWorld(demo_world)


@pytest.fixture
def golden(altered_world: AlteredWorld, tmp_path: Path) -> Iterator[Golden]:
    """Unpack the archive, and serve what it lacks under the ETags of the old run."""
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter=with_modes)  # noqa: S202 - filtered
    served = tmp_path / "served"
    paths = json.loads((served / "paths.json").read_bytes())
    bodies = {note: (served / note).read_bytes() for note in paths}
    for note, path in paths.items():
        altered_world.serves(path, bodies[note])
    with running(altered_world) as fake:
        yield Golden(tmp_path / "archive", fake, paths, bodies)


@pytest.fixture(params=["index", "no index"])
def indexed(golden: Golden, request: pytest.FixtureRequest) -> Golden:
    """The archive with its old index, and without one."""
    if request.param == "no index":
        golden.delete_index()
    return golden


def listed(golden: Golden, *arguments: str) -> dict[str, tuple[str, str]]:
    """Title and state of the notes that a command prints, in its order."""
    ran = run([*arguments, "--json", "-d", golden.archive])
    assert ran.code == 0, ran.err
    return {event["id"]: (event["title"], event["state"]) for event in ran.events}


def test_it_is_the_archive_of_the_old_version(golden: Golden) -> None:
    """Not made anew by a newer version, and unpacked with modes and times."""
    assert digest(PACKED) == SHA256
    found = golden.manifests()
    assert set(found) == set(ARCHIVED)
    assert {data["schema_version"] for data in found.values()} == {1}
    for note, data in found.items():
        originals = [entry for entry in data["files"] if entry["role"] == "original"]
        assert len(originals) == ORIGINALS[note]
        folder = folder_of(golden.archive, note)
        for path in (folder / "note.md", *(folder / entry["path"] for entry in data["files"])):
            assert path.stat().st_mtime == int(note[:8], 16)  # the time when it was published
    golden.check_originals()
    ledger = golden.archive / ".xharchive" / "ledger.jsonl"
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    assert golden.ledger.count(b'"event": "intent"') == golden.ledger.count(b'"billed": "yes"') == 11


def test_every_note_is_listed_found_and_shown(indexed: Golden) -> None:
    """With the title and the state that it had; looking changes no file of a note, and asks for nothing."""
    golden, before = indexed, indexed.files()
    found = listed(golden, "ls")
    assert found == ARCHIVED
    assert list(found) == list(ARCHIVED)  # the newest first
    for note, (title, state) in ARCHIVED.items():
        shown = run(["show", note, "-d", golden.archive])
        assert shown.code == 0, shown.err
        assert note in shown.out
        assert title in shown.out
        assert f"\nstate      {state}, " in shown.out
        printed = run(["show", note, "--json", "-d", golden.archive])
        assert json.loads(printed.out)["id"] == note
        if title:
            assert listed(golden, "find", title) == {note: (title, state)}
    status = json.loads(run(["status", "--json", "-d", golden.archive]).out)
    assert status["notes"] == {"complete": 4, "partial": 1, "empty": 1}
    assert (status["files"], status["unfinished"]) == (sum(ORIGINALS.values()), 3)
    assert status["calls"] == {"sent": 11, "billed": 11, "free": 0, "unknown": 0}
    assert golden.files() == before
    assert golden.world.seen == []


@pytest.mark.parametrize("lost", ["work", "wanted.txt"])
def test_the_list_and_the_work_folders_each_name_what_is_unfinished(golden: Golden, lost: str) -> None:
    """The old list has bare ids. Either of the two is enough; the partial note needs neither."""
    state = golden.archive / ".xharchive"
    if lost == "work":
        shutil.rmtree(state / lost)
    else:
        (state / lost).unlink()
    status = json.loads(run(["status", "--json", "-d", golden.archive]).out)
    assert status["unfinished"] == 3
    plan = run(["resume", "--dry-run", "-d", golden.archive])
    assert plan.code == 0, plan.err
    assert golden.world.seen == []


def test_verify_finds_it_sound_and_finds_damage(indexed: Golden) -> None:
    """Nothing is wrong or foreign in what the old version wrote; its SHA-256 tells a changed byte."""
    golden = indexed
    sound = run(["verify", "--strict", "--json", "-d", golden.archive])
    assert (sound.code, sound.events) == (0, []), sound.err
    assert "6 notes" in sound.err
    picture = folder_of(golden.archive, HEIC) / "02.heic"
    content = bytearray(picture.read_bytes())
    content[5000] ^= 1
    picture.write_bytes(content)
    damaged = run(["verify", "--json", "-d", golden.archive])
    assert damaged.code == 5
    (finding,) = damaged.events
    assert finding["folder"] == picture.parent.name
    assert (finding["path"], finding["kind"]) == ("02.heic", "original")


def test_get_of_what_is_there_asks_for_nothing(indexed: Golden) -> None:
    """No request, no new line in the ledger, no changed byte or time; the old short link is still known."""
    golden, before, ledger = indexed, indexed.files(), indexed.ledger
    asked = (*COMPLETE, EMPTY, SHORT_LINK)
    ran = run(["get", *asked, "--json", "-d", golden.archive, *golden.world.options])
    assert ran.code == 0, ran.err
    report = ran.report
    assert report["notes"] == {"archived": 0, "unchanged": 4, "partial": 0, "empty": 1, "failed": 0}
    assert report["calls"] == 0
    assert golden.world.seen == []
    assert golden.files() == before
    assert golden.ledger == ledger


def test_a_lost_original_comes_back_without_payment(golden: Golden, altered_world: AlteredWorld) -> None:
    """`get` reads the kept reply and fetches the one file, with the bytes that the old manifest declares."""
    before, ledger = golden.files(), golden.ledger
    motion = folder_of(golden.archive, LIVE) / "02.mp4"
    (entry,) = (entry for entry in golden.manifests()[LIVE]["files"] if entry["path"] == motion.name)
    path = entry["source"]["path"]
    altered_world.serves(path.removeprefix("/"), motion.read_bytes())
    motion.unlink()
    ran = run(["get", LIVE, "-d", golden.archive, *golden.world.options])
    assert ran.code == 0, ran.err
    assert golden.world.calls == []
    assert {seen.raw_path for seen in golden.world.seen} == {path}
    assert golden.ledger == ledger
    after = golden.files()
    changed = {Path(name).name for name in before if after[name] != before[name]}
    assert changed <= {"manifest.json"}


def test_resume_finishes_without_a_second_payment(indexed: Golden) -> None:
    """The kept replies are used. Of each unfinished note only the picture that lacks travels.

    The part of the terminated run has a digest: its bytes do not travel again. That of the killed run has
    none, and is from another boot: the whole file travels. The partial note stays so while no host has the
    picture, and is completed once a host has it.
    """
    golden, before, ledger = indexed, indexed.files(), indexed.ledger
    world, options = golden.world, golden.world.options
    part = golden.archive / ".xharchive" / "work" / TERMINATED / "image-2.part"
    there, whole = part.stat().st_size, len(golden.bodies[TERMINATED])
    assert 0 < there < whole
    world.script["*", "/" + golden.paths[PARTIAL]] = "4"
    first = run(["resume", "--json", "-d", golden.archive, *options])
    assert first.code == 3, first.err
    assert first.report["notes"] == {"archived": 2, "unchanged": 0, "partial": 1, "empty": 0, "failed": 0}
    assert world.calls == []
    assert golden.requests(TERMINATED) == [(f"bytes={there}-", 206, whole - there)]
    assert golden.requests(KILLED) == [(None, 200, len(golden.bodies[KILLED]))]
    lacking = {"/" + path for path in golden.paths.values()}
    assert {seen.raw_path.partition("?")[0] for seen in world.seen} == lacking
    assert {status for _, status, _ in golden.requests(PARTIAL)} == {404}
    states = {note: data["state"] for note, data in golden.manifests().items()}
    assert states == {note: state for note, (_, state) in NOTES.items()}
    for note, (name, _) in UNFINISHED.items():
        assert (folder_of(golden.archive, note) / name).read_bytes() == golden.bodies[note]

    world.script.clear()
    world.forget()
    second = run(["resume", "--json", "-d", golden.archive, *options])
    assert second.code == 0, second.err
    assert [(seen.host, seen.status) for seen in world.seen] == [("ci.xiaohongshu.com", 200)]
    assert (folder_of(golden.archive, PARTIAL) / "02.webp").read_bytes() == golden.bodies[PARTIAL]

    world.forget()
    third = run(["resume", "--json", "-d", golden.archive, *options])
    assert third.code == 0
    assert world.seen == []
    assert golden.ledger == ledger
    assert not list((golden.archive / ".xharchive" / "work").iterdir())
    found = golden.files()
    changed = {path for path in before if found.get(path) != before[path]}
    assert {Path(path).name for path in changed} <= {"manifest.json", "note.md"}
    assert {Path(path).parts[0] for path in changed} == {folder_of(golden.archive, PARTIAL).name}
    golden.check_originals()
    assert listed(golden, "ls") == NOTES | {PARTIAL: (NOTES[PARTIAL][0], "complete")}
    assert run(["verify", "--strict", "-d", golden.archive]).code == 0


@pytest.mark.slow
def test_the_gallery_shows_every_note(golden: Golden) -> None:
    """Those that have something to show: as they were, and those too that `resume` finishes."""
    assert run(["gallery", "-d", golden.archive]).code == 0
    shown = set(ARCHIVED) - {EMPTY}
    assert set(cards(golden.archive)) == shown
    assert golden.world.seen == []
    assert run(["resume", "-d", golden.archive, *golden.world.with_gallery]).code == 0
    assert set(cards(golden.archive)) == shown | set(UNFINISHED)
    assert run(["verify", "--strict", "-d", golden.archive]).code == 0


def cards(archive: Path) -> dict[str, str]:
    """The data of the gallery by note: every id stands in a file of which the index knows, and has a page."""
    index = (archive / "index.html").read_text("utf-8")
    files = [path for path in archive.glob("gallery/data-*.js") if f"gallery/{path.name}" in index]
    text = "".join(path.read_text("utf-8") for path in files)
    found = {note: title for note, (title, _) in NOTES.items() if note in text}
    for note, title in found.items():
        assert title in text
        assert title in (folder_of(archive, note) / "index.html").read_text("utf-8")
        assert (archive / "gallery" / "thumbs" / f"{note}.webp").stat().st_size
    return found


def test_reparse_and_reindex_work(indexed: Golden) -> None:
    """The kept replies are read again, the index is made again; no state, title or original changes.

    `changed` is 0 because this version reads the same in these replies. A later one that reads more may
    renew manifests.
    """
    golden, before, ledger = indexed, indexed.files(), indexed.ledger
    reparsed = run(["reparse", "--json", "-d", golden.archive])
    assert reparsed.code == 0, reparsed.err
    assert json.loads(reparsed.out) == {"notes": 6, "changed": 0, "wanted": 0, "skipped": 0}
    reindexed = run(["reindex", "--json", "-d", golden.archive])
    assert reindexed.code == 0, reindexed.err
    assert json.loads(reindexed.out) == {"notes": 6, "unreadable": 0}
    assert listed(golden, "ls") == ARCHIVED
    assert golden.files() == before
    assert golden.ledger == ledger
    assert golden.world.seen == []
    assert run(["verify", "--strict", "-d", golden.archive]).code == 0
