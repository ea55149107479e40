"""The work folder: records prove nothing by themselves, files are hashed again; and it is a real folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.archive_paths import guarded
from support.note_folders import manifest_of, note_id, opened_store, sha256

from xharchive.archive import Workspace
from xharchive.archive.workspace import digest
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.manifest import FileEntry, Role
from xharchive.media import AssetKind
from xharchive.models import Slot

SLOT = Slot(AssetKind.IMAGE, 1)
CONTENT = b"first picture"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A prepared work folder whose note folder exists."""
    store = opened_store(tmp_path)
    (tmp_path / f"x_{note_id(1)}").mkdir()
    made = store.workspace(note_id(1), f"x_{note_id(1)}")
    made.prepare()
    return made


def entries() -> tuple[FileEntry, ...]:
    original = manifest_of(note_id(1), {"01.heic": CONTENT}).files[0]
    derivative = FileEntry(
        path="01.jpg",
        role=Role.DERIVATIVE,
        slot=SLOT,
        size=4,
        sha256=sha256(b"made"),
        media_type="image/jpeg",
        derived_from="01.heic",
    )
    return original, derivative


def test_a_work_folder_is_safe_whoever_made_the_one_it_lies_in(tmp_path: Path, synced: list[Path]) -> None:
    """Another note's thread may have made it a moment ago and not have synced its name yet."""
    store = opened_store(tmp_path)
    (store.state / "work").mkdir()
    synced.clear()
    store.workspace(note_id(1), None).prepare()
    assert synced == [store.state.unguarded, store.state.unguarded / "work"]


async def test_what_was_verified_is_taken_over(workspace: Workspace) -> None:
    """Another run need not fetch it again."""
    workspace.file("01.heic").unguarded.write_bytes(CONTENT)
    workspace.file("01.jpg").unguarded.write_bytes(b"made")
    workspace.record(SLOT, entries())
    assert (await workspace.leftovers([SLOT])).done == {SLOT: entries()}
    assert (await Workspace(workspace.folder, None).leftovers([SLOT])).done == {SLOT: entries()}


async def test_a_changed_or_lost_file_is_not_taken_over(workspace: Workspace) -> None:
    """One flipped bit, a missing derivative or a planted link, and the slot is fetched again."""
    workspace.record(SLOT, entries())
    assert (await workspace.leftovers([SLOT])).done == {}
    workspace.file("01.heic").unguarded.write_bytes(CONTENT)
    assert (await workspace.leftovers([SLOT])).done == {}
    workspace.file("01.jpg").unguarded.write_bytes(b"Made")
    assert (await workspace.leftovers([SLOT])).done == {}
    workspace.file("01.jpg").unlink()
    (workspace.folder / "copy").unguarded.write_bytes(b"made")
    workspace.file("01.jpg").unguarded.symlink_to("copy")
    assert (await workspace.leftovers([SLOT])).done == {}


@pytest.mark.parametrize("items", [7, [7], [{}], {"path": "01.heic"}])
async def test_a_record_of_another_program_is_not_taken_over(workspace: Workspace, items: object) -> None:
    (workspace.folder / f"{SLOT}.done").unguarded.write_text(json.dumps(items))
    assert (await workspace.leftovers([SLOT])).done == {}


async def test_a_record_with_a_time_before_all_others_is_not_taken_over(workspace: Workspace) -> None:
    """Python has no UTC time for it."""
    workspace.file("01.heic").unguarded.write_bytes(CONTENT)
    workspace.record(SLOT, entries()[:1])
    path = (workspace.folder / f"{SLOT}.done").unguarded
    items = json.loads(path.read_text())
    items[0]["fetched"] = "0001-01-01T00:00:00+14:00"
    path.write_text(json.dumps(items))
    assert (await workspace.leftovers([SLOT])).done == {}


async def test_files_that_a_torn_commit_moved_count_too(workspace: Workspace) -> None:
    """They lie in the note folder already, which has no manifest yet."""
    assert workspace.published is not None
    workspace.file("01.jpg").unguarded.write_bytes(b"made")
    (workspace.published / "01.heic").unguarded.write_bytes(CONTENT)
    workspace.record(SLOT, entries())
    assert (await workspace.leftovers([SLOT])).done == {SLOT: entries()}
    assert (await Workspace(workspace.folder, None).leftovers([SLOT])).done == {}


async def test_nothing_recorded_nothing_taken_over(workspace: Workspace) -> None:
    """Nor from an empty record."""
    assert (await workspace.leftovers([SLOT])).done == {}
    workspace.record(SLOT, [])
    assert (await workspace.leftovers([SLOT])).done == {}


