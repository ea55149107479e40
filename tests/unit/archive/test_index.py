"""The catalog answers quickly and may be lost at any time: whatever is wrong with it, it is made anew."""

import errno
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.archive_paths import guarded
from support.note_folders import gap, manifest_of, note_id

from xharchive.archive import IndexFilter, IndexTotals
from xharchive.archive.index import Index, open_index
from xharchive.archive.index_schema import SCHEMA, VERSION, IndexRow
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest, Role, State
from xharchive.models import NoteId

ONE, TWO, THREE = (f"{word}_{note_id(number)}" for number, word in ((1, "one"), (2, "two"), (3, "three")))
NOTHING = IndexTotals({"complete": 0, "partial": 0, "empty": 0}, 0, 0, 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the catalog lies."""
    return tmp_path / "catalog.sqlite3"


def fill(path: Path) -> None:
    with open_index(guarded(path)) as catalog:
        catalog.put(ONE, "stamp", manifest_of(note_id(1)))


def knows_one(path: Path) -> bool:
    with open_index(guarded(path)) as catalog:
        return not unread(catalog, ONE)


def row_of(catalog: Index, note: NoteId) -> IndexRow | None:
    return catalog.rows([note]).get(note.text)


def unread(catalog: Index, *folders: str) -> frozenset[str]:
    return catalog.folders_to_read([(folder, "") for folder in folders])


def usable(path: Path) -> None:
    """A catalog made anew holds nothing and takes everything."""
    with open_index(guarded(path)) as catalog:
        assert catalog.totals() == NOTHING
        catalog.put(TWO, "stamp", manifest_of(note_id(2)))
        assert row_of(catalog, note_id(2)) is not None


def test_a_note_is_found_again(path: Path) -> None:
    """By id and by folder, also by the next run."""
    fill(path)
    with open_index(guarded(path)) as catalog:
        files = (("01.heic", 13), ("02.webp", 6))
        assert row_of(catalog, note_id(1)) == IndexRow(ONE, "stamp", State.COMPLETE, "A title", files)
        assert unread(catalog, ONE, TWO) == {TWO}
        assert row_of(catalog, note_id(2)) is None


def test_many_are_found_at_once(path: Path) -> None:
    """As one by one; what is not there is left out."""
    numbers = range(1, 120)
    with open_index(guarded(path)) as catalog:
        for number in numbers[::2]:
            catalog.put(f"f_{note_id(number)}", "s", manifest_of(note_id(number)))
        ids = [note_id(number) for number in numbers]
        rows, heads = catalog.rows(ids), catalog.rows(ids, with_files=False)
        assert rows == {note.text: row for note in ids if (row := row_of(catalog, note))}
        assert heads == {note: row._replace(files=()) for note, row in rows.items()}
        assert unread(catalog, *(f"f_{note}" for note in ids)) == {f"f_{note}" for note in ids[1::2]}
        assert len(catalog) == len(rows) == 60
        assert catalog.rows([]) == {}


def test_what_is_not_finished_is_found_at_once(path: Path) -> None:
    """Partial, and not known at all; whatever is asked for, and however often."""
    with open_index(guarded(path)) as catalog:
        for number in range(1, 400):
            catalog.put(
                f"f_{note_id(number)}", "s", manifest_of(note_id(number), gaps=[gap()] if number % 3 else [])
            )
        asked = [note_id(number).text for number in (*range(420, 0, -1), 3, 4, 401)]
        wanted = {note for note in asked if int(note[8:], 16) % 3 or int(note[8:], 16) >= 400}
        assert catalog.unfinished(asked) == catalog.incomplete(asked) == wanted
        assert not catalog.unfinished([])
        assert not catalog.unfinished([note_id(3).text] * 3)


def test_the_seal_says_for_which_archive(path: Path) -> None:
    """It is kept, replaced, and gone for good when it is broken."""
    for said in ("", "here", "elsewhere"):
        with open_index(guarded(path)) as catalog:
            assert catalog.clean_identity == ""
            catalog.mark_dirty()
            if said:
                catalog.mark_clean("before")
                catalog.mark_clean(said)
        with open_index(guarded(path)) as catalog:
            assert catalog.clean_identity == said
            catalog.mark_dirty()


def test_a_broken_seal_is_on_the_disk_before_anything_changes(path: Path) -> None:
    """A power cut must not bring it back over rows that it robbed; other commits need not wait."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(SCHEMA.sql)
        said: list[str] = []
        database.set_trace_callback(said.append)
        catalog = Index(database)
        catalog.mark_clean("here")
        said.clear()
        catalog.mark_dirty()
    changes = [text for text in said if not text.startswith("SELECT")]
    assert changes == ["PRAGMA synchronous = FULL", "DELETE FROM seal", "PRAGMA synchronous = NORMAL"]


def test_a_note_is_replaced_whole(path: Path) -> None:
    """No row of its older form stays, nor of another note that had its folder."""
    renamed = f"renamed_{note_id(1)}"
    with open_index(guarded(path)) as catalog:
        catalog.put(ONE, "a", manifest_of(note_id(1)))
        catalog.put(renamed, "b", manifest_of(note_id(1), {"03.jpg": b"x"}, gaps=[gap()]))
        assert unread(catalog, ONE)
        assert row_of(catalog, note_id(1)) == IndexRow(
            renamed, "b", State.PARTIAL, "A title", (("03.jpg", 1),)
        )
        catalog.put(TWO, "b", manifest_of(note_id(1)))
        catalog.put(TWO, "c", manifest_of(note_id(2)))
        assert row_of(catalog, note_id(1)) is None
        assert list(catalog.folders()) == [(note_id(2), TWO, "c")]


def test_a_forgotten_note_leaves_nothing(path: Path) -> None:
    """Forgetting what is not known is fine."""
    fill(path)
    with open_index(guarded(path)) as catalog:
        catalog.remove(note_id(1))
        catalog.remove(note_id(2))
        assert catalog.totals() == NOTHING
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT COUNT(*) FROM files").fetchone() == (0,)


def test_the_tally_adds_originals_up(path: Path) -> None:
    """Derivatives are not counted: they were made here."""
    partial = manifest_of(note_id(1), gaps=[gap(8), gap(9)])
    derivative = replace(partial.files[0], path="01.jpg", role=Role.DERIVATIVE, size=1000)
    with open_index(guarded(path)) as catalog:
        catalog.put(ONE, "s", replace(partial, files=(*partial.files, derivative)))
        catalog.put(TWO, "s", manifest_of(note_id(2)))
        catalog.put(THREE, "s", Manifest(note_id(3), State.EMPTY))
        assert catalog.totals() == IndexTotals({"complete": 1, "partial": 1, "empty": 1}, 4, 2 * 19, 2)


def test_folders_come_oldest_first(path: Path) -> None:
    """Their names begin with the date."""
    with open_index(guarded(path)) as catalog:
        names = ["2026-03-09_b", "2024-01-01_z", "2026-03-09_a"]
        folders = [f"{name}_{note_id(number)}" for number, name in enumerate(names)]
        for number, folder in enumerate(folders):
            catalog.put(folder, "s", manifest_of(note_id(number)))
        assert [folder for _, folder, _ in catalog.folders()] == sorted(folders)


def test_foreign_metadata_is_taken_as_it_is(path: Path) -> None:
    """Any text."""
    note = {**manifest_of(note_id(1)).note, "title": "'; DROP TABLE notes;--\0😆"}
    with open_index(guarded(path)) as catalog:
        catalog.put(ONE, "s", replace(manifest_of(note_id(1)), note=note))
        found = row_of(catalog, note_id(1))
    assert found is not None
    assert found.title == note["title"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database at all, but long enough to be looked at" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 0")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def somebody_else_s(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"CREATE TABLE bookmarks (x); PRAGMA user_version = {VERSION};")


def stale_journals(path: Path) -> None:
    path.unlink()
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).write_bytes(b"\xa5" * 4096)


