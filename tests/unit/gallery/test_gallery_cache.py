"""What the gallery remembers, where the disk has the last word."""

import sqlite3
from collections.abc import Iterator
from itertools import islice, permutations
from pathlib import Path

import pytest

from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.gallery.cache import CachedNote, GalleryCache, open_cache


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[GalleryCache]:
    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as opened:
        yield opened


def _note(number: int, folder: str = "") -> CachedNote:
    note_id = f"{number:024x}"
    folder, published = folder or f"note_{note_id}", f"2026-01-{number:02d}"
    return CachedNote(
        note_id, folder, "1-1", "form", published, f"title {number}", "", "", "", "", 90, 120, 0, empty=False
    )


def _save(cache: GalleryCache, *notes: CachedNote) -> None:
    cache.save((note, "{}") for note in notes)


def _listed(note: CachedNote, folder: str = "") -> tuple[str, str, str]:
    return folder or note.folder, note.id, note.stamp


def _unread(cache: GalleryCache, listed: list[tuple[str, str, str]], form: str = "form") -> list[str]:
    count = cache.compare(listed, form)
    unread = list(cache.unread())
    assert len(unread) == count
    return unread


def test_a_full_disk_is_told_although_it_ended_the_transaction(cache: GalleryCache) -> None:
    """SQLite rolls back by itself then: that there is nothing left to roll back is not the trouble."""

    def fill_the_disk() -> Iterator[str]:
        cache._connection.execute("ROLLBACK")
        yield from ()
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(ArchiveError, match="disk is full"):
        cache.forget(fill_the_disk())
    _save(cache, _note(1))


def test_only_what_changed_is_to_be_read(cache: GalleryCache) -> None:
    """A stamp, the program's form, a note that was forgotten."""
    same, changed, new = _note(1), _note(2), _note(3)
    _save(cache, same, changed)
    listed = [_listed(same), _listed(changed._replace(stamp="2-2")), _listed(new)]

    assert _unread(cache, listed) == [changed.folder, new.folder]
    assert _unread(cache, [_listed(same)]) == []
    assert _unread(cache, [_listed(same)], form="newer form") == [same.folder]
    cache.forget([same.id])
    assert _unread(cache, [_listed(same)]) == [same.folder]


def test_of_two_folders_with_one_note_the_first_by_name_counts(cache: GalleryCache) -> None:
    """In whatever order the disk lists them."""
    note = _note(1)
    copies = [_listed(note, f"{name}_{note.id}") for name in ("b", "a", "c")]
    for listed in permutations(copies):
        assert _unread(cache, list(listed)) == [f"a_{note.id}"]


def test_a_renamed_folder_is_not_gone_once_it_was_read(cache: GalleryCache) -> None:
    """A note is known by its id."""
    stays, renamed, gone = _note(1), _note(2), _note(3)
    _save(cache, stays, renamed, gone)
    new_name = renamed._replace(folder=f"other_{renamed.id}")
    assert _unread(cache, [_listed(stays), _listed(new_name)]) == [new_name.folder]
    assert sorted(cache.removed()) == [renamed.id, gone.id]
    _save(cache, new_name)
    assert cache.removed() == [gone.id]
    cache.delete(gone.id)
    assert [note.folder for note in cache.notes()] == [stays.folder, new_name.folder]
    assert [note_id for note_id, _ in cache.cards()] == [stays.id, renamed.id]


def test_notes_that_changed_their_folders_are_read_although_both_have_one_stamp(cache: GalleryCache) -> None:
    """Each is saved where the other one was; none leaves a card behind."""
    one, two = _note(1, "a"), _note(2, "b")
    _save(cache, one, two)
    changed = [one._replace(folder="b"), two._replace(folder="a")]
    assert _unread(cache, [_listed(note) for note in changed]) == ["b", "a"]
    _save(cache, *changed)
    assert [(note.id, note.folder) for note in cache.notes()] == [(one.id, "b"), (two.id, "a")]
    assert [note_id for note_id, _ in cache.cards()] == [one.id, two.id]


def test_notes_are_yielded_in_turn_while_those_before_them_are_marked(cache: GalleryCache) -> None:
    """None twice, none left out, however often what was written is remembered in between."""
    notes = [_note(number) for number in range(1, 26)]
    _save(cache, *notes)
    pages, written = cache.pages(), list[str]()
    while batch := [note.id for note in islice(pages, 3)]:
        cache.mark_written([("inputs", "7-1", note_id) for note_id in batch])
        written += batch
    assert written == [note.id for note in notes]
    assert [(page.id, page.page) for page in cache.pages()] == [(note.id, "inputs") for note in notes]
    assert [page_stamp for *_, page_stamp in cache.stamps()] == ["7-1"] * len(notes)


def test_an_empty_note_has_neither_page_nor_card(cache: GalleryCache) -> None:
    """But it is known, so that it is not read each time."""
    empty = _note(1)._replace(empty=True)
    _save(cache, empty)
    assert (list(cache.pages()), list(cache.cards())) == ([], [])
    assert cache.find(empty.folder) == empty
    assert _unread(cache, [_listed(empty)]) == []


def test_a_disk_that_cannot_be_listed_leaves_the_cache_usable(cache: GalleryCache) -> None:
    """What was listed before it failed is forgotten."""

    def listing() -> Iterator[tuple[str, str, str]]:
        yield _listed(_note(1))
        raise ArchiveError("cannot be listed")

    with pytest.raises(ArchiveError, match="cannot be listed"):
        cache.compare(listing(), "form")
    assert _unread(cache, [_listed(_note(2))]) == [_note(2).folder]


def test_a_look_at_all_ends_soon_when_it_is_stopped(cache: GalleryCache) -> None:
    """It may be one at a hundred thousand notes on a slow disk."""
    _save(cache, *(_note(number) for number in range(1, 10)))
    notes = cache.notes()
    next(notes)
    cache.stop()
    with pytest.raises(ArchiveError):
        next(notes)


def test_a_cache_of_an_older_program_is_made_anew(tmp_path: Path) -> None:
    """It has other tables."""
    path = ArchivePath(tmp_path) / "gallery.sqlite3"
    with open_cache(path) as cache:
        _save(cache, _note(1))
        cache._connection.execute("CREATE TABLE looked_into (boot TEXT NOT NULL)")
    with open_cache(path) as cache:
        assert list(cache.notes()) == []
