"""Paths inside an archive: whatever lies at a name, no operation leaves the archive or waits for anybody."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from xharchive.archive_path import PRIVATE, ArchivePath, UnsafeName, lstat_or_none
from xharchive.disk import append_line
from xharchive.errors import ArchiveError

PRECIOUS = b"precious"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive's folder."""
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder outside the archive, with a file and a folder in it."""
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "file").write_bytes(PRECIOUS)
    os.utime(outside / "file", (1, 1))
    return outside


def unharmed(victim: Path) -> bool:
    """Whether nothing outside the archive was changed, added or removed."""
    file = victim / "file"
    return (
        sorted(path.name for path in victim.iterdir()) == ["file", "inner"]
        and not list((victim / "inner").iterdir())
        and file.read_bytes() == PRECIOUS
        and file.stat().st_mtime == 1
        and file.stat().st_nlink == 1
    )


def content(descriptor: int) -> bytes:
    """Return what a descriptor's file holds, and close it."""
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        return file.read()


UNSAFE = ["", ".", "..", "a/b", "/etc", "../x", "a\0b"]


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_leads_elsewhere_is_refused(archive: Path, name: str) -> None:
    """However the path is made; the sentence names the archive and a bounded part of the name."""
    path = ArchivePath(archive, "a")
    makers: list[Callable[[], object]] = [
        lambda: ArchivePath(archive, name),
        lambda: path / name,
        lambda: path.with_name(name),
        lambda: ArchivePath.from_json([str(archive), "a", name]),
    ]
    for make in makers:
        with pytest.raises(UnsafeName, match="is no plain file name"):
            make()
    assert issubclass(UnsafeName, ArchiveError)


@pytest.mark.parametrize("relative", ["", "/", "/etc/passwd", "a/../../x", "replies/", "a//b", "./a", "a\0"])
def test_a_relative_path_with_an_unsafe_part_is_refused(archive: Path, relative: str) -> None:
    """A manifest may claim anything."""
    with pytest.raises(UnsafeName):
        ArchivePath(archive).joinpath(relative)


def test_a_refused_name_makes_no_long_sentence(archive: Path) -> None:
    """A name of a megabyte is cut."""
    with pytest.raises(UnsafeName) as raised:
        ArchivePath(archive, "/" * 1_000_000)
    assert len(str(raised.value)) < 300 + len(str(archive))


def test_a_path_has_the_parts_that_pathlib_gives(archive: Path) -> None:
    """Names, parents; the root's parent is the root, since nothing above it is the archive's."""
    root = ArchivePath(archive)
    path = root / "note" / "01.tar.gz"
    plain = archive / "note" / "01.tar.gz"
    assert path.name == plain.name
    assert (str(path), path.unguarded, path.names) == (str(plain), plain, ("note", "01.tar.gz"))
    assert repr(path) == f"ArchivePath({str(plain)!r})"
    assert path.parent == root / "note"
    assert root.parent == root
    assert root.name == "archive"
    assert path.with_name("02") == root / "note" / "02" == root.joinpath("note/02")


def test_paths_are_equal_if_root_and_names_are(archive: Path) -> None:
    """They serve as keys; a plain path is another thing."""
    one, same = ArchivePath(archive) / "a" / "b", ArchivePath(archive, "a", "b")
    assert {one: 1}[same] == 1
    assert one != ArchivePath(archive / "a", "b")
    assert one != archive / "a" / "b"
    assert not isinstance(one, os.PathLike)


