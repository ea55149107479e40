"""Small files survive power loss, links are not followed, and every refusal of the disk is our sentence."""

import errno
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.archive_paths import guarded

from xharchive.archive_path import ArchivePath, makedirs, translate_os_errors, write_all
from xharchive.disk import append_line, atomic_write, boot_id
from xharchive.errors import ArchiveError, ExitCode, PermissionDenied


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the calls that matter for durability through, and write down their order."""
    calls: list[str] = []
    fsync, replace, write = os.fsync, os.replace, os.write

    def note_fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        size = f" {os.fstat(descriptor).st_size}" if target.is_file() else ""
        calls.append(f"fsync {target.name}{size}")
        fsync(descriptor)

    def note_replace(source: str, target: str, **folders: int) -> None:
        calls.append(f"rename {source} {target}")
        replace(source, target, **folders)

    def note_write(descriptor: int, data: bytes) -> int:
        calls.append("write")
        return write(descriptor, data)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    monkeypatch.setattr(os, "write", note_write)
    return calls


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


def failing(number: int) -> Callable[..., Any]:
    def fail(*_args: object, **_named: object) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


async def test_a_file_is_synced_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content first, then the rename, then the folder: a power cut leaves the old file or the new one."""
    calls = recorded(monkeypatch)
    await atomic_write(ArchivePath(tmp_path) / "a.json", b"content")
    assert calls == ["write", "fsync a.json.tmp 7", "rename a.json.tmp a.json", f"fsync {tmp_path.name}"]
    assert (tmp_path / "a.json").read_bytes() == b"content"


async def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """What was there is gone, a leftover of a crash too; nothing lies beside it."""
    path = tmp_path / "a.json"
    path.write_bytes(b"a longer old content")
    (tmp_path / "a.json.tmp").write_bytes(b"torn")
    await atomic_write(guarded(path), b"new")
    assert contents(tmp_path) == {"a.json": b"new"}


@pytest.mark.parametrize("name", ["a.json", "a.json.tmp"])
async def test_a_planted_link_is_replaced_not_followed(tmp_path: Path, name: str) -> None:
    """Neither at the final nor at the temporary name does a link lead a write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / name).symlink_to(victim)
    await atomic_write(ArchivePath(tmp_path) / "a.json", b"new")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "a.json").read_bytes() == b"new"
    assert not (tmp_path / "a.json").is_symlink()


@pytest.mark.parametrize("call", ["fsync", "replace"])
async def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """On a full disk the room of the attempt is given back."""
    (tmp_path / "a.json").write_bytes(b"old")
    monkeypatch.setattr(os, call, failing(errno.ENOSPC))
    with pytest.raises(ArchiveError, match=r"^writing .*/a\.json: the disk is full"):
        await atomic_write(ArchivePath(tmp_path) / "a.json", b"new")
    assert contents(tmp_path) == {"a.json": b"old"}


async def test_a_failed_cleaning_does_not_hide_the_first_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is told what went wrong first."""
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    monkeypatch.setattr(os, "unlink", failing(errno.EIO))
    with pytest.raises(ArchiveError, match="the disk is full"):
        await atomic_write(ArchivePath(tmp_path) / "a.json", b"new")


def test_a_really_full_disk() -> None:
    """The kernel's own refusal, not ours."""
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed below
    with full, pytest.raises(ArchiveError, match="the disk is full"), translate_os_errors("writing"):
        write_all(full.fileno(), b"line\n")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "this user may not write there; look at its owner and mode"),
        (errno.EPERM, "this user may not write there; look at its owner and mode"),
        (errno.ENAMETOOLONG, "the path is too long"),
        (errno.EMFILE, "too many open files"),
        (errno.ELOOP, "a symbolic link stands where a regular file is expected; remove it"),
        (errno.ENOTDIR, "a file or a symbolic link stands where a folder is expected; remove it"),
        (errno.EISDIR, "a folder stands where a regular file is expected; remove it"),
        (errno.ENXIO, "it is not a regular file; remove it"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_the_disk_s_refusals_become_sentences(number: int, words: str) -> None:
    """What was being done, and what the user can do; exit code 5; the cause stays for a bug report."""
    with pytest.raises(ArchiveError, match=r"^doing it: ") as raised, translate_os_errors("doing it"):
        failing(number)()
    assert words in str(raised.value)
    assert raised.value.exit_code == ExitCode.ARCHIVE
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("doing", "verb"),
    [
        ("reading x", "read it"),
        ("listing x", "read it"),
        ("looking into x", "read it"),
        ("opening x", "read it"),
        ("writing x", "write there"),
        ("making x", "write there"),
        ("removing x", "write there"),
    ],
)
def test_a_refusal_for_want_of_rights_has_the_verb_of_the_call(doing: str, verb: str) -> None:
    """The catcher can tell it from other trouble with the disk."""
    with (
        pytest.raises(PermissionDenied, match=rf"^{doing}: this user may not {verb}; "),
        translate_os_errors(doing),
    ):
        failing(errno.EACCES)()


