"""The disk of the power-loss proof: a sync keeps what was there when it began, and takes nothing back."""

from support.disk_recorder import Operation, Verb
from support.power_loss import Disk, Model


def replayed(*operations: Operation) -> Disk:
    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    return disk


def begin(path: str, thread: str) -> Operation:
    return Operation(Verb.SYNC_BEGINS, path, thread=thread)


def end(path: str, thread: str) -> Operation:
    return Operation(Verb.SYNC, path, thread=thread)


def made(path: str) -> Operation:
    return Operation(Verb.MAKE_FOLDER, path)


def test_a_sync_keeps_what_was_there_when_it_began() -> None:
    """What came while it ran may be lost."""
    disk = replayed(made("a"), made("a/1"), begin("a", "x"), made("a/2"), end("a", "x"))
    assert disk.names_in("a") == {"1"}


def test_a_sync_that_returns_late_takes_nothing_back() -> None:
    """Two threads sync a folder: the one that began first returns last, and has not seen the second name."""
    disk = replayed(
        made("a"),
        made("a/1"),
        begin("a", "x"),
        made("a/2"),
        begin("a", "y"),
        end("a", "y"),
        end("a", "x"),
        begin(".", "x"),
        end(".", "x"),
    )
    assert disk.names_in("a") == {"1", "2"}
    assert set(disk.view(Model.OLD_NAMES)) == {"a", "a/1", "a/2"}


def test_a_late_sync_of_a_file_takes_nothing_back_either() -> None:
    """As with two lines of a ledger."""
    disk = replayed(
        Operation(Verb.CREATE, "file"),
        Operation(Verb.WRITE, "file", data=b"1\n"),
        begin("file", "x"),
        Operation(Verb.WRITE, "file", data=b"2\n"),
        begin("file", "y"),
        end("file", "y"),
        end("file", "x"),
    )
    assert disk.view(Model.CUT) == {"file": b"1\n2\n"}
