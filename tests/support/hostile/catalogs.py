"""Archives whose catalog was prepared."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from support.hostile import planting
from support.hostile.scene import SCRIPT, Scene
from support.hostile.sqlite_files import (
    ENDLESS,
    Builder,
    add_like,
    alter_schema,
    hot_journal,
    of_any_database,
    opened,
    script,
    views,
)

__all__ = ["CATALOGS"]

_NAME = "catalog.sqlite3"
_HEAVY = "length(hex(zeroblob(400000000)))"  # 800 MB each time


def _catalog(scene: Scene) -> Path:
    return scene.state / _NAME


def _row_in_a_folder(folder: str, scene: Scene) -> None:
    """The pending note's folder lies where the attacker says; nothing there contradicts."""
    (scene.archive / "a").mkdir()
    planting.link(scene.archive / "linked", scene.outside)
    add_like(
        _catalog(scene),
        "notes",
        {
            "number": 99,
            "id": scene.good.pending,
            "folder": folder.replace("OUTSIDE", str(scene.outside)),
            "stamp": "",
            "state": "partial",
        },
    )


def _row_and_record_name_a_key(scene: Scene) -> None:
    """A file `authorized_keys` waits in the work folder, with the record of a verified picture."""
    work = scene.state / "work" / scene.good.pending
    (work / "01.webp").rename(work / "authorized_keys")
    record = work / "image-1.done"
    text = record.read_text("utf-8")
    assert "01.webp" in text
    record.write_text(text.replace("01.webp", "authorized_keys"), "utf-8")
    _row_in_a_folder("../.ssh", scene)


def _sealed_row_outside(scene: Scene) -> None:
    """The catalog claims that it agrees with all manifests, and `--trust-index` believes that."""
    _row_in_a_folder("../outside", scene)
    places = [scene.archive.stat(), scene.state.stat()]
    seal = " ".join(f"{place.st_dev}:{place.st_ino}" for place in places)
    with opened(_catalog(scene)) as database:
        database.execute("DELETE FROM seal")
        database.execute("INSERT INTO seal VALUES (?)", (seal,))


def _columns(values: str, scene: Scene) -> None:
    script(_catalog(scene), f"UPDATE notes SET {values}")  # noqa: S608


def _views(scene: Scene) -> None:
    views(_catalog(scene), "notes", "files", "seal")


def _triggers(scene: Scene) -> None:
    """A row that is written moves its note outside; one that is removed never ends."""
    endless = f"BEGIN INSERT INTO seal {ENDLESS} 'x' FROM n; END;"
    script(
        _catalog(scene),
        f"""CREATE TRIGGER a AFTER INSERT ON notes BEGIN
            UPDATE notes SET folder = '../outside', stamp = '', state = 'partial' WHERE id = new.id; END;
        CREATE TRIGGER b AFTER DELETE ON notes {endless}
        CREATE TRIGGER c AFTER DELETE ON seal {endless}""",  # noqa: S608
    )


def _heavy_check(scene: Scene) -> None:
    column = "state TEXT NOT NULL"
    alter_schema(_catalog(scene), "notes", column, f"{column} CHECK ({_HEAVY} + length(state))")


def _heavy_generated_column(scene: Scene) -> None:
    """The title of every note takes 800 MB to say."""
    with opened(_catalog(scene)) as database:
        names = [name for _, name, *_ in database.execute("PRAGMA table_info(notes)")]
        rest = ",".join(name for name in names if name != "title")
        heavy = "title TEXT GENERATED ALWAYS AS (substr(hex(zeroblob(400000000)), 1, 1 + length(id)))"
        definitions = ",".join(heavy if name == "title" else name for name in names)
        database.executescript(
            f"""CREATE TABLE moved AS SELECT {rest} FROM notes; DROP TABLE notes;
            CREATE TABLE notes ({definitions});
            INSERT INTO notes ({rest}) SELECT {rest} FROM moved; DROP TABLE moved;"""  # noqa: S608
        )


