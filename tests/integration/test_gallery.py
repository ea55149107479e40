"""The gallery's files: written once, refreshed where something changed, made again from nothing."""

import json
import os
import shutil
import sqlite3
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image
from support.command import Ran, folder_of, manifests, run
from support.fake_world import FakeWorld
from support.gallery_and_note_files import contents, written
from support.single_run import LIVE_NOTE, VIDEO_NOTE

SUBTITLED = "697ab3c8000000000b0297ae"
EMPTY = "6a064da2000000001c03e8d7"
OTHERS = ("68f2b6a0000000000703a1c4", "694c7be6000000002200e19b")


def get(world: FakeWorld, archive: Path, *arguments: str) -> Ran:
    return run(["get", *arguments, "-d", archive, *world.with_gallery])


def gallery(archive: Path, *arguments: str) -> dict[str, int]:
    """Refresh, and return what was written."""
    ran = run(["gallery", "-d", archive, "--json", *arguments])
    assert ran.code == 0, ran.err
    return {name: ran.events[0][name] for name in ("notes", "pages", "pictures")}


def made_of_folders(world: FakeWorld, archive: Path, *notes: str) -> None:
    """Archive notes, and make the gallery of their folders alone, as it is made after a loss.

    A run makes some thumbnails with its conversions, of pixels that were never a JPEG (decision 0018).
    """
    get(world, archive, *notes, "--no-gallery")
    assert gallery(archive)["pages"] == len(notes)


def cards(archive: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(archive.glob("gallery/data-*.js")))


def test_a_run_leaves_a_gallery(world: FakeWorld, tmp_path: Path) -> None:
    """An index, a page a note, a thumbnail each; it says where to look; `verify` finds nothing strange."""
    ran = get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE)
    assert ran.code == 0
    assert f"browse: {tmp_path / 'index.html'}" in ran.err
    for note in (LIVE_NOTE, VIDEO_NOTE):
        assert (folder_of(tmp_path, note) / "index.html").is_file()
        with Image.open(tmp_path / "gallery" / "thumbs" / f"{note}.webp") as thumb:
            assert thumb.format == "WEBP"
            assert max(thumb.size[0], 1) <= 360
        assert note in cards(tmp_path)
    assert run(["verify", "-d", tmp_path]).code == 0


def test_originals_and_manifests_are_not_touched(world: FakeWorld, tmp_path: Path) -> None:
    """Not a byte, not a time; the folder still shows when the note was published."""
    assert get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE, "--no-gallery").code == 0
    assert not (tmp_path / "index.html").exists()
    paths = [path for path in tmp_path.glob("2*/**/*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}
    folders = {path: path.stat().st_mtime_ns for path in tmp_path.glob("2*")}
    assert gallery(tmp_path) == {"notes": 2, "pages": 2, "pictures": 2}
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths} == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("2*")} == folders


def test_nothing_changed_nothing_is_written(world: FakeWorld, tmp_path: Path) -> None:
    """Neither by the verb nor by a run that finds all there."""
    get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE)
    before = written(tmp_path)
    assert gallery(tmp_path) == {"notes": 2, "pages": 0, "pictures": 0}
    assert get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE).code == 0
    assert written(tmp_path) == before


def test_a_new_note_costs_its_own_page_and_its_neighbours(world: FakeWorld, tmp_path: Path) -> None:
    """The others are left as they are."""
    notes = sorted((LIVE_NOTE, VIDEO_NOTE, *OTHERS))
    made_of_folders(world, tmp_path, notes[0], notes[1], notes[3])
    before = written(tmp_path)
    assert get(world, tmp_path, notes[2], "--no-gallery").code == 0
    assert gallery(tmp_path) == {"notes": 4, "pages": 3, "pictures": 1}
    after = written(tmp_path)
    first = f"{folder_of(tmp_path, notes[0]).name}/index.html"
    assert after[first] == before[first]
    again = gallery(tmp_path, "--rebuild")
    assert again == {"notes": 4, "pages": 4, "pictures": 4}
    assert contents(tmp_path) == {name: digest for name, (_, digest) in after.items()}