def test_a_path_survives_the_way_to_another_process(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An absolute root is kept to the letter, a relative one is made absolute: the other may be elsewhere."""
    path = ArchivePath(archive) / "豫园 01" / "a\\b\n"
    assert ArchivePath.from_json(path.as_json()) == path
    monkeypatch.chdir(archive)
    assert ArchivePath.from_json(ArchivePath(Path(), "x").as_json()) == ArchivePath(archive, "x")


# What can be done with a name in a folder, none of which may happen behind a link.
OPERATIONS: dict[str, Callable[[ArchivePath], object]] = {
    "lstat": lambda path: path.lstat(),
    "open": lambda path: path.open(),
    "open_descriptor": lambda path: path.open_descriptor(os.O_RDWR | os.O_CREAT),
    "read_bytes": lambda path: path.read_bytes(100),
    "create": lambda path: path.create(),
    "replace": lambda path: path.replace(ArchivePath(path.root, "taken")),
    "replaced": lambda path: ArchivePath(path.root, "mine").replace(path),
    "unlink": lambda path: path.unlink(),
    "set_times": lambda path: path.set_times(5),
    "sync": lambda path: path.sync(),
    "mkdir": lambda path: path.mkdir(),
    "rmdir": lambda path: path.rmdir(),
    "folders": lambda path: list(path.folders()),
    "times_kept": lambda path: path.preserve_times().__enter__(),
}


@pytest.mark.parametrize("operation", list(OPERATIONS))
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_nothing_is_done_behind_a_link_to_a_folder(
    archive: Path, victim: Path, depth: int, operation: str
) -> None:
    """At whatever depth it stands below the root."""
    (archive / "mine").write_bytes(b"mine")
    above = archive.joinpath(*["real"] * depth)
    above.mkdir(parents=True, exist_ok=True)
    (above / "link").symlink_to(victim)
    folder = ArchivePath(archive, *["real"] * depth, "link")
    for name in ("file", "inner", "new"):
        with pytest.raises(NotADirectoryError):
            OPERATIONS[operation](folder / name)
    assert unharmed(victim)
    assert (archive / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("operation", list(OPERATIONS))
def test_nothing_is_done_behind_a_folder_that_was_swapped_for_a_link(
    archive: Path, victim: Path, operation: str
) -> None:
    """What a path was when it was made proves nothing: each operation opens the folders anew."""
    (archive / "mine").write_bytes(b"mine")
    (archive / "folder").mkdir()
    (archive / "folder" / "file").write_bytes(b"")
    path = ArchivePath(archive) / "folder" / "file"
    assert path.is_file()
    (archive / "folder").rename(archive / "moved away")
    (archive / "folder").symlink_to(victim)
    with pytest.raises(NotADirectoryError):
        OPERATIONS[operation](path)
    assert unharmed(victim)


def test_questions_behind_a_link_find_nothing(archive: Path, victim: Path) -> None:
    """As if there were no such folder."""
    (archive / "link").symlink_to(victim)
    path = ArchivePath(archive) / "link" / "file"
    assert path.status() is None
    assert not path.exists()
    assert not path.is_file()
    assert not (path.parent / "inner").is_dir()
    assert path.parent.entries() == []
    (path.parent / "inner").remove_tree()
    assert unharmed(victim)


def test_the_root_may_be_reached_through_a_link(archive: Path, tmp_path: Path) -> None:
    """The user named it."""
    (tmp_path / "shortcut").symlink_to(archive)
    root = ArchivePath(tmp_path / "shortcut")
    os.close((root / "file").create())
    assert root.is_dir()
    assert root.exists()
    assert root.entries() == ["file"]
    assert stat.S_ISDIR(root.lstat().st_mode)
    root.sync()
    root.mkdir()


def test_a_missing_root_is_made_but_not_its_parents(tmp_path: Path) -> None:
    """By `mkdir` of the root itself."""
    ArchivePath(tmp_path / "new").mkdir()
    assert (tmp_path / "new").is_dir()
    with pytest.raises(FileNotFoundError):
        ArchivePath(tmp_path / "no" / "new").mkdir()


def test_what_a_name_is(archive: Path) -> None:
    """Files and folders are told from links to them; a broken link exists."""
    (archive / "file").write_bytes(b"")
    (archive / "folder").mkdir()
    for name in ("file", "folder", "gone"):
        (archive / f"to {name}").symlink_to(name)
    os.mkfifo(archive / "fifo")
    root = ArchivePath(archive)
    found = {
        path.name: (path.exists(), path.is_file(), path.is_dir()) for path in map(root.__truediv__, NAMES)
    }
    assert found == {
        "file": (True, True, False),
        "folder": (True, False, True),
        "to file": (True, False, False),
        "to folder": (True, False, False),
        "to gone": (True, False, False),
        "fifo": (True, False, False),
        "gone": (False, False, False),
    }
    assert not (root / "file" / "below").exists()
    assert not (root / ("x" * 300)).exists()
    assert stat.S_ISLNK((root / "to file").lstat().st_mode)
    with pytest.raises(FileNotFoundError):
        (root / "gone").lstat()


NAMES = ["file", "folder", "to file", "to folder", "to gone", "fifo", "gone"]


def test_a_folder_that_may_not_be_looked_into_is_an_error(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not "nothing there": what is there would be fetched and paid for again."""

    def refuse(*_: object, **__: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", refuse)
        for question in (ArchivePath.status, ArchivePath.exists, ArchivePath.is_file, ArchivePath.is_dir):
            with pytest.raises(PermissionError):
                question(ArchivePath(archive, "x"))
        patch.setattr(os, "lstat", refuse)
        with pytest.raises(PermissionError):
            lstat_or_none(str(archive / "x"))


def special(folder: Path, kind: str, victim: Path) -> None:
    """Put something in the place of the file "x"."""
    place = folder / "x"
    if kind == "link":
        place.symlink_to(victim / "file")
    elif kind == "broken link":
        place.symlink_to(victim / "new")
    elif kind == "FIFO":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.hardlink_to(victim / "file")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("link", errno.ELOOP),
        ("broken link", errno.ELOOP),
        ("FIFO", errno.EINVAL),
        ("folder", errno.EINVAL),
    ],
)
def test_only_a_regular_file_is_read(archive: Path, victim: Path, kind: str, number: int) -> None:
    """A FIFO that nobody writes to does not hold the program up."""
    special(archive, kind, victim)
    path = ArchivePath(archive) / "x"
    before = open_descriptors()
    for read in (path.open, lambda: path.read_bytes(100), lambda: path.open_descriptor(os.O_RDONLY)):
        with pytest.raises(OSError) as raised:  # noqa: PT011 - the number is what counts
            read()
        assert raised.value.errno == number
    assert open_descriptors() == before


