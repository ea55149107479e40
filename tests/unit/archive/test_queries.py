"""What is asked of the catalog: which notes, in which order, and that it says what the manifests say."""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import records
from support.archive_paths import guarded
from support.index_dump import dump
from support.note_folders import gap, manifest_of, note_id

from xharchive.archive import IndexEntry, IndexFilter, index
from xharchive.archive.index import Index, open_index, rebuild_index
from xharchive.archive.index_schema import SCHEMA
from xharchive.errors import ArchiveError
from xharchive.manifest import Manifest, State
from xharchive.models import Author, Counts, NoteId

CHINA = timezone(timedelta(hours=8))


def told(number: int, **note: object) -> Manifest:
    """A note that says this of itself."""
    plain = manifest_of(note_id(number), gaps=note.pop("gaps", ()))  # type: ignore[arg-type]
    return replace(plain, note={**plain.note, **note})


def moment(utc: str) -> dict[str, str]:
    return {"china": "as the author's phone has it", "utc": utc}


NOTES = {
    1: told(
        1, title="被豫园的氛围感硬控了", published=moment("2026-03-08T15:59:59Z"), tags=["豫园", "CityWalk"]
    ),
    2: told(2, text="豫园的灯", author={"id": "u2", "name": "Ａnn小满", "red_id": "4711"}, gaps=[gap()]),
    3: told(3, type="video", published=moment("2026-03-08T16:00:00Z"), tags=["豫园灯会"], place="上海"),
    4: Manifest(NoteId(f"5f3d2c1b{4:016x}"), State.EMPTY),
}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Index]:
    """Four notes."""
    with open_index(guarded(tmp_path / "catalog.sqlite3")) as opened:
        for number, manifest in NOTES.items():
            put(opened, number, manifest)
        yield opened


def put(catalog: Index, number: int, manifest: Manifest) -> None:
    """Enter a note under a folder that has this number in its name."""
    catalog.put(f"folder {number}_{manifest.id}", "s", manifest)


def asked(catalog: Index, text: str = "", **filters: Any) -> list[int]:
    return [
        int(entry.folder.removeprefix("folder ").partition("_")[0])
        for entry in catalog.entries(IndexFilter(**filters), text)
    ]


def test_an_entry_says_what_the_manifest_says(catalog: Index) -> None:
    """Times in +08:00, unknown counts None, files counted by kind."""
    (entry,) = catalog.entries(IndexFilter(author="4711"))
    assert entry == IndexEntry(
        id=note_id(2),
        folder=f"folder 2_{note_id(2)}",
        state=State.PARTIAL,
        type="image",
        published="2026-03-09T22:10:42+08:00",
        title="A title",
        author=Author("u2", "Ａnn小满", "4711"),
        place="",
        tags=(),
        counts=Counts(),
        pictures=2,
        motions=0,
        videos=0,
        originals=2,
        bytes=19,
        gaps=1,
    )


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [2, 3, 1, 4]),
        ({"limit": 2}, [2, 3]),
        ({"author": "ann"}, [2]),
        ({"author": "满"}, [2]),
        ({"author": "u2"}, [2]),
        ({"author": "u"}, [3, 1]),
        ({"author": "\udcff"}, []),
        ({"author": "%"}, []),
        ({"type": "video"}, [3]),
        ({"state": State.EMPTY}, [4]),
        ({"state": State.COMPLETE, "type": "image"}, [1]),
        ({"after": datetime(2026, 3, 9, tzinfo=CHINA)}, [2, 3]),
        ({"before": datetime(2026, 3, 9, tzinfo=CHINA)}, [1, 4]),
        ({"tag": "豫园"}, [1]),
        ({"tag": "#citywalk"}, [1]),
        ({"tag": "园"}, []),
    ],
)
def test_filters(catalog: Index, filters: dict[str, Any], numbers: list[int]) -> None:
    """Newest first; days begin in China."""
    assert asked(catalog, **filters) == numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("豫园", [1, 2, 3]),
        ("园", [1, 2, 3]),
        ("灯", [2, 3]),
        ("上海", [3]),
        ("小满 豫", [2]),
        ("外滩", []),
        ("*", []),
    ],
)
def test_found_by_words(catalog: Index, text: str, numbers: list[int]) -> None:
    """In titles, texts, tags, authors' names and places."""
    assert sorted(asked(catalog, text)) == numbers