def retitled(archive: Path, note: str, title: str) -> None:
    """As if the note had been fetched again after its author gave it another title."""
    path = folder_of(archive, note) / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["note"]["title"] = title
    path.write_text(json.dumps(manifest), "utf-8")


def test_a_page_is_written_again_for_what_it_shows(world: FakeWorld, tmp_path: Path) -> None:
    """For its own manifest, and for the titles of its neighbours; not for anything else of theirs."""
    notes = sorted((LIVE_NOTE, VIDEO_NOTE, *OTHERS))
    get(world, tmp_path, *notes)
    retitled(tmp_path, notes[1], "another title")
    assert gallery(tmp_path)["pages"] == 3
    for note in (notes[0], notes[2]):
        assert "another title" in (folder_of(tmp_path, note) / "index.html").read_text("utf-8")
    path = folder_of(tmp_path, notes[1]) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")), indent=7), "utf-8")
    assert gallery(tmp_path)["pages"] == 1
    assert gallery(tmp_path)["pages"] == 0


def test_another_version_of_the_program_writes_all_pages_again(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And reads all manifests again; but small pictures are what they were."""
    get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE, "--image-format", "keep")
    before = contents(tmp_path)
    with sqlite3.connect(tmp_path / ".xharchive" / "gallery.sqlite3") as connection:
        connection.execute("UPDATE cards SET card = '[\"as another version wrote it\"]'")
    connection.close()
    monkeypatch.setattr("xharchive.gallery.refresh.FORM", "another version")
    assert gallery(tmp_path) == {"notes": 2, "pages": 2, "pictures": 0}
    assert contents(tmp_path) == before
    next(tmp_path.glob("gallery/screens/*/*")).unlink()
    monkeypatch.undo()
    assert gallery(tmp_path) == {"notes": 2, "pages": 2, "pictures": 1}
    assert contents(tmp_path) == before


def test_a_folder_that_another_note_took_shows_that_one(world: FakeWorld, tmp_path: Path) -> None:
    """A folder is what its manifest says; what was there before leaves no card behind."""
    get(world, tmp_path, LIVE_NOTE)
    path = folder_of(tmp_path, LIVE_NOTE) / "manifest.json"
    other = "5" * 24
    path.write_text(path.read_text("utf-8").replace(LIVE_NOTE, other), "utf-8")
    assert gallery(tmp_path)["notes"] == 1
    assert f'"id":"{other}"' in cards(tmp_path)
    assert f'"id":"{LIVE_NOTE}"' not in cards(tmp_path)


def test_a_note_that_is_gone_is_gone_from_the_gallery(world: FakeWorld, tmp_path: Path) -> None:
    """Its card, its thumbnail, and the way to it from its neighbours."""
    notes = sorted((LIVE_NOTE, VIDEO_NOTE, *OTHERS))
    get(world, tmp_path, *notes)
    shutil.rmtree(folder_of(tmp_path, notes[1]))
    assert gallery(tmp_path) == {"notes": 3, "pages": 2, "pictures": 0}
    assert notes[1] not in cards(tmp_path)
    assert not (tmp_path / "gallery" / "thumbs" / f"{notes[1]}.webp").exists()
    for note in (notes[0], notes[2]):
        assert notes[1] not in (folder_of(tmp_path, note) / "index.html").read_text("utf-8")


def test_an_archive_that_was_moved_or_lost_its_state_is_made_again(world: FakeWorld, tmp_path: Path) -> None:
    """The same pages: nothing in them says where they lie, or when they were made."""
    made_of_folders(world, tmp_path / "a", LIVE_NOTE, VIDEO_NOTE)
    shutil.copytree(tmp_path / "a", tmp_path / "b # ü" / "c")
    shutil.rmtree(tmp_path / "b # ü" / "c" / ".xharchive")
    assert contents(tmp_path / "b # ü" / "c") == contents(tmp_path / "a")
    assert gallery(tmp_path / "b # ü" / "c")["pages"] == 2
    assert contents(tmp_path / "b # ü" / "c") == contents(tmp_path / "a")
    for path in (tmp_path / "a").rglob("*.html"):
        assert str(tmp_path) not in path.read_text("utf-8")


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_a_damaged_state_is_made_anew(world: FakeWorld, tmp_path: Path, damage: bytes | None) -> None:
    """It holds nothing that the folders do not."""
    made_of_folders(world, tmp_path, LIVE_NOTE)
    state = tmp_path / ".xharchive" / "gallery.sqlite3"
    before = contents(tmp_path)
    if damage is None:
        with sqlite3.connect(state) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        state.write_bytes(damage)
    assert gallery(tmp_path) == {"notes": 1, "pages": 1, "pictures": 1}
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE notes SET stamp = x'00'",
        "UPDATE notes SET width = 'wide'",
        "UPDATE notes SET folder = '../' || folder",
        "UPDATE notes SET folder = CAST(x'ff' || folder AS TEXT)",
        "UPDATE notes SET id = 'NOTE' || id",
        "UPDATE cards SET card = 'alert(1)'",
        "UPDATE cards SET card = card || char(0) || ', alert(1)'",
        "UPDATE cards SET card = CAST(card AS BLOB)",
        "UPDATE cards SET id = CAST(id AS BLOB)",
        "INSERT INTO cards VALUES ('of no note', '', '{}')",
        "DELETE FROM cards",
    ],
)
def test_a_state_of_another_program_is_made_anew(world: FakeWorld, tmp_path: Path, change: str) -> None:
    """Its rows name files to delete, and its cards become a script."""
    made_of_folders(world, tmp_path, LIVE_NOTE, VIDEO_NOTE)
    before = contents(tmp_path)
    with sqlite3.connect(tmp_path / ".xharchive" / "gallery.sqlite3") as connection:
        connection.execute(change)
    connection.close()
    assert gallery(tmp_path)["notes"] == 2
    assert contents(tmp_path) == before
    assert gallery(tmp_path) == {"notes": 2, "pages": 0, "pictures": 0}


def test_pages_that_were_deleted_or_cut_come_back(world: FakeWorld, tmp_path: Path) -> None:
    """As a power cut or a user may leave them."""
    get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE)
    before = contents(tmp_path)
    (folder_of(tmp_path, LIVE_NOTE) / "index.html").unlink()
    (folder_of(tmp_path, VIDEO_NOTE) / "index.html").write_bytes(b"")
    (tmp_path / "index.html").write_bytes(b"")
    next(tmp_path.glob("gallery/data-*.js")).write_text("cut")
    (tmp_path / "gallery" / "data-00007.js").write_text("stale")
    assert gallery(tmp_path)["pages"] == 2
    assert contents(tmp_path) == before


def test_an_empty_note_is_not_shown(world: FakeWorld, tmp_path: Path) -> None:
    """It has nothing to show; `status` and `ls` know of it."""
    assert get(world, tmp_path, LIVE_NOTE, EMPTY).code == 3
    assert gallery(tmp_path)["notes"] == 1
    assert EMPTY not in cards(tmp_path)
    assert not (folder_of(tmp_path, EMPTY) / "index.html").exists()


def test_heif_that_is_kept_as_it_is_gets_a_picture_for_the_screen(world: FakeWorld, tmp_path: Path) -> None:
    """No browser draws it; the preview lies in the gallery, the note's folder has originals only."""
    get(world, tmp_path, LIVE_NOTE, "--image-format", "keep")
    (screen,) = (tmp_path / "gallery" / "screens" / LIVE_NOTE).iterdir()
    assert screen.name == "01.heic.webp"
    with Image.open(screen) as shown:
        assert max(shown.size) <= 3200
    page = (folder_of(tmp_path, LIVE_NOTE) / "index.html").read_text("utf-8")
    assert f"../gallery/screens/{LIVE_NOTE}/01.heic.webp" in page
    shutil.rmtree(folder_of(tmp_path, LIVE_NOTE))
    gallery(tmp_path)
    assert not (tmp_path / "gallery" / "screens" / LIVE_NOTE).exists()


def test_subtitles_stand_in_the_page(world: FakeWorld, tmp_path: Path) -> None:
    """A page that is opened as a file may not load them by itself."""
    notes = [
        note.id for note in world.world.notes.values() if any("subtitle" in slot for slot in note.originals)
    ]
    assert notes
    get(world, tmp_path, notes[0])
    (subtitle, *_) = (
        entry for entry in manifests(tmp_path)[notes[0]]["files"] if entry["kind"] == "subtitle"
    )
    text = (folder_of(tmp_path, notes[0]) / subtitle["path"]).read_text("utf-8")
    spoken = next(line for line in text.splitlines() if line and not line[0].isdigit() and "-->" not in line)
    assert spoken in (folder_of(tmp_path, notes[0]) / "index.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["gallery", "gallery/thumbs", "gallery/screens", "gallery/previews"])
def test_nothing_is_written_through_a_planted_link(world: FakeWorld, tmp_path: Path, name: str) -> None:
    """A folder of the gallery that leads elsewhere ends the refresh, not the run."""
    victim, archive = tmp_path / "victim", tmp_path / "a"
    victim.mkdir()
    (archive / name).parent.mkdir(parents=True)
    (archive / name).symlink_to(victim)
    ran = get(world, archive, LIVE_NOTE)
    assert ran.code == 0
    assert "the gallery could not be refreshed" in ran.err
    assert list(victim.iterdir()) == []
    assert run(["gallery", "-d", archive]).code == 5


def test_a_subtitle_of_another_size_than_recorded_is_not_read(world: FakeWorld, tmp_path: Path) -> None:
    """However small its manifest says that it is, it may be of any size; the page is made without it."""
    get(world, tmp_path, VIDEO_NOTE, "--no-gallery")
    folder = folder_of(tmp_path, VIDEO_NOTE)
    entries = manifests(tmp_path)[VIDEO_NOTE]["files"]
    subtitle = folder / next(entry["path"] for entry in entries if entry["kind"] == "subtitle")
    with subtitle.open("ab") as file:
        file.write(b"\n\n00:00:01,000 --> 00:00:02,000\nplanted\n")
    assert gallery(tmp_path)["pages"] == 1
    page = (folder / "index.html").read_text("utf-8")
    assert "planted" not in page


def test_planted_files_are_replaced_not_written_to(world: FakeWorld, tmp_path: Path) -> None:
    """Links in place of pages lead no byte elsewhere."""
    get(world, tmp_path / "a", LIVE_NOTE, "--no-gallery")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    page = folder_of(tmp_path / "a", LIVE_NOTE) / "index.html"
    for place in (page, tmp_path / "a" / "index.html"):
        place.symlink_to(victim)
    gallery(tmp_path / "a")
    assert victim.read_text() == "mine"
    assert not page.is_symlink()


def test_a_picture_that_vanished_costs_its_thumbnail_only(world: FakeWorld, tmp_path: Path) -> None:
    """The gallery shows what there is."""
    get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE, "--no-gallery")
    for path in folder_of(tmp_path, LIVE_NOTE).glob("01.*"):
        path.unlink()
    assert gallery(tmp_path) == {"notes": 2, "pages": 2, "pictures": 1}


def test_a_disk_that_is_full_for_the_gallery_does_not_fail_the_run(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notes are safe; the sentence says what to do later."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("xharchive.gallery.write_pages.atomic_replace", full)
        ran = get(world, tmp_path, LIVE_NOTE)
    assert ran.code == 0
    assert "the disk is full" in ran.err
    assert "later: xharchive gallery" in ran.err
    assert gallery(tmp_path)["pages"] == 1


def test_the_gallery_needs_an_archive(tmp_path: Path) -> None:
    """And takes its lock: two refreshes do not mix."""
    assert run(["gallery", "-d", tmp_path / "none"]).code == 2


def test_events_tell_of_it(world: FakeWorld, tmp_path: Path) -> None:
    """For programs: an event before the report."""
    ran = get(world, tmp_path, LIVE_NOTE, "--json")
    (event,) = (event for event in ran.events if event["event"] == "gallery_refreshed")
    assert (event["notes"], event["pages"], event["index"]) == (1, 1, str(tmp_path / "index.html"))
    assert json.dumps(event)
    assert os.path.exists(event["index"])  # noqa: PTH110


def test_a_run_that_commits_nothing_finishes_what_another_left(world: FakeWorld, tmp_path: Path) -> None:
    """Whoever committed without a refresh (killed, `--no-gallery`): the next run makes up for it."""
    get(world, tmp_path, LIVE_NOTE)
    assert get(world, tmp_path, VIDEO_NOTE, "--no-gallery").code == 0
    assert VIDEO_NOTE not in cards(tmp_path)
    assert get(world, tmp_path, VIDEO_NOTE).code == 0
    assert VIDEO_NOTE in cards(tmp_path)
    before = written(tmp_path)
    assert get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE).code == 0
    assert written(tmp_path) == before


def test_pages_of_somebody_else_are_left_alone(world: FakeWorld, tmp_path: Path) -> None:
    """An archive in a folder of other things: an index that is not ours, and files in `gallery/`."""
    (tmp_path / "gallery").mkdir(parents=True)
    (tmp_path / "gallery" / "data-mine.js").write_text("mine")
    (tmp_path / "index.html").write_text("<title>mine</title>")
    ran = get(world, tmp_path, LIVE_NOTE)
    assert ran.code == 0
    assert "is not the gallery's" in ran.err
    assert (tmp_path / "index.html").read_text() == "<title>mine</title>"
    assert run(["gallery", "-d", tmp_path]).code == 5
    (tmp_path / "index.html").unlink()
    assert gallery(tmp_path)["notes"] == 1
    assert (tmp_path / "gallery" / "data-mine.js").read_text() == "mine"


@pytest.mark.parametrize("damage", ["gone", "empty"])
def test_a_thumbnail_that_was_lost_is_made_again(world: FakeWorld, tmp_path: Path, damage: str) -> None:
    """As a power cut may leave it."""
    made_of_folders(world, tmp_path, LIVE_NOTE, VIDEO_NOTE)
    thumb = tmp_path / "gallery" / "thumbs" / f"{LIVE_NOTE}.webp"
    sound = thumb.read_bytes()
    if damage == "gone":
        thumb.unlink()
    else:
        thumb.write_bytes(b"")
    assert gallery(tmp_path)["pictures"] == 1
    assert thumb.read_bytes() == sound


def test_a_folder_with_another_name_keeps_what_was_made_of_it(world: FakeWorld, tmp_path: Path) -> None:
    """Previews may have cost hours; two folders with one note are one note, always the same."""
    get(world, tmp_path, LIVE_NOTE, VIDEO_NOTE)
    preview = tmp_path / "gallery" / "previews" / LIVE_NOTE / "01.mp4.mp4"
    preview.parent.mkdir(parents=True)
    preview.write_bytes(b"a film")
    assert gallery(tmp_path)["pages"] == 1, "a page that may use a preview now is written again"
    preview.rename(tmp_path / "elsewhere")
    assert gallery(tmp_path)["pages"] == 1, "and one that may not any more"
    (tmp_path / "elsewhere").rename(preview)
    assert gallery(tmp_path)["pages"] == 1
    folder = folder_of(tmp_path, LIVE_NOTE)
    renamed = folder.rename(folder.with_name(f"2026-03-09_mine_{LIVE_NOTE}"))
    assert gallery(tmp_path)["notes"] == 2
    assert preview.read_bytes() == b"a film"
    assert "_mine_" in cards(tmp_path)
    shutil.copytree(renamed, renamed.with_name(f"2026-03-09_zzz_{LIVE_NOTE}"))
    gallery(tmp_path)
    assert gallery(tmp_path) == {"notes": 2, "pages": 0, "pictures": 0}


def test_a_rebuild_removes_what_no_note_has_any_more(world: FakeWorld, tmp_path: Path) -> None:
    """Thumbnails and previews of notes that were deleted while nobody looked."""
    get(world, tmp_path, LIVE_NOTE)
    stray = "5" * 24
    (tmp_path / "gallery" / "thumbs" / f"{stray}.webp").write_bytes(b"x")
    (tmp_path / "gallery" / "previews" / stray).mkdir(parents=True)
    (tmp_path / "gallery" / "previews" / stray / "x.mp4").write_bytes(b"x")
    gallery(tmp_path, "--rebuild")
    assert not list((tmp_path / "gallery").rglob(f"*{stray}*"))
    assert (tmp_path / "gallery" / "thumbs" / f"{LIVE_NOTE}.webp").is_file()


class Links(HTMLParser):
    """What a page links to or shows."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.update(value for name, value in attrs if name in ("href", "src", "poster") and value)


def linked_files(page: Path) -> set[Path]:
    """The files that a page links to."""
    inside = [link for link in Links(page).found if not link.startswith(("https:", "#"))]
    return {(page.parent / unquote(link.partition("#")[0])).resolve() for link in inside}


def test_notes_in_renamed_and_sorted_folders_are_linked(world: FakeWorld, tmp_path: Path) -> None:
    """Every link of every page leads to a file, from folders of one and of two levels."""
    made_of_folders(world, tmp_path, LIVE_NOTE, VIDEO_NOTE, OTHERS[0])
    before = linked_files(folder_of(tmp_path, LIVE_NOTE) / "index.html")
    (tmp_path / "旅 行").mkdir()
    folder_of(tmp_path, LIVE_NOTE).rename(tmp_path / "旅 行" / "100% #1 上海?")
    folder_of(tmp_path, VIDEO_NOTE).rename(tmp_path / "a & b")
    assert gallery(tmp_path) == {"notes": 3, "pages": 3, "pictures": 2}
    pages = [*tmp_path.glob("*/index.html"), *tmp_path.glob("*/*/index.html")]
    assert len(pages) == 3
    for page in (*pages, tmp_path / "index.html"):
        assert {path for path in linked_files(page) if not path.is_file()} == set()
        assert len(linked_files(page)) > 3
    deep = tmp_path / "旅 行" / "100% #1 上海?" / "index.html"
    assert {path.name for path in linked_files(deep)} == {path.name for path in before}
    assert '"folder":"%E6%97%85%20%E8%A1%8C/100%25%20%231%20%E4%B8%8A%E6%B5%B7%3F/"' in cards(tmp_path)
    assert 'href="../../index.html#author=' in deep.read_text("utf-8")
    assert gallery(tmp_path) == {"notes": 3, "pages": 0, "pictures": 0}
    (tmp_path / "a & b").rename(tmp_path / "aside")
    (deep.parent).rename(tmp_path / "a & b")
    (tmp_path / "aside").rename(tmp_path / "旅 行" / "100% #1 上海?")
    assert gallery(tmp_path)["notes"] == 3
    assert {path for page in pages for path in linked_files(page) if not path.is_file()} == set()
    assert gallery(tmp_path) == {"notes": 3, "pages": 0, "pictures": 0}