def test_a_refusal_without_a_number_has_words_too() -> None:
    """Some libraries raise OSError with a text alone, or with nothing."""
    with pytest.raises(ArchiveError, match="doing it: OSError"), translate_os_errors("doing it"):
        raise OSError
    with pytest.raises(ArchiveError, match="doing it: BlockingIOError"), translate_os_errors("doing it"):
        raise BlockingIOError


def test_other_errors_pass_the_border_unchanged() -> None:
    """A bug must not become "disk full"."""
    with pytest.raises(KeyError), translate_os_errors("doing it"):
        raise KeyError("bug")


def test_a_line_is_synced_when_the_call_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of one whose name may not be safe too, or the file itself could be lost."""
    calls = recorded(monkeypatch)
    append_line(ArchivePath(tmp_path) / "ledger", b"one\n", named=False)
    assert calls == ["write", "fsync ledger 4", f"fsync {tmp_path.name}"]
    calls.clear()
    append_line(ArchivePath(tmp_path) / "ledger", b"two\n", named=True)
    assert calls == ["write", "fsync ledger 8"]
    assert (tmp_path / "ledger").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "ledger").stat().st_mode & 0o777 == 0o600


def test_folders_are_made_for_good_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is safe once the folder it stands in is synced, so that one goes first."""
    calls = recorded(monkeypatch)
    makedirs(ArchivePath(tmp_path) / "a" / "b", durable=True)
    assert calls == [f"fsync {tmp_path.name}", "fsync a"]


def test_a_folder_that_is_there_need_not_be_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread made it a moment ago, or a run that was killed: its name is synced here too."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    calls = recorded(monkeypatch)
    makedirs(ArchivePath(tmp_path) / "a" / "b", durable=True)
    assert calls == ["fsync a"]
    makedirs(ArchivePath(tmp_path) / "a" / "c" / "d", durable=True)
    assert calls[1:] == [f"fsync {tmp_path.name}", "fsync a", "fsync c"]


def test_a_torn_line_is_ended_first(tmp_path: Path) -> None:
    """A new record never glues to half of an old one."""
    path = tmp_path / "ledger"
    path.write_bytes(b'{"a":1}\n{"b"')
    append_line(guarded(path), b'{"c":3}\n', named=True)
    assert path.read_bytes() == b'{"a":1}\n{"b"\n{"c":3}\n'


def test_a_disk_that_takes_a_part_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """write(2) may take less than it was given without any error."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    append_line(ArchivePath(tmp_path) / "ledger", b"a whole line\n", named=True)
    assert (tmp_path / "ledger").read_bytes() == b"a whole line\n"


def test_no_line_goes_through_a_link(tmp_path: Path) -> None:
    """A planted link cannot make the ledger grow elsewhere."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious\n")
    (tmp_path / "ledger").symlink_to(victim)
    with pytest.raises(ArchiveError, match="symbolic link"):
        append_line(ArchivePath(tmp_path) / "ledger", b"line\n", named=True)
    assert victim.read_bytes() == b"precious\n"


def test_no_descriptor_is_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the disk refuses."""
    gc.collect()  # what other tests left to it
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    (tmp_path / "file").write_bytes(b"x")
    append_line(ArchivePath(tmp_path) / "ledger", b"x\n", named=True)
    guarded(tmp_path / "file").sync()
    ArchivePath(tmp_path).sync()
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    for path in (guarded(tmp_path / "file"), ArchivePath(tmp_path)):
        with pytest.raises(OSError, match="Input/output"):
            path.sync()
    with pytest.raises(ArchiveError):
        append_line(ArchivePath(tmp_path) / "ledger", b"x\n", named=True)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count


def test_a_boot_has_a_name_or_none(tmp_path: Path) -> None:
    """The same one twice; "" on a system that gives none, or that gives nonsense."""
    assert boot_id() == boot_id()
    assert boot_id(tmp_path / "missing") == ""
    (tmp_path / "odd").write_bytes(b"\xff")
    assert boot_id(tmp_path / "odd") == ""