def test_the_best_first_then_the_newest(tmp_path: Path) -> None:
    """A title tells more than a text; of equals the newest comes first."""
    times = {1: "2026-01-01T00:00:00Z", 2: "2026-01-03T00:00:00Z", 3: "2026-01-02T00:00:00Z"}
    with open_index(guarded(tmp_path / "c")) as catalog:
        for number, utc in times.items():
            put(catalog, number, told(number, title="豫园", published=moment(utc)))
        put(catalog, 4, told(4, title="上海", text="豫园", published=moment("2026-02-01T00:00:00Z")))
        assert asked(catalog, "豫园") == [2, 3, 1, 4]
        assert asked(catalog, "豫园", limit=1) == [2]
        assert asked(catalog, "豫园", before=datetime(2026, 1, 3, tzinfo=UTC)) == [3, 1]


def test_what_was_replaced_or_forgotten_is_not_found(catalog: Index) -> None:
    """The search index goes with its note."""
    put(catalog, 1, told(1, title="外滩"))
    catalog.remove(note_id(3))
    catalog.put(f"folder 2_{note_id(9)}", "s", NOTES[2])
    put(catalog, 2, told(9, title="another note in its folder"))
    assert asked(catalog, "豫园") == []
    assert asked(catalog, "外滩") == [1]
    assert asked(catalog, "another") == [2]


def test_a_note_that_goes_meanwhile_is_passed_over(catalog: Index) -> None:
    """Who reads slowly holds nobody up, and sees what is there when its turn comes."""
    entries = catalog.entries(IndexFilter())
    assert next(entries).id == note_id(2)
    catalog.remove(note_id(3))
    assert [entry.id for entry in entries] == [note_id(1), NOTES[4].id]


@pytest.mark.parametrize(
    "note",
    [
        {"published": moment("9999-12-31T23:59:59Z")},
        {"published": {"china": "x", "utc": None}},
    ],
)
def test_a_time_that_nobody_can_read(catalog: Index, note: dict[str, object]) -> None:
    """The id carries one."""
    put(catalog, 5, told(5, **note))
    assert [entry.published for entry in catalog.entries(IndexFilter()) if entry.id == note_id(5)] == [
        "2026-03-09T22:10:42+08:00"
    ]


def test_a_count_that_no_database_holds(catalog: Index) -> None:
    """A manifest is input too."""
    counts = {"likes": 10**30, "collects": -(10**30), "comments": None, "shares": 3}
    put(catalog, 5, told(5, counts=counts))
    found = next(entry for entry in catalog.entries(IndexFilter()) if entry.id == note_id(5))
    assert found.counts == Counts(2**63 - 1, -(2**63 - 1), None, 3, None)


_archives = st.lists(records.manifests(), max_size=5, unique_by=lambda manifest: manifest.id)