@pytest.mark.parametrize("kind", ["link", "broken link", "FIFO", "folder"])
def test_only_a_regular_file_is_opened_for_writing(archive: Path, victim: Path, kind: str) -> None:
    """A FIFO has no reader: without care the open would wait for one."""
    special(archive, kind, victim)
    path = ArchivePath(archive) / "x"
    for flags in (os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_RDWR, os.O_WRONLY | os.O_APPEND):
        with pytest.raises(OSError) as raised:  # noqa: PT011
            path.open_descriptor(flags)
        assert raised.value.errno in (errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.EISDIR)
    assert unharmed(victim)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count


def test_no_operation_leaves_a_descriptor_open(archive: Path, victim: Path) -> None:
    """Whether it succeeds or fails, however deep."""
    (archive / "a" / "b").mkdir(parents=True)
    (archive / "link").symlink_to(victim)
    root = ArchivePath(archive)
    before = open_descriptors()
    os.close((root / "a" / "b" / "file").create())
    (root / "a" / "b" / "file").read_bytes(1)
    (root / "a").sync()
    list(root.folders())
    for missing in (root / "gone" / "x", root / "link" / "x", root / "a" / "gone"):
        with pytest.raises(OSError):  # noqa: PT011
            missing.open()
    with pytest.raises(OSError, match="larger"):
        (root / "big").open_descriptor(os.O_RDONLY) if not put(root / "big", b"xx") else (
            root / "big"
        ).read_bytes(1)
    assert open_descriptors() == before


def put(path: ArchivePath, data: bytes) -> bool:
    """Write a new file."""
    descriptor = path.create()
    os.write(descriptor, data)
    os.close(descriptor)
    return True


def test_a_file_of_just_the_most_bytes_is_read(archive: Path) -> None:
    """One byte more is refused before anything of it is read, and says how much is allowed."""
    path = ArchivePath(archive) / "x"
    put(path, b"12345")
    assert path.read_bytes(5) == b"12345"
    with pytest.raises(OSError, match="larger than the 4 bytes") as raised:
        path.read_bytes(4)
    assert raised.value.errno == errno.EOVERFLOW
    put(ArchivePath(archive) / "empty", b"")
    assert (ArchivePath(archive) / "empty").read_bytes(0) == b""


def test_a_huge_sparse_file_costs_no_memory(archive: Path) -> None:
    """It takes up nothing on the disk, and would fill the memory."""
    with (archive / "x").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="larger"):
        (ArchivePath(archive) / "x").read_bytes(1 << 20)