def _heavy_index(scene: Scene) -> None:
    """Whoever writes a row, or checks the table, computes the expression of an index."""
    script(_catalog(scene), "CREATE INDEX heavy ON notes (length(hex(zeroblob(4))) + length(id))")
    alter_schema(_catalog(scene), "heavy", "zeroblob(4)", "zeroblob(400000000)")


def _search_of_a_view(scene: Scene) -> None:
    """The search index takes its texts from a view that never ends."""
    texts = "'x' AS title, 'x' AS text, 'x' AS tags, 'x' AS author, 'x' AS place"
    script(
        _catalog(scene),
        f"""DROP TABLE search;
        CREATE VIEW words AS {ENDLESS} i AS id, {texts} FROM n;
        CREATE VIRTUAL TABLE search USING fts5 (title, text, tags, author, place, content = 'words',
            content_rowid = 'id', tokenize = 'ascii');""",
    )


def _search_of_noise(scene: Scene) -> None:
    script(_catalog(scene), "UPDATE search_data SET block = randomblob(5000)")


def _large_texts(scene: Scene) -> None:
    script(_catalog(scene), "UPDATE notes SET title = hex(zeroblob(60000000))")


def _many_rows(scene: Scene) -> None:
    """Two million rows of files of one note."""
    script(
        _catalog(scene),
        f"""INSERT INTO files WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000)
            SELECT '{scene.good.still}', 'x' || i, 1 FROM n""",  # noqa: S608
    )


def _hot_journal(scene: Scene) -> None:
    """SQLite plays back a row that lies outside before the program can look at the file."""
    hot_journal(_catalog(scene), partial(_row_in_a_folder, "..", scene))


def _renewed_through_a_link(scene: Scene) -> None:
    """The catalog must be made anew, and the name under which that is done leads outside."""
    script(_catalog(scene), "PRAGMA user_version = 0")
    for suffix in (".new", ".new-journal", ".new-wal"):
        planting.link(scene.state / f"{_NAME}{suffix}", scene.outside / "precious")


CATALOGS: Mapping[str, Builder] = {
    **{
        f"catalog row in {folder!r}": partial(_row_in_a_folder, folder)
        for folder in (
            "..",
            "../.ssh",
            "OUTSIDE",
            "a/../..",
            "../outside\0",
            "linked",
            ".",
            "",
            "a/../../outside",
        )
    },
    "catalog row and record name a key": _row_and_record_name_a_key,
    "catalog sealed with a row outside": _sealed_row_outside,
    "catalog of blobs": partial(
        _columns, "stamp = x'00ff', title = x'00ff', tags = x'ff', published = x'00'"
    ),
    "catalog of folders as blobs": partial(_columns, "folder = CAST('../' || id AS BLOB)"),
    "catalog of unknown states": partial(_columns, "state = '../outside'"),
    "catalog of giant numbers": partial(_columns, "bytes = 9223372036854775807, likes = 9e999, gaps = -1"),
    "catalog of texts as numbers": partial(_columns, "bytes = 'many', pictures = 'x', likes = 'y'"),
    "catalog of broken UTF-8": partial(
        _columns, "title = CAST(x'ff80' AS TEXT), author = CAST(x'ed' AS TEXT)"
    ),
    "catalog of tags that are no JSON": partial(_columns, "tags = '[[[' || hex(zeroblob(100000))"),
    "catalog of ids that are none": partial(_columns, "id = '../../' || id"),
    "catalog of terminal codes": partial(
        _columns, f"title = char(27) || ']0;x' || char(7) || char(8238) || '{SCRIPT}', author = char(155)"
    ),
    "catalog of large texts": _large_texts,
    "catalog of two million rows": _many_rows,
    "catalog of views": _views,
    "catalog with triggers": _triggers,
    "catalog with a heavy check": _heavy_check,
    "catalog with a heavy generated column": _heavy_generated_column,
    "catalog with a heavy index": _heavy_index,
    "catalog whose search reads a view": _search_of_a_view,
    "catalog whose search is noise": _search_of_noise,
    "catalog with a hot journal": _hot_journal,
    "catalog made anew through a link": _renewed_through_a_link,
    **{f"catalog: {what}": build for what, build in of_any_database(_NAME).items()},
}
