"""Every file inside an archive is opened, renamed and removed by `ArchivePath`, which cannot leave it.

The walk reads the syntax trees of the whole package and finds every call that touches the file system in
another way. Those that are right, because they are not about a file of an archive, stand in `ALLOWED` with
the reason.
"""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import xharchive

HOUSE = Path(xharchive.__file__).parent
DOOR = "archive_path.py"

OS_CALLS = frozenset(
    [
        "open",
        "listdir",
        "scandir",
        "walk",
        "fwalk",
        "stat",
        "lstat",
        "access",
        "mkdir",
        "makedirs",
        "unlink",
        "remove",
        "removedirs",
        "rename",
        "renames",
        "replace",
        "rmdir",
        "utime",
        "chmod",
        "chown",
        "lchown",
        "link",
        "symlink",
        "readlink",
        "truncate",
        "mkfifo",
        "mknod",
        "chdir",
        "statvfs",
    ]
)
PATH_QUESTIONS = frozenset(
    [
        "exists",
        "lexists",
        "isfile",
        "isdir",
        "islink",
        "getsize",
        "getmtime",
        "realpath",
        "samefile",
        "expanduser",
    ]
)
ONLY_PATHLIB = frozenset(
    [
        "read_text",
        "write_text",
        "write_bytes",
        "rename",
        "touch",
        "symlink_to",
        "hardlink_to",
        "readlink",
        "iterdir",
        "glob",
        "rglob",
        "samefile",
        "is_symlink",
        "is_fifo",
        "is_socket",
        "chmod",
        "lchmod",
        "owner",
        "group",
        "expanduser",
        "absolute",
        "resolve",
    ]
)
# Methods that `ArchivePath` has too: they are told apart by what they are called on.
SHARED = frozenset(
    [
        "open",
        "read_bytes",
        "unlink",
        "replace",
        "mkdir",
        "rmdir",
        "exists",
        "is_file",
        "is_dir",
        "lstat",
        "stat",
    ]
)
# What opens files by itself, given a path.
OPENERS = frozenset(
    [
        "open",
        "sqlite3.connect",
        "aiofiles.open",
        "io.open",
        "io.FileIO",
        "FileLock",
        "av.open",
        "webbrowser.open",
        "os.startfile",
    ]
)
MODULES_OF_OPENERS = ("shutil.", "tempfile.", "glob.", "zipfile.", "tarfile.")

SHOWN = "the path that is shown to the user; nothing is opened by it"
OUTPUT = "a file of the user's, named by --failed-out or -o"
ALLOWED = {
    ("archive/index.py", "path.unguarded.absolute"): "measures the length of the path",
    ("child_process.py", "Path(entry).absolute"): "an entry of PYTHONPATH, without a look at it",
    ("cli/__init__.py", "Path(os.devnull).open"): "the null device",
    ("cli/__init__.py", "os.open"): "the null device",
    ("cli/commands/open.py", "found.unguarded.resolve"): "the path that is handed to the browser",
    ("cli/commands/open.py", "webbrowser.open"): "the browser opens it",
    ("cli/failed_list.py", "Path(name).stat"): "compares the user's input and output",
    ("cli/failed_list.py", "Path(path).stat"): "compares the user's input and output",
    ("cli/commands/rebuild.py", "(store.root / 'index.html').resolve"): SHOWN,
    ("cli/print_notes.py", "shutil.get_terminal_size"): "the terminal",
    ("cli/print_notes.py", "store.root.resolve"): SHOWN,
    ("cli/failed_list.py", "Path(path).is_dir"): OUTPUT,
    ("cli/failed_list.py", "Path(path).open"): OUTPUT,
    ("cli/failed_list.py", "file.exists"): OUTPUT,
    ("cli/failed_list.py", "file.stat"): OUTPUT,
    ("cli/failed_list.py", "os.access"): OUTPUT,
    ("cli/failed_list.py", "os.path.realpath"): OUTPUT,
    ("cli/failed_list.py", "real.exists"): OUTPUT,
    ("cli/failed_list.py", "real.stat"): OUTPUT,
    ("cli/runner.py", "store.root.resolve"): SHOWN,
    ("cli/commands/show.py", "store.root.resolve"): SHOWN,
    ("cli/commands/demo.py", "store.root.resolve"): SHOWN,
    ("cli/commands/status.py", "store.root.resolve"): SHOWN,
    ("cli/options.py", "os.path.expanduser"): "opens nothing",
    ("cli/open_archive.py", "folder.stat"): "a folder above the current one, before it is an archive",
    ("cli/open_archive.py", "here.stat"): "the current folder",
    ("cli/settings.py", "path.read_text"): "the user's file with the token",
    ("cli/settings.py", "path.stat"): "the user's file with the token",
    ("database.py", "os.access"): "the system's temporary folders",
    ("__main__.py", "os.open"): "the null device",
    ("images/video_preview_worker.py", "av.open"): "of files that ArchivePath opened",
    ("images/worker.py", "Path('/proc/self/statm').read_text"): "the kernel's own file",
    ("images/worker.py", "os.open"): "the null device",
    ("database.py", "sqlite3.connect"): "of files that were checked through ArchivePath",
    ("disk.py", "shutil.disk_usage"): "asks for free space, opens nothing",
    ("disk.py", "source.read_text"): "the kernel's own file",
    ("download/multipart.py", "os.open"): "the null device",
    ("archive/pending.py", "sqlite3.connect"): "a database without a file of the archive",
    ("sources/requested_notes.py", "sqlite3.connect"): "a database without a file of the archive",
    ("sources/text_file.py", "Path(name).open"): "a list of the user's",
    ("archive/lock.py", "FileLock"): "of a file that was checked through ArchivePath",
    ("archive/archive.py", "self.root.is_dir"): "the archive's root",
}