@pytest.mark.parametrize("kind", ["link", "broken link", "FIFO", "hard link"])
def test_a_created_file_replaces_what_has_its_name(archive: Path, victim: Path, kind: str) -> None:
    """Nothing is written through it, and what it led to stays as it was."""
    special(archive, kind, victim)
    path = ArchivePath(archive) / "x"
    descriptor = path.create()
    os.write(descriptor, b"new")
    assert content(descriptor) == b"new"
    assert stat.S_ISREG((archive / "x").lstat().st_mode)
    assert (archive / "x").lstat().st_nlink == 1
    assert unharmed(victim)


def test_a_created_file_replaces_an_older_one(archive: Path) -> None:
    """Who has the older one open keeps it: it is another file."""
    (archive / "x").write_bytes(b"older and longer")
    with (archive / "x").open("rb") as older:
        put(ArchivePath(archive) / "x", b"new")
        assert older.read() == b"older and longer"
    assert (archive / "x").read_bytes() == b"new"


def test_a_file_is_not_created_in_the_place_of_a_folder(archive: Path) -> None:
    """It may hold something."""
    (archive / "x").mkdir()
    with pytest.raises(OSError) as raised:  # noqa: PT011
        (ArchivePath(archive) / "x").create()
    assert raised.value.errno in (errno.EISDIR, errno.EPERM)
    assert (archive / "x").is_dir()


def test_a_private_file_is_for_its_owner_alone(archive: Path) -> None:
    """Others get what the umask leaves of all rights."""
    mask = os.umask(0o022)
    try:
        os.close((ArchivePath(archive) / "private").create(PRIVATE))
        os.close((ArchivePath(archive) / "shared").create())
    finally:
        os.umask(mask)
    modes = {path.name: path.stat().st_mode & 0o777 for path in archive.iterdir()}
    assert modes == {"private": 0o600, "shared": 0o644}


def test_a_hard_link_is_copied_before_a_line_is_appended(archive: Path, victim: Path) -> None:
    """The other name may be a snapshot's; both keep all that was there."""
    (archive / "ledger").hardlink_to(victim / "file")
    append_line(ArchivePath(archive) / "ledger", b"line\n", named=True)
    assert (archive / "ledger").read_bytes() == PRECIOUS + b"\nline\n"
    assert (archive / "ledger").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in archive.iterdir()] == ["ledger"]
    assert unharmed(victim)


def test_a_link_is_replaced_and_removed_itself(archive: Path, victim: Path) -> None:
    """Not what it leads to."""
    root = ArchivePath(archive)
    (archive / "file").symlink_to(victim / "file")
    (archive / "folder").symlink_to(victim)
    put(root / "new", b"new")
    (root / "new").replace(root / "file")
    assert (archive / "file").read_bytes() == b"new"
    assert not (archive / "file").is_symlink()
    (root / "folder").unlink()
    assert [path.name for path in archive.iterdir()] == ["file"]
    assert unharmed(victim)


def test_a_file_moves_to_another_folder(archive: Path) -> None:
    """Both are opened one by one."""
    (archive / "a").mkdir()
    (archive / "b").mkdir()
    root = ArchivePath(archive)
    put(root / "a" / "x", b"content")
    (root / "a" / "x").replace(root / "b" / "y")
    assert [file.relative_to(archive).as_posix() for file in archive.glob("*/*")] == ["b/y"]


def test_a_missing_file_is_removed_if_asked(archive: Path) -> None:
    """A missing folder is no trouble then either."""
    root = ArchivePath(archive)
    (root / "gone").unlink(missing_ok=True)
    (root / "gone" / "x").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError):
        (root / "gone").unlink()


def test_times_are_those_of_a_link_itself(archive: Path, victim: Path) -> None:
    """The file that it leads to keeps its own."""
    (archive / "link").symlink_to(victim / "file")
    (ArchivePath(archive) / "link").set_times(1234.5)
    assert (archive / "link").lstat().st_mtime == 1234.5
    put(ArchivePath(archive) / "x", b"")
    (ArchivePath(archive) / "x").set_times(99)
    assert ((archive / "x").stat().st_atime, (archive / "x").stat().st_mtime) == (99, 99)
    assert unharmed(victim)


def test_a_folder_keeps_its_times(archive: Path) -> None:
    """Whatever is written into it meanwhile."""
    (archive / "note").mkdir()
    os.utime(archive / "note", (1000, 2000))
    with (ArchivePath(archive) / "note").preserve_times():
        put(ArchivePath(archive) / "note" / "x", b"")
    found = (archive / "note").stat()
    assert (found.st_atime, found.st_mtime) == (1000, 2000)