def filled(manifests: Sequence[Manifest], *, at_once: bool) -> dict[str, list[tuple[object, ...]]]:
    """What a catalog holds after these notes came in this order."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.executescript(SCHEMA.sql)
        catalog = Index(database)
        if at_once:
            with catalog.transaction():
                for manifest in manifests:
                    catalog.put(manifest.id.text, "s", manifest)
        else:
            for manifest in manifests:
                catalog.put(manifest.id.text, "s", manifest)
        return dump(database)


@pytest.mark.slow
@settings(max_examples=25)  # each writes three databases
@given(manifests=_archives, data=st.data())
def test_the_order_of_notes_does_not_matter(manifests: list[Manifest], data: st.DataObject) -> None:
    """Nor whether they came one by one, at once, or twice."""
    once = filled(manifests, at_once=True)
    shuffled = data.draw(st.permutations(manifests))
    assert filled(shuffled, at_once=False) == once
    assert filled([*manifests, *shuffled], at_once=False) == once


def put_one_that_no_database_holds(catalog: Index) -> None:
    """After one that it does."""
    put(catalog, 7, told(7))
    put(catalog, 8, told(8, title="\ud800"))


def test_a_batch_is_all_or_nothing(catalog: Index) -> None:
    """And the catalog goes on working."""
    before = asked(catalog)
    with pytest.raises(UnicodeEncodeError), catalog.transaction():
        put_one_that_no_database_holds(catalog)
    assert asked(catalog) == before
    put(catalog, 7, told(7))
    assert 7 in asked(catalog)


def test_a_renewed_catalog_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """Whoever has the old one open sees the new one whole, and nothing is left beside it."""
    path = tmp_path / "catalog.sqlite3"
    with open_index(guarded(path)) as old:
        put(old, 1, NOTES[1])
        with rebuild_index(guarded(path)) as new:
            put(new, 2, NOTES[2])
            assert asked(old) == [1]
        assert asked(old) == [2]
        assert asked(old, "豫园") == [2]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_renewal_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its middle, at its beginning, at the exchange; what an earlier one left is no obstacle."""
    path = tmp_path / "catalog.sqlite3"
    with open_index(guarded(path)) as old:
        put(old, 1, NOTES[1])
    path.with_name("catalog.sqlite3.new").write_bytes(b"left by a run that was killed")
    with pytest.raises(UnicodeEncodeError), rebuild_index(guarded(path)) as new:
        put_one_that_no_database_holds(new)

    class Full(sqlite3.Connection):
        def backup(self, *_: object, **__: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda where, **named: connect(where, **named, factory=Full))
    with pytest.raises(ArchiveError, match="disk is full"), rebuild_index(guarded(path)) as new:
        put(new, 2, NOTES[2])
    monkeypatch.undo()

    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(index, "make_database", refuse)
    with pytest.raises(ArchiveError, match=r"catalog\.sqlite3\.new"), rebuild_index(guarded(path)):
        pytest.fail("made")
    monkeypatch.undo()
    with open_index(guarded(path)) as old:
        assert asked(old) == [1]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "table", ["search_data", "search_idx", "search_content", "search_docsize", "search_config"]
)
def test_a_damaged_index_heals_by_itself(tmp_path: Path, table: str) -> None:
    """No opening walks it. Whoever meets the damage says so, and the next one makes the catalog anew."""
    path = tmp_path / "catalog.sqlite3"
    with open_index(guarded(path)) as catalog:
        for number in range(1, 4):
            put(catalog, number, NOTES[number])
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)
    with (
        open_index(guarded(path)) as catalog,
        pytest.raises(ArchiveError, match="rebuild it with: xharchive reindex"),
    ):
        put(catalog, 2, NOTES[2]) if table == "search_content" else asked(catalog, "豫园")
    with open_index(guarded(path)) as catalog:
        assert asked(catalog) == []
        put(catalog, 2, NOTES[2])
        assert asked(catalog, "豫园") == [2]


def test_a_disk_that_is_full_is_no_damage(tmp_path: Path) -> None:
    """The catalog is kept: it is not at fault."""
    path = tmp_path / "catalog.sqlite3"
    with open_index(guarded(path)) as catalog:
        put(catalog, 1, NOTES[1])
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ArchiveError, match="full"):
            put(Index(database), 2, told(2, text="豫园" * 9000))
    with open_index(guarded(path)) as catalog:
        assert asked(catalog) == [1]


def test_every_kind_of_order_is_one(catalog: Index) -> None:
    """All pairs of filters can be asked together, with words and without."""
    filters = {
        "author": "a",
        "type": "image",
        "state": State.COMPLETE,
        "after": datetime(2020, 1, 1, tzinfo=UTC),
        "before": datetime(2030, 1, 1, tzinfo=UTC),
        "tag": "豫园",
        "limit": 1,
    }
    for one, two in itertools.combinations(filters.items(), 2):
        for text in ("", "豫园"):
            narrow = set(asked(catalog, text, **dict((one, two))))
            assert narrow <= set(asked(catalog, text, **dict([one])))
