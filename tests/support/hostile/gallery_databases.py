"""Archives whose gallery database was prepared."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

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

__all__ = ["GALLERY_DATABASES"]

_NAME = "gallery.sqlite3"


def _database(scene: Scene) -> Path:
    return scene.state / _NAME


def _ids(bases: tuple[str, ...], scene: Scene) -> None:
    """The gallery remembers notes whose folders are gone: it removes `<id>.webp` and folders `<id>`."""
    bases = tuple(base.replace("OUTSIDE", str(scene.outside)) for base in bases)
    ids = [f"{base}/{name}" for base in bases for name in ("victim", "json", "precious")]
    for number, note_id in enumerate(ids):
        add_like(_database(scene), "notes", {"id": note_id, "folder": f"gone-{number}"})


def _script_in_cards(scene: Scene) -> None:
    card = f"{{}}]); location = '{scene.listener.url}'; (['{SCRIPT}'"
    with opened(_database(scene)) as database:
        database.execute("UPDATE cards SET card = ?", (card,))


def _columns(values: str, scene: Scene) -> None:
    script(_database(scene), f"UPDATE notes SET {values}")  # noqa: S608


def _script_of_neighbours(scene: Scene) -> None:
    """Pages name the notes before and after by what the database says of them."""
    _columns(f"title = '{SCRIPT}', page = ''", scene)


def _triggers(scene: Scene) -> None:
    """Whatever is written never ends."""
    script(
        _database(scene),
        "".join(
            f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} "
            f"BEGIN INSERT INTO cards {ENDLESS} i, 'x', 'x' FROM n; END;"
            for table in ("notes", "cards")
            for event in ("INSERT", "UPDATE", "DELETE")
        ),
    )


def _heavy_check(scene: Scene) -> None:
    column = "title TEXT NOT NULL"
    alter_schema(
        _database(scene),
        "notes",
        column,
        f"{column} CHECK (length(hex(zeroblob(400000000))) > 0)",
    )
    assert "400000000" in _schema(scene)


def _schema(scene: Scene) -> str:
    with opened(_database(scene)) as database:
        return str(database.execute("SELECT group_concat(sql) FROM sqlite_schema").fetchone()[0])


def _hot_journal(scene: Scene) -> None:
    """SQLite plays back absolute ids before the program can look at the file."""
    hot_journal(_database(scene), partial(_ids, ("OUTSIDE",), scene))


GALLERY_DATABASES: Mapping[str, Builder] = {
    "gallery database of absolute ids": partial(_ids, ("OUTSIDE",)),
    "gallery database of ids with dots": partial(_ids, ("../../../outside", "../../outside")),
    "gallery database of scripts in cards": _script_in_cards,
    "gallery database of scripts in titles": _script_of_neighbours,
    "gallery database of folders outside": partial(_columns, "folder = '../outside/' || id, page = ''"),
    "gallery database of blobs": partial(
        _columns, "folder = CAST(id AS BLOB), title = x'00ff', width = x'00'"
    ),
    "gallery database of giant numbers": partial(
        _columns, "width = 9223372036854775807, height = -1, page_stamp = 9e999"
    ),
    "gallery database of broken UTF-8": partial(
        _columns, "title = CAST(x'ff' AS TEXT), page = CAST(x'ed' AS TEXT)"
    ),
    "gallery database of large texts": partial(_columns, "title = hex(zeroblob(60000000))"),
    "gallery database: view of notes": lambda scene: views(_database(scene), "notes"),
    "gallery database: view of cards": lambda scene: views(_database(scene), "cards"),
    "gallery database with triggers": _triggers,
    "gallery database with a heavy check": _heavy_check,
    "gallery database with a hot journal": _hot_journal,
    **{f"gallery database: {what}": build for what, build in of_any_database(_NAME).items()},
}