DAMAGES = [cut, scribble, garbage, empty, older, newer, somebody_else_s, stale_journals]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_whatever_is_wrong_it_is_made_anew(path: Path, damage: object) -> None:
    """The manifests know everything it knew, so nobody is asked."""
    fill(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert callable(damage)
    damage(path)
    usable(path)


def test_a_good_catalog_is_kept(path: Path) -> None:
    """It is not made anew at every start."""
    fill(path)
    assert knows_one(path)


def test_a_planted_link_is_replaced(path: Path) -> None:
    """Somebody else's database is neither read nor changed."""
    other = path.with_name("other.sqlite3")
    fill(other)
    before = other.read_bytes()
    path.symlink_to(other)
    usable(path)
    assert not path.is_symlink()
    assert other.read_bytes() == before


def test_a_catalog_that_another_process_uses_is_not_thrown_away(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locked is not damaged."""
    fill(path)
    connect = sqlite3.connect
    with closing(connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", lambda where, **named: connect(where, **named, timeout=0))
        with pytest.raises(ArchiveError, match="locked"), open_index(guarded(path)):
            pytest.fail("opened")
        other.execute("ROLLBACK")
    assert knows_one(path)


def test_a_place_that_cannot_be_written_is_an_archive_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in its place, a missing folder, a disk that refuses."""
    path.mkdir()
    with (
        pytest.raises(ArchiveError, match=r"/catalog\.sqlite3: a folder stands where"),
        open_index(guarded(path)),
    ):
        pytest.fail("opened")
    with pytest.raises(ArchiveError, match=r"/no/folder: "), open_index(guarded(path) / "no" / "folder"):
        pytest.fail("opened")

    def refuse(_path: str, *, dir_fd: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(ArchiveError, match="the file system is read-only"), open_index(guarded(path)):
        pytest.fail("opened")


def test_a_database_without_write_ahead_log_will_do(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems refuse it."""

    class Reluctant(sqlite3.Connection):
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            if "WAL" in sql:
                raise sqlite3.OperationalError("locking protocol")
            return super().execute(sql, *parameters)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda where, **named: connect(where, **named, factory=Reluctant))
    fill(path)
    assert knows_one(path)


def test_a_failed_change_changes_nothing(path: Path) -> None:
    """A row that cannot be written leaves the old one, and the catalog goes on working."""
    with open_index(guarded(path)) as catalog:
        catalog.put(ONE, "s", manifest_of(note_id(1)))
        broken = manifest_of(note_id(1), title="\ud800")
        with pytest.raises(UnicodeEncodeError):
            catalog.put(f"other_{note_id(1)}", "t", broken)
        assert row_of(catalog, note_id(1)) == IndexRow(
            ONE, "s", State.COMPLETE, "A title", (("01.heic", 13), ("02.webp", 6))
        )
        catalog.put(TWO, "s", manifest_of(note_id(2)))
        assert len(list(catalog.folders())) == 2


def test_every_question_to_a_broken_catalog_is_an_archive_error(path: Path) -> None:
    """The sentence says how to get well."""
    fill(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript("DROP TABLE notes; DROP TABLE files; DROP TABLE seal;")
        catalog = Index(database)
        for question in (
            lambda: row_of(catalog, note_id(1)),
            lambda: catalog.rows([note_id(1)], with_files=False),
            lambda: unread(catalog, ONE),
            lambda: catalog.unfinished([note_id(1).text]),
            lambda: catalog.incomplete([note_id(1).text]),
            lambda: len(catalog),
            lambda: list(catalog.folders()),
            catalog.totals,
            lambda: catalog.clean_identity,
            lambda: catalog.mark_clean("here"),
            catalog.mark_dirty,
            lambda: catalog.remove(note_id(1)),
            lambda: catalog.put("x", "s", manifest_of(note_id(1))),
        ):
            with pytest.raises(ArchiveError, match="rebuild it with: xharchive reindex"):
                question()


@pytest.mark.parametrize("folder", ["Shanghai 2026", "travel/Shanghai", f"travel/{ONE}", TWO])
def test_a_note_may_lie_in_a_folder_of_any_name(path: Path, folder: str) -> None:
    """At the top or one level down; that it holds this note, its manifest has said."""
    with open_index(guarded(path)) as catalog:
        catalog.put(folder, "stamp", manifest_of(note_id(1)))
        assert catalog.rows([note_id(1)], with_files=False)[note_id(1).text].folder == folder
        assert list(catalog.folders()) == [(note_id(1), folder, "stamp")]
        assert [entry.folder for entry in catalog.entries(IndexFilter())] == [folder]
        assert catalog.folders_to_read([(folder, "stamp"), ("b", "s")]) == {"b"}
        assert catalog.folders_to_read([(folder, "another")]) == {folder}


def test_a_copy_is_known_while_its_note_is(path: Path) -> None:
    """By folder and stamp; without the note's own row its folder is to be read again."""
    with open_index(guarded(path)) as catalog:
        catalog.put(ONE, "stamp", manifest_of(note_id(1)))
        catalog.put_copy("copy", "s", note_id(1))
        assert (len(catalog), catalog.folder_count) == (1, 2)
        assert list(catalog.copies()) == [("copy", ONE)]
        assert not catalog.folders_to_read([("copy", "s")])
        assert not unread(catalog, "copy", ONE)
        assert catalog.folders_to_read([("copy", "t")]) == {"copy"}
        catalog.remove(note_id(1))
        assert catalog.folders_to_read([("copy", "s")]) == {"copy"}
        assert unread(catalog, "copy") == {"copy"}
        catalog.put("copy", "s", manifest_of(note_id(1)))
        assert (len(catalog), catalog.folder_count) == (1, 1)


@pytest.mark.parametrize(
    "folder",
    [
        *(
            f"../one_{note_id(1)}",
            f"/etc/one_{note_id(1)}",
            "",
            ".",
            "..",
            "../one",
            "/etc",
            "a/../one",
            "a//one",
        ),
        *(
            "a/",
            "a/b/c",
            ".xharchive",
            ".xharchive/work",
            ".hidden",
            "a/.hidden",
            "gallery",
            "gallery/one",
            "a\0b",
        ),
    ],
)
def test_a_row_with_a_folder_that_holds_no_notes_is_damage(path: Path, folder: str) -> None:
    """A crafted catalog leads neither out of the archive nor into a folder of ours; it is made anew."""
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE notes SET folder = ?", (folder,))
    for question in (
        lambda it: row_of(it, note_id(1)),
        lambda it: list(it.folders()),
        lambda it: it.rows([note_id(1)], with_files=False),
    ):
        with open_index(guarded(path)) as catalog:
            with pytest.raises(ArchiveError, match="rebuild it with: xharchive reindex"):
                question(catalog)
            catalog._connection.execute(f"PRAGMA user_version = {VERSION}")
    with (
        open_index(guarded(path)) as catalog,
        pytest.raises(ArchiveError, match="cannot hold notes"),
    ):
        row_of(catalog, note_id(1))
    usable(path)
