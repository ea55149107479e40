"""A database of an archive is used if it is what this program would have written, and made anew otherwise."""

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.archive_paths import guarded

from xharchive.archive_path import ArchivePath
from xharchive.database import (
    Schema,
    StepLimit,
    connect_temporary,
    make_database,
    open_database,
    remove_database,
    size_on_disk,
)
from xharchive.errors import ArchiveError

SCHEMA = Schema(
    "CREATE TABLE words (word TEXT NOT NULL) STRICT; CREATE INDEX by_word ON words (word);"
    "CREATE TABLE others (other TEXT NOT NULL) STRICT;",
    version=7,
)
ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
PRECIOUS = b"precious"
JOURNAL_END = bytes.fromhex("d9d505f920a163d7")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database lies, with a row that tells it from one made anew."""
    place = tmp_path / "archive" / "words.sqlite3"
    place.parent.mkdir()
    with closing(open_database(guarded(place), SCHEMA)) as database:
        database.execute("INSERT INTO words VALUES ('kept')")
    return place


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Path]:
    """A file outside the archive, which is as it was when the test is over."""
    file = tmp_path / "victim"
    file.write_bytes(PRECIOUS)
    yield file
    assert file.read_bytes() == PRECIOUS
    assert file.stat().st_nlink == 1


def words(path: Path, schema: Schema = SCHEMA) -> list[str]:
    """Open the database, write into it, and return what it held before."""
    with closing(open_database(guarded(path), schema)) as database:
        found = [word for (word,) in database.execute("SELECT word FROM words")]
        database.execute("INSERT INTO words VALUES ('new')")
    return found


def changed(path: Path, sql: str) -> None:
    """Run statements on the database as somebody else would, such as ones that change its schema."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA trusted_schema = ON")
        database.executescript(sql)


def is_as_new(path: Path) -> bool:
    """Whether there is a database of this schema that works, in regular files of one name each."""
    found = path.lstat()
    with closing(sqlite3.connect(path)) as database:
        version = database.execute("PRAGMA user_version").fetchone()
    return words(path) == ["new"] and version == (7,) and found.st_nlink == 1 and not path.is_symlink()


def test_a_sound_database_is_kept(path: Path) -> None:
    """As often as it is opened."""
    assert words(path) == ["kept"]
    assert words(path) == ["kept", "new"]


def test_a_missing_database_is_made(tmp_path: Path) -> None:
    """It is its owner's alone, as are the files that SQLite keeps beside it."""
    mask = os.umask(0)
    try:
        with closing(open_database(ArchivePath(tmp_path) / "new", SCHEMA)) as database:
            for mode in ("WAL", "DELETE"):
                database.execute(f"PRAGMA journal_mode = {mode}")
                database.execute("BEGIN IMMEDIATE")
                database.execute("INSERT INTO words VALUES ('x')")
                modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
                database.execute("COMMIT")
                assert len(modes) >= 2
                assert set(modes.values()) == {0o600}
    finally:
        os.umask(mask)


OTHER_SCHEMAS = {
    "a view in a table's place": "DROP TABLE words; CREATE VIEW words AS SELECT 'crafted' AS word;",
    "a table in another spelling": "DROP TABLE words; CREATE TABLE words (word TEXT  NOT NULL) STRICT;"
    "CREATE INDEX by_word ON words (word);",
    "a generated column": "DROP TABLE others;"
    "CREATE TABLE others (other TEXT NOT NULL, more TEXT AS (upper(other))) STRICT;",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON words BEGIN DELETE FROM words; END;",
    "one table more": "CREATE TABLE more (x);",
    "one index more": "CREATE INDEX more ON words (word DESC);",
    "one view more": "CREATE VIEW more AS SELECT 1;",
    "a virtual table more": "CREATE VIRTUAL TABLE more USING fts5 (x);",
    "one table less": "DROP TABLE others;",
    "one index less": "DROP INDEX by_word;",
    "an older version": "PRAGMA user_version = 6;",
    "a newer version": "PRAGMA user_version = 8;",
}


@pytest.mark.parametrize("sql", list(OTHER_SCHEMAS.values()), ids=list(OTHER_SCHEMAS))
def test_a_database_of_another_form_is_made_anew(path: Path, sql: str) -> None:
    """To the letter: whatever a schema holds, SQLite would run it."""
    changed(path, sql)
    assert words(path) == []
    assert is_as_new(path)