@pytest.mark.parametrize(
    "record",
    ["", "{", "null", "5", "{}", '"text"', "[5]", "[[]]", '["x"]', "[null]", "[{}]", "[" * 100_000, "\ud800"],
)
async def test_a_torn_or_foreign_record_is_none(workspace: Workspace, record: str) -> None:
    """It is written without fsync, so anything may be left of it."""
    (workspace.folder / f"{SLOT}.done").unguarded.write_bytes(record.encode("utf-8", "surrogatepass"))
    assert (await workspace.leftovers([SLOT])).done == {}


async def test_a_record_that_leads_elsewhere_is_none(workspace: Workspace) -> None:
    """A path in it never leaves the folder."""
    outside = workspace.folder.unguarded.parent / "outside"
    outside.write_bytes(CONTENT)
    workspace.record(SLOT, [replace(entries()[0], path="../outside")])
    assert (await workspace.leftovers([SLOT])).done == {}


async def test_verified_files_get_their_names_and_a_record(workspace: Workspace) -> None:
    """In one step for all files of a slot; the next run takes them over."""
    workspace.part(SLOT).unguarded.write_bytes(CONTENT)
    workspace.derivative(SLOT).unguarded.write_bytes(b"made")
    original, derivative = entries()
    await workspace.save_files(
        SLOT, [(workspace.part(SLOT), original), (workspace.derivative(SLOT), derivative)]
    )
    assert workspace.file("01.heic").unguarded.read_bytes() == CONTENT
    assert (await workspace.leftovers([SLOT])).done == {SLOT: entries()}
    with pytest.raises(ArchiveError, match=r"naming 01\.heic"):
        await workspace.save_files(SLOT, [(workspace.part(SLOT), original)])


async def test_a_record_goes_through_no_link(workspace: Workspace, tmp_path: Path) -> None:
    """A planted link is replaced."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (workspace.folder / f"{SLOT}.done").unguarded.symlink_to(victim)
    workspace.record(SLOT, entries())
    assert victim.read_bytes() == b"precious"
    assert json.loads((workspace.folder / f"{SLOT}.done").unguarded.read_bytes())


async def test_a_folder_in_the_place_of_a_record_is_none(workspace: Workspace) -> None:
    """It cannot be written then, and what it should tell of is fetched again."""
    (workspace.folder / f"{SLOT}.done").mkdir()
    with pytest.raises(ArchiveError, match="writing a record"):
        workspace.record(SLOT, entries())
    assert (await workspace.leftovers([SLOT])).done == {}


@pytest.mark.parametrize("level", ["work", "note", "replies"])
def test_a_linked_work_folder_is_refused(tmp_path: Path, level: str) -> None:
    """Replies and files would be written elsewhere."""
    victim = tmp_path / "victim"
    victim.mkdir()
    workspace = opened_store(tmp_path / "archive").workspace(note_id(1), None)
    link = {"work": workspace.folder.parent, "note": workspace.folder, "replies": workspace.replies}[
        level
    ].unguarded
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(victim)
    with pytest.raises(ArchiveError, match="a file or a symbolic link stands where a folder is expected"):
        workspace.prepare()
    assert list(victim.iterdir()) == []


def test_a_work_folder_is_made_once(workspace: Workspace) -> None:
    """What lies in it stays."""
    workspace.file("01.heic").unguarded.write_bytes(CONTENT)
    workspace.prepare()
    assert workspace.file("01.heic").unguarded.read_bytes() == CONTENT


def test_every_slot_has_files_of_its_own(workspace: Workspace) -> None:
    """A still and its motion do not share a part."""
    slots = [
        Slot(AssetKind.IMAGE, 1),
        Slot(AssetKind.LIVE, 1),
        Slot(AssetKind.IMAGE, 11),
        Slot(AssetKind.VIDEO),
    ]
    paths = {workspace.part(slot) for slot in slots} | {workspace.derivative(slot) for slot in slots}
    assert len(paths) == 8
    assert all(path.parent == workspace.folder for path in paths)


def test_only_plain_files_have_a_digest(tmp_path: Path) -> None:
    """Links and folders have none."""
    (tmp_path / "file").write_bytes(CONTENT)
    (tmp_path / "link").symlink_to("file")
    assert digest(guarded(tmp_path / "file"), most=len(CONTENT)) == sha256(CONTENT)
    assert digest(guarded(tmp_path / "link"), most=1000) is None
    assert digest(ArchivePath(tmp_path), most=1 << 40) is None
    assert digest(guarded(tmp_path / "gone"), most=1000) is None
    assert digest(guarded(tmp_path / "file"), most=len(CONTENT) - 1) is None
