"""The list of wanted notes survives power cuts and shrinks when notes are done."""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from support.archive_paths import guarded
from support.note_folders import note_id

from xharchive.archive.pending import PendingList
from xharchive.errors import ArchiveError
from xharchive.models import NoteType, PendingNote, ShortLink

IDS = [PendingNote(note_id(number)) for number in range(5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the list lies."""
    return tmp_path / "wanted.txt"


def prune(path: Path, select: Callable[[PendingList], Iterable[PendingNote]]) -> None:
    pending = PendingList(guarded(path))
    pending.rewrite(select(pending))


def test_ids_are_kept_in_order(path: Path) -> None:
    """Over several runs, repetitions included."""
    PendingList(guarded(path)).add(IDS[:2])
    PendingList(guarded(path)).add(iter([IDS[4], IDS[0]]))
    assert list(PendingList(guarded(path))) == [IDS[0], IDS[1], IDS[4], IDS[0]]


def test_nothing_to_add_touches_nothing(path: Path) -> None:
    """A run without new notes does not even make the file."""
    PendingList(guarded(path)).add([])
    prune(path, iter)
    assert not path.exists()
    assert list(PendingList(guarded(path))) == []


def test_a_torn_line_costs_only_itself(path: Path) -> None:
    """What is added later does not glue to it."""
    path.write_bytes(f"{IDS[0].target}\n{IDS[1].target!s:.7}".encode())
    PendingList(guarded(path)).add([IDS[2]])
    assert list(PendingList(guarded(path))) == [IDS[0], IDS[2]]


def test_junk_is_passed_over(path: Path) -> None:
    """Whatever an editor or a bad sector left."""
    path.write_bytes(b"\xff\xfe\n\n# x\n" + f"  {IDS[0].target}  \r\n{str(IDS[1].target).upper()}\n".encode())
    assert list(PendingList(guarded(path))) == [IDS[0]]


def test_pruning_keeps_what_is_wanted(path: Path) -> None:
    """In order, and junk goes."""
    PendingList(guarded(path)).add(IDS)
    with path.open("a") as file:
        file.write("junk")
    prune(path, lambda wants: (want for want in wants if want not in (IDS[0], IDS[3])))
    assert list(PendingList(guarded(path))) == [IDS[1], IDS[2], IDS[4]]
    assert path.read_text() == "".join(f"{wanted.target}\n" for wanted in (IDS[1], IDS[2], IDS[4]))
    prune(path, lambda _: ())
    assert path.read_bytes() == b""


def test_ids_are_synced_before_the_run_begins(path: Path, synced: list[Path]) -> None:
    """The list and its folder."""
    PendingList(guarded(path)).add(IDS)
    assert [each.name for each in synced] == ["wanted.txt", path.parent.name]
    synced.clear()
    prune(path, iter)
    assert [each.name for each in synced] == ["wanted.txt.tmp", path.parent.name]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_pruning_loses_no_id(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """The old list stays until the new one is whole."""
    PendingList(guarded(path)).add(IDS)

    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(ArchiveError, match=r"writing .*/wanted\.txt: the disk is full"):
            prune(path, lambda _: ())
    assert list(PendingList(guarded(path))) == IDS
    prune(path, lambda wants: (want for want in wants if want == IDS[1]))
    assert list(PendingList(guarded(path))) == [IDS[1]]


@pytest.mark.parametrize("name", ["wanted.txt", "wanted.txt.tmp"])
def test_no_list_goes_through_a_link(path: Path, name: str) -> None:
    """A planted link leads no write elsewhere."""
    victim = path.with_name("victim")
    victim.write_bytes(b"precious\n")
    path.with_name(name).symlink_to(victim)
    if name == path.name:
        with pytest.raises(ArchiveError, match="symbolic link"):
            PendingList(guarded(path)).add(IDS)
    else:
        PendingList(guarded(path)).add(IDS)
        prune(path, lambda _: ())
    assert victim.read_bytes() == b"precious\n"


def test_a_list_that_cannot_be_read_is_an_error(path: Path) -> None:
    """Not an empty list: the notes on it would be forgotten."""
    path.mkdir()
    with pytest.raises(ArchiveError, match=r"reading .*/wanted\.txt: it is not a regular file"):
        list(PendingList(guarded(path)))
    with pytest.raises(ArchiveError, match=r"writing .*/wanted\.txt: a folder stands where"):
        PendingList(guarded(path)).add(IDS)


def test_types_and_short_links_are_kept_too(path: Path) -> None:
    """A type behind its id, a link in place of one; a line of an unknown kind is passed over."""
    link = PendingNote(ShortLink("https://xhslink.com/a/AbC"), NoteType.UNKNOWN)
    wants = [
        PendingNote(note_id(1), NoteType.VIDEO),
        link,
        PendingNote(note_id(2), NoteType.IMAGE),
        PendingNote(note_id(3)),
    ]
    PendingList(guarded(path)).add(wants)
    with path.open("a") as file:
        file.write(f"{note_id(4)} opera\nftp://x\n")
    assert list(PendingList(guarded(path))) == wants
    prune(path, lambda wants: (want for want in wants if want != link))
    assert path.read_text() == f"{note_id(1)} video\n{note_id(2)} image\n{note_id(3)}\n"


def test_the_options_of_a_run_stand_before_its_notes(path: Path) -> None:
    """Once a run, none for a run that has none; notes of an older program have none either."""
    path.write_text(f"{note_id(0)}\n")
    runs = [
        [PendingNote(note_id(1), options='["-a"]'), PendingNote(note_id(2), options='["-a"]')],
        [PendingNote(note_id(3))],
    ]
    for wants in runs:
        PendingList(guarded(path)).add(wants)
    everything = [PendingNote(note_id(0)), *runs[0], *runs[1]]
    assert list(PendingList(guarded(path))) == everything
    assert list(PendingList(guarded(path)).options()) == ['["-a"]']
    prune(path, iter)
    assert list(PendingList(guarded(path))) == everything
    ids = [note_id(number) for number in range(4)]
    lines = [ids[0], 'options ["-a"]', ids[1], ids[2], "options", ids[3]]
    assert path.read_text() == "".join(f"{line}\n" for line in lines)


def test_options_of_any_length_are_read_in_bounded_memory(path: Path) -> None:
    """A line that is longer than any we write is passed over."""
    path.write_text(f"options {'x' * 70_000}\n{note_id(1)}\n")
    assert list(PendingList(guarded(path))) == [PendingNote(note_id(1))]
    assert list(PendingList(guarded(path)).options()) == []
