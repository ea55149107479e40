"""A list goes where the user says, and replaces nothing but a plain file of that name."""

import os
import stat
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from xharchive.cli.failed_list import check_output_file, write_output_file
from xharchive.errors import ArchiveError

LINES = ["one\n", "two\n"]
WRITE = (
    "import sys; from xharchive.cli.failed_list import check_output_file, write_output_file; "
    "print('before'); "
    "check_output_file(sys.argv[1]); write_output_file(sys.argv[1], ['one\\n', 'two\\n']); print('after')"
)


def written(path: str | Path) -> None:
    check_output_file(str(path))
    write_output_file(str(path), LINES)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Its mode stays; a new one has that of every new file."""
    path = tmp_path / "o.txt"
    old = os.umask(0o027)
    try:
        written(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o664)
        written(path)
    finally:
        os.umask(old)
    assert path.read_text() == "one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert names(tmp_path) == ["o.txt"]


def test_neighbours_stay(tmp_path: Path) -> None:
    """Whatever a temporary file may be called."""
    for name in ("o.txt.tmp", ".o.txt.tmp", "o.tmp"):
        (tmp_path / name).write_text("mine")
    written(tmp_path / "o.txt")
    assert names(tmp_path) == sorted(["o.txt", "o.txt.tmp", ".o.txt.tmp", "o.tmp"])
    assert (tmp_path / "o.txt.tmp").read_text() == "mine"


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_written_through(tmp_path: Path, exists: bool) -> None:
    """It stays a link, and its target gets the list."""
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "o.txt", tmp_path / "link.txt"
    link.symlink_to("there/o.txt")
    if exists:
        target.write_text("old")
    written(link)
    assert link.is_symlink()
    assert target.read_text() == "one\ntwo\n"
    assert names(target.parent) == ["o.txt"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """Checking it does not wait for a reader."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    check_output_file(str(fifo))
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    write_output_file(str(fifo), LINES)
    reader.join()
    assert read == ["one\ntwo\n"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_device_stays_a_device() -> None:
    """Nothing is put in its place; one that is full is told of."""
    written("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(ArchiveError, match="writing /dev/full: the disk is full"):
        written("/dev/full")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize("path", ["-", "/dev/stdout", "/proc/self/fd/1", "out.txt"])
@pytest.mark.parametrize("way", ["> out.txt", "| cat > out.txt", ">> out.txt"])
def test_standard_output_keeps_its_order(tmp_path: Path, path: str, way: str) -> None:
    """By whatever name, wherever it leads: what else is printed stands before and behind."""
    if path == "out.txt" and way.startswith("|"):
        pytest.skip("that is another file")
    command = f"'{sys.executable}' -c \"$1\" {path} {way}"
    subprocess.run(["bash", "-c", command, "bash", WRITE], cwd=tmp_path, check=True)
    assert (tmp_path / "out.txt").read_text() == "before\none\ntwo\nafter\n"
    assert names(tmp_path) == ["out.txt"]


def test_a_file_without_a_name(tmp_path: Path) -> None:
    """Opened and deleted, as scripts do: nothing appears under the name it had."""
    command = f"exec 7<>gone; rm gone; '{sys.executable}' -c \"$1\" /dev/fd/7 > out.txt; cat /dev/fd/7"
    ran = subprocess.run(
        ["bash", "-c", command, "bash", WRITE], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert ran.stdout == "one\ntwo\n"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x" * 256, "name too long"),
        ("x/" * 3000 + "o", "name too long"),
        ("folder", "Is a directory"),
        ("folder/", "Is a directory"),
        ("new/", "Is a directory"),
        ("", "Is a directory"),
        ("gone/o.txt", "No such file"),
        ("file/o.txt", "Not a directory"),
        ("loop", "symbolic links"),
        ("dangling", "No such file"),
        ("socket", "No such device"),
        ("/proc/o.txt", "No such file"),
        ("/proc/version", "No such file"),
    ],
)
def test_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """Found by looking, not by trying at the end."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    Path("loop").symlink_to("loop")
    Path("dangling").symlink_to("gone/o.txt")
    os.mknod("socket", stat.S_IFSOCK | 0o600)
    before = names(tmp_path)
    with pytest.raises(OSError, match=words):
        check_output_file(name)
    assert names(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", ["locked/o.txt", "mine.txt"])
def test_what_may_not_be_written(tmp_path: Path, name: str) -> None:
    """A folder, or a file that its owner protects."""
    (tmp_path / "mine.txt").touch(0o400)
    (tmp_path / "locked").mkdir(0o500)
    with pytest.raises(PermissionError):
        check_output_file(str(tmp_path / name))


def test_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    """A temporary name that is longer must not make it impossible."""
    written(tmp_path / ("x" * 255))
    assert names(tmp_path) == ["x" * 255]


def test_what_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "o.txt"
    path.write_text("old")

    def lines() -> Iterator[str]:
        yield "new\n"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_output_file(str(path), lines())
    assert path.read_text() == "old"
    assert names(tmp_path) == ["o.txt"]


@pytest.mark.slow
def test_a_million_lines_in_little_memory(tmp_path: Path) -> None:
    """They are written as they come."""
    tracemalloc.start()
    write_output_file(str(tmp_path / "o.txt"), (f"{number:024x}\n" for number in range(300_000)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    assert (tmp_path / "o.txt").stat().st_size == 300_000 * 25
