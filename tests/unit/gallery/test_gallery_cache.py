"""What the gallery remembers, where the disk has the last word."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, permutations
from pathlib import Path

import pytest

from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.gallery.gallery_cache import CachedNote, GalleryCache, ListedFolder, open_cache


def test_a_full_disk_is_told_although_it_ended_the_transaction(tmp_path: Path) -> None:
    """SQLite rolls back by itself then: that there is nothing left to roll back is not the trouble."""
    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as state:

        def fill_the_disk() -> None:
            with state.batch():
                state._connection.execute("ROLLBACK")
                raise sqlite3.OperationalError("database or disk is full")

        with pytest.raises(ArchiveError, match="disk is full"):
            fill_the_disk()
        with state.batch():
            state.save_generated([("69aed4e2000000000e00c358", "")])


def _shown(number: int, stamp: str = "1-1", *, thumb: bool = True) -> CachedNote:
    note_id, size = f"{number:024x}", 90 if thumb else 0
    return CachedNote(
        *(note_id, f"note_{note_id}", stamp, "form", f"2026-01-{number:02d}", f"title {number}", ""),
        *(f"seal{number}", f"face{number}", size, size),
    )


def _listed(shown: CachedNote, folder: str = "") -> ListedFolder:
    return ListedFolder(folder or shown.folder, shown.id, shown.stamp)


def _unread(state: GalleryCache, listed: list[ListedFolder], form: str = "form", lost: str = "") -> list[str]:
    count = state.compare(listed, form, lambda note_id: -1 if note_id == lost else 1)
    unread = list(state.unread())
    assert len(unread) == count
    return unread


def test_only_what_changed_is_to_be_read(tmp_path: Path) -> None:
    """A stamp, the program's form or a lost thumbnail; a note without one has none to lose."""
    same, changed, thumbless, new = (_shown(1), _shown(2), _shown(3, thumb=False), _shown(4))
    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as state:
        for shown in (same, changed, thumbless):
            state.save(shown, "card")
        listed = [_listed(same), _listed(replace(changed, stamp="2-2")), _listed(thumbless), _listed(new)]

        assert _unread(state, listed) == [changed.folder, new.folder]
        assert _unread(state, [_listed(same)], lost=same.id) == [same.folder]
        assert _unread(state, [_listed(thumbless)], lost=thumbless.id) == []
        assert _unread(state, [_listed(same)], form="newer form") == [same.folder]


def test_of_two_folders_with_one_note_the_first_by_name_counts(tmp_path: Path) -> None:
    """In whatever order the disk lists them."""
    shown = _shown(1)
    copies = [_listed(shown, f"{name}_{shown.id}") for name in ("b", "a", "c")]
    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as state:
        for listed in permutations(copies):
            assert _unread(state, list(listed)) == [f"a_{shown.id}"]


def test_a_renamed_folder_is_not_gone_once_it_was_read(tmp_path: Path) -> None:
    """A note is known by its id."""
    stays, renamed, gone = _shown(1), _shown(2), _shown(3)
    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as state:
        for shown in (stays, renamed, gone):
            state.save(shown, "card")
        new_name = replace(renamed, folder=f"other_{renamed.id}")
        assert _unread(state, [_listed(stays), _listed(new_name)]) == [new_name.folder]
        assert sorted(state.removed_folders()) == [renamed.folder, gone.folder]
        state.save(new_name, "card")
        assert state.removed_folders() == [gone.folder]


def test_pages_are_due_in_turn_while_those_before_them_are_remembered(tmp_path: Path) -> None:
    """None twice, none left out, however often what was written is remembered in between."""
    notes = [_shown(number) for number in range(1, 26)]
    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as state:
        for shown in notes:
            state.save(shown, "card")
        due, written = state.stale_pages(), []
        while batch := list(islice(due, 3)):
            with state.batch():
                for page in batch:
                    state.mark_written(page.id, page.inputs, "7-1")
            written += [page.id for page in batch]
        assert written == [shown.id for shown in notes]
        assert list(state.stale_pages()) == []

        cut = notes[8]
        state.check_pages(lambda folder: "6-2" if folder == cut.folder else "7-1")
        assert [page.id for page in state.stale_pages()] == [cut.id]


def test_a_disk_that_cannot_be_listed_leaves_the_state_usable(tmp_path: Path) -> None:
    """What was told before it failed is forgotten."""

    def listing() -> Iterator[ListedFolder]:
        yield _listed(_shown(1))
        raise ArchiveError("cannot be listed")

    with open_cache(ArchivePath(tmp_path) / "gallery.sqlite3") as state:
        with pytest.raises(ArchiveError, match="cannot be listed"):
            state.compare(listing(), "form", lambda _: 1)
        assert _unread(state, [_listed(_shown(2))]) == [_shown(2).folder]