def test_a_schema_that_was_written_by_hand_is_made_anew(path: Path) -> None:
    """SQLite lets its own table be written, and takes what stands there at its word."""
    changed(
        path,
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE words (word TEXT, x AS (1))' WHERE name = 'words';",
    )
    assert words(path) == []
    assert is_as_new(path)


def test_a_schema_of_very_many_tables_is_not_read_whole(path: Path) -> None:
    """More than any that this program writes."""
    changed(path, "BEGIN;" + "".join(f"CREATE TABLE t{number} (x);" for number in range(1100)) + "COMMIT;")
    assert words(path) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all, and long enough to be looked at" * 100)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def scribbled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def index_that_lacks_a_row(path: Path) -> None:
    changed(
        path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 99 WHERE name = 'by_word';"
    )


@pytest.mark.parametrize("damage", [cut, garbage, empty, scribbled, index_that_lacks_a_row])
def test_a_damaged_database_is_made_anew(path: Path, damage: Callable[[Path], None]) -> None:
    """What it held is held elsewhere, too."""
    damage(path)
    assert words(path) == []
    assert is_as_new(path)


def test_only_the_tables_to_check_are_looked_through(path: Path) -> None:
    """Whoever names none gets all of them checked."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'others'"
        (page,) = database.execute(query).fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    assert words(path, Schema(SCHEMA.sql, SCHEMA.version, checked=("words",))) == ["kept"]
    assert words(path, Schema(SCHEMA.sql, SCHEMA.version, checked=("words", "others"))) == []


FILES = ["words.sqlite3", "words.sqlite3-wal", "words.sqlite3-shm", "words.sqlite3-journal"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["link", "link to a database", "broken link", "FIFO", "hard link"])
def test_files_that_are_not_its_own_are_replaced(path: Path, victim: Path, name: str, kind: str) -> None:
    """The database itself and whatever SQLite would open beside it; what a link leads to stays as it is."""
    place = path.with_name(name)
    place.unlink(missing_ok=True)
    other, before = path.with_name("other"), b""
    if kind == "link":
        place.symlink_to(victim)
    elif kind == "link to a database":
        with closing(make_database(guarded(other), SCHEMA)) as database:
            database.execute("INSERT INTO words VALUES ('somebody else')")
        before = other.read_bytes()
        place.symlink_to(other)
    elif kind == "broken link":
        place.symlink_to(path.parent.parent / "new")
    elif kind == "FIFO":
        os.mkfifo(place)
    else:
        place.hardlink_to(victim)
    assert words(path) == []
    assert is_as_new(path)
    assert not (path.parent.parent / "new").exists()
    assert not place.is_symlink()
    if other.exists():
        assert other.read_bytes() == before


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_a_sentence(path: Path, name: str) -> None:
    """Nobody knows what is in it, so it is not removed."""
    place = path.with_name(name)
    place.unlink(missing_ok=True)
    place.mkdir()
    (place / "something").write_bytes(PRECIOUS)
    with pytest.raises(ArchiveError, match="a folder stands where a regular file is expected"):
        open_database(guarded(path), SCHEMA)
    assert (place / "something").read_bytes() == PRECIOUS


def journal_naming(path: Path, victim: Path) -> bytes:
    """Return a rollback journal without pages that names another file as its super-journal.

    https://www.sqlite.org/fileformat2.html#the_rollback_journal
    """
    pages = path.stat().st_size // 4096
    header = JOURNAL_END + struct.pack(">5I", 0, 0, pages, 512, 4096)
    name = os.fsencode(victim)
    trailer = name + struct.pack(">II", len(name), sum(name)) + JOURNAL_END
    return header.ljust(512, b"\0") + trailer


def test_sqlite_removes_the_file_that_a_journal_names(path: Path, tmp_path: Path) -> None:
    """Which is why no such journal may reach it; were it otherwise, the next test would prove nothing."""
    named = tmp_path / "named"
    named.write_bytes(PRECIOUS)
    path.with_name(path.name + "-journal").write_bytes(journal_naming(path, named))
    with closing(sqlite3.connect(path)) as database:
        database.execute("SELECT * FROM words").fetchall()
    assert not named.exists()


def test_a_journal_that_names_another_file_is_not_obeyed(path: Path, victim: Path) -> None:
    """Neither read nor removed: the database is made anew, and the journal goes."""
    path.with_name(path.name + "-journal").write_bytes(journal_naming(path, victim))
    assert words(path) == []
    assert is_as_new(path)
    assert victim.exists()


@pytest.mark.parametrize("journal", [b"", b"x", JOURNAL_END[1:], b"\0" * 600])
def test_a_journal_that_names_no_file_costs_nothing(path: Path, journal: bytes) -> None:
    """A killed run leaves one; SQLite knows what to do with it."""
    path.with_name(path.name + "-journal").write_bytes(journal)
    assert words(path) == ["kept"]


@pytest.mark.parametrize("before", [b"", b"x" * 5000])
def test_the_end_of_a_journal_counts(path: Path, before: bytes) -> None:
    """However much or little stands before it."""
    path.with_name(path.name + "-journal").write_bytes(before + JOURNAL_END)
    assert words(path) == []


def test_a_locked_database_is_not_thrown_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process uses it: that is no damage."""
    connect = sqlite3.connect
    with closing(connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", lambda where, **named: connect(where, **named, timeout=0))
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                open_database(guarded(path), SCHEMA)
        other.execute("ROLLBACK")
    assert words(path) == ["kept"]


def test_a_database_made_anew_is_empty_whatever_was_there(path: Path) -> None:
    """Also if there was nothing wrong with it."""
    with closing(make_database(guarded(path), SCHEMA)) as database:
        assert database.execute("SELECT count(*) FROM words").fetchone() == (0,)


def test_a_database_is_removed_with_its_journals(path: Path) -> None:
    """Once or twice; nothing else beside it is touched."""
    for name in (*FILES, "words.sqlite3-mine"):
        path.with_name(name).write_bytes(b"")
    for _ in range(2):
        remove_database(guarded(path))
    assert [file.name for file in path.parent.iterdir()] == ["words.sqlite3-mine"]


def test_a_database_that_cannot_be_removed_is_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(ArchiveError, match=r"removing .*/words\.sqlite3: this user may not write there"):
        remove_database(guarded(path))


@pytest.mark.parametrize("any_thread", [False, True])
def test_foreign_schemas_are_not_trusted(path: Path, any_thread: bool) -> None:
    """Neither in a database that was there nor in a new one; values have a bound."""
    for connection in (
        open_database(guarded(path), SCHEMA, any_thread=any_thread),
        make_database(guarded(path), SCHEMA, any_thread=any_thread),
    ):
        with closing(connection):
            assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
            with pytest.raises(sqlite3.DataError, match="too big"):
                connection.execute("SELECT length(zeroblob(17 * 1024 * 1024))")


def test_a_temporary_database_has_the_tables_and_no_file(tmp_path: Path) -> None:
    """For an archive that cannot be written."""
    with closing(connect_temporary(SCHEMA)) as database:
        database.execute("INSERT INTO words VALUES ('x')")
        assert database.execute("SELECT * FROM words").fetchall() == [("x",)]
        assert database.execute("PRAGMA user_version").fetchone() == (7,)
    assert list(tmp_path.iterdir()) == []


def test_holes_in_a_database_count_for_nothing(path: Path) -> None:
    """A file of a terabyte without content buys nobody a terabyte's worth of time."""
    beside = path.with_name(path.name + "-wal")
    with beside.open("wb") as file:
        file.truncate(1 << 40)
    assert 0 < size_on_disk(guarded(path)) < 1 << 20
    assert size_on_disk(guarded(path.with_name("gone"))) == 0


def test_an_endless_statement_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the count of its steps: no clock decides."""
    monkeypatch.setattr("xharchive.database._MIN_STEPS", 1_000_000)
    with closing(sqlite3.connect(":memory:")) as database:
        StepLimit(database, size=0)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            database.execute(ENDLESS)


def test_statements_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many short ones do not add up to a long one; and a larger file allows for longer ones."""
    monkeypatch.setattr("xharchive.database._MIN_STEPS", 1_000_000)
    bounded = ENDLESS.replace("FROM n)", "FROM n WHERE x < 50000)", 1)
    with closing(sqlite3.connect(":memory:")) as database:
        limit = StepLimit(database, size=0)
        for _ in range(5):
            limit.restart()
            assert database.execute(bounded).fetchone() == (50_000,)
        together = " UNION ALL ".join([f"SELECT * FROM ({bounded})"] * 5)  # noqa: S608 - our words
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            database.execute(together).fetchall()
        StepLimit(database, size=10_000_000)
        assert len(database.execute(together).fetchall()) == 5


def test_an_open_database_is_not_limited_by_the_check(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants a limit for its own statements sets one."""
    monkeypatch.setattr("xharchive.database._MIN_STEPS", 1_000_000)
    long = ENDLESS.replace("FROM n)", "FROM n WHERE x < 500000)", 1)
    with closing(open_database(guarded(path), SCHEMA)) as database:
        assert database.execute(long).fetchone() == (500_000,)