def test_files_and_folders_are_synced(archive: Path, synced: list[Path]) -> None:
    """And nothing else: a link in the place of a file does not count as synced."""
    root = ArchivePath(archive)
    put(root / "x", b"")
    (root / "folder").mkdir()
    for path in (root / "x", root / "folder", root):
        path.sync()
    assert synced == [archive / "x", archive / "folder", archive]
    for name, to in (("link", "x"), ("folder link", "folder")):
        (archive / name).symlink_to(to)
        with pytest.raises(OSError, match="symbolic links"):
            (root / name).sync()


@pytest.mark.parametrize("kind", ["link", "broken link", "FIFO", "hard link"])
def test_a_folder_is_not_made_where_something_else_stands(archive: Path, victim: Path, kind: str) -> None:
    """Nothing is removed for it."""
    special(archive, kind, victim)
    path = ArchivePath(archive) / "x"
    before = path.lstat()
    for check in (path.mkdir, path.check_folders, (path / "inner").check_folders):
        with pytest.raises(NotADirectoryError):
            check()
    assert os.path.samestat(path.lstat(), before)


def test_a_folder_is_made_once(archive: Path) -> None:
    """One that is there stays."""
    path = ArchivePath(archive) / "folder"
    path.mkdir()
    put(path / "x", b"")
    path.mkdir()
    assert path.entries() == ["x"]


def test_folders_are_real_as_far_as_they_are_there(archive: Path, victim: Path) -> None:
    """A link is found even where something would only be written later."""
    (archive / "a").mkdir()
    (ArchivePath(archive) / "a" / "b" / "c").check_folders()
    ArchivePath(archive).check_folders()
    (archive / "a" / "b").symlink_to(victim)
    with pytest.raises(NotADirectoryError):
        (ArchivePath(archive) / "a" / "b" / "inner").check_folders()


def test_only_an_empty_folder_is_removed_as_one(archive: Path) -> None:
    """A full one stays as it is."""
    root = ArchivePath(archive)
    (root / "folder").mkdir()
    put(root / "folder" / "x", b"")
    with pytest.raises(OSError, match="not empty"):
        (root / "folder").rmdir()
    (root / "folder" / "x").unlink()
    (root / "folder").rmdir()
    assert root.entries() == []


def test_a_removed_tree_takes_links_but_not_what_they_lead_to(archive: Path, victim: Path) -> None:
    """Of files, of folders, of hard links; at any depth."""
    inner = archive / "tree" / "inner"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        (folder / "link").symlink_to(victim)
        (folder / "file link").symlink_to(victim / "file")
        (folder / "hard link").hardlink_to(victim / "file")
        os.mkfifo(folder / "fifo")
    (ArchivePath(archive) / "tree").remove_tree()
    assert list(archive.iterdir()) == []
    assert unharmed(victim)


def test_a_link_in_the_place_of_a_tree_is_not_entered(archive: Path, victim: Path) -> None:
    """Nor is a missing tree an error."""
    (archive / "tree").symlink_to(victim)
    for name in ("tree", "gone"):
        (ArchivePath(archive) / name).remove_tree()
    assert unharmed(victim)


def test_entries_are_sorted_and_none_where_there_is_no_folder(archive: Path) -> None:
    """A file has none either."""
    for name in ("b", "a", "ab"):
        (archive / name).write_bytes(b"")
    root = ArchivePath(archive)
    assert root.entries() == ["a", "ab", "b"]
    assert (root / "a").entries() == []
    assert (root / "gone").entries() == []


def test_folders_are_real_ones(archive: Path, victim: Path) -> None:
    """Links to folders are left out."""
    (archive / "folder").mkdir()
    (archive / "file").write_bytes(b"")
    (archive / "link").symlink_to(victim)
    assert list(ArchivePath(archive).folders()) == ["folder"]
    with pytest.raises(FileNotFoundError):
        list((ArchivePath(archive) / "gone").folders())


def test_a_status_by_path_is_a_link_s_own(archive: Path, victim: Path) -> None:
    """And None where nothing can be of that name."""
    (archive / "link").symlink_to(victim / "file")
    found = lstat_or_none(str(archive / "link"))
    assert found is not None
    assert stat.S_ISLNK(found.st_mode)
    for name in ("gone", "link/below", "x" * 300, "a\0b"):
        assert lstat_or_none(f"{archive}/{name}") is None