class Call(NamedTuple):
    """A call that touches the file system: the module, the line, what is called."""

    module: str
    line: int
    called: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.called}"


def file_calls(source: str, module: str) -> Iterator[Call]:
    """Yield the calls of a module that may touch the file system without `ArchivePath`."""
    tree = ast.parse(source)
    paths = set(_names_of_paths(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if _touches_files(called, paths):
                yield Call(module, node.lineno, called)


def _names_of_paths(tree: ast.Module) -> Iterator[str]:
    """Yield the names that are annotated as `pathlib.Path`, or assigned from what makes one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation and _is_path(ast.unparse(node.annotation)):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and _is_path(ast.unparse(node.annotation)):
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign) and _makes_path(ast.unparse(node.value)):
            yield from (ast.unparse(target) for target in node.targets)
        elif isinstance(node, ast.FunctionDef) and node.returns and _is_path(ast.unparse(node.returns)):
            yield f"{node.name}()"


def _is_path(annotation: str) -> bool:
    return re.search(r"(?<!\w)(pathlib\.)?Path\b", annotation) is not None


def _makes_path(expression: str) -> bool:
    return re.search(r"(?<!\w)Path\(|\.(root|unguarded)\b", expression) is not None


def _touches_files(called: str, paths: Collection[str]) -> bool:
    owner, _, name = called.rpartition(".")
    if called in OPENERS or called.startswith(MODULES_OF_OPENERS):
        return True
    if owner == "os":
        return name in OS_CALLS
    if owner == "os.path":
        return name in PATH_QUESTIONS
    on_a_path = owner in paths or _makes_path(owner) or owner.split("(")[0] + "()" in paths
    return bool(owner) and (name in ONLY_PATHLIB or name in SHARED) and on_a_path


CALLS = [
    call
    for path in sorted(HOUSE.rglob("*.py"))
    if path.name != DOOR and "demo" not in path.relative_to(HOUSE).parts[:1]
    for call in file_calls(path.read_text("utf-8"), path.relative_to(HOUSE).as_posix())
]


def test_no_file_of_an_archive_is_touched_but_through_archive_path() -> None:
    """Every other call is about something else, for a reason that stands in this file."""
    strange = [str(call) for call in CALLS if (call.module, call.called) not in ALLOWED]
    assert not strange, "\n".join(strange)


def test_every_exception_is_still_needed() -> None:
    """A call that is gone leaves no permission behind."""
    assert set(ALLOWED) - {(call.module, call.called) for call in CALLS} == set()


@pytest.mark.parametrize(
    "source",
    [
        "open('x')",
        "import os\nos.replace('a', 'b')",
        "import os.path\nos.path.exists('a')",
        "import shutil\nshutil.rmtree('a')",
        "import sqlite3\nsqlite3.connect('a')",
        "from pathlib import Path\nPath('a').unlink()",
        "from pathlib import Path\ndef f(x: Path): x.replace(x)",
        "import pathlib\ndef f(x: pathlib.Path | None): x.is_file()",
        "def f(x):\n  p = Path(x)\n  p.open()",
        "def f(store): (store.root / 'a').glob('*')",
        "def f(archive): archive.unguarded.open()",
        "def f(archive): archive.root.mkdir()",
    ],
)
def test_the_walk_sees_a_call_that_touches_files(source: str) -> None:
    """Whichever way a file is touched."""
    assert list(file_calls(source, "x"))


@pytest.mark.parametrize(
    "source", ["def f(path): path.open()", "'a'.replace('b', 'c')", "import os\nos.getpid()"]
)
def test_the_walk_leaves_other_calls_alone(source: str) -> None:
    """Methods of values that cannot be paths: their module knows no `pathlib.Path`."""
    assert not list(file_calls(source, "x"))


def test_archive_path_cannot_be_opened_by_anything_else() -> None:
    """It is no path to `open`, `os` or a library, so nobody opens a file of an archive by mistake."""
    from xharchive.archive_path import ArchivePath

    with pytest.raises(TypeError):
        open(ArchivePath(Path("/"), "x"))  # type: ignore[call-overload]  # noqa: PTH123, SIM115
