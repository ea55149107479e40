"""The layers of docs/architecture.md#layers, held by the syntax trees: who may import whom, names of rooms.

A room is a module or folder directly in `xharchive`. It imports rooms of its own floor or lower ones: never
upwards, not late inside a function, not for types; and rooms import each other without cycles.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

import xharchive

HOUSE = Path(xharchive.__file__).parent
MODULES = sorted(HOUSE.rglob("*.py"))

# From the ground up. A new room is put on a floor on purpose: as low as its imports allow.
FLOORS = (
    {  # ground; `__init__` is the version
        "__init__",
        "cancel_shield",
        "child_process",
        "errors",
        "media",
        "redaction",
        "retry",
        "sanitize",
    },
    {"models", "events"},  # nouns
    {  # rules without I/O
        "host_allowlist",
        "integrity",
        "manifest",
        "naming",
        "parsers",
        "proxies",
        "url_candidates",
    },
    {"archive_path", "disk", "database"},  # files and databases inside an archive
    {"http", "archive", "images", "api"},  # hands
    {"sources", "resolver", "listing", "download", "gallery"},  # stages
    {"run"},  # order
    {"demo", "progress"},  # beside a run
    {"cli", "__main__"},  # door
)

# A function without a room shows that a room is missing.
NO_ROOM_AT_ALL = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "service"}
LONGEST_FILE = 400


@dataclass(frozen=True)
class Import:
    """One import of our own: who imports, in which line, which module."""

    module: str
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.module} line {self.line}"


def name_of(path: Path) -> str:
    """The dotted name of a module: "cli.help", "endpoints" for a folder's door, "" for the package's."""
    parts = path.relative_to(HOUSE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return module.partition(".")[0] or "__init__"


NAMES = {name_of(path) for path in MODULES}


def imports_in(source: str, importer: str) -> Iterator[Import]:
    """Every import of a module of ours, wherever in the source it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer}: relative import"
            wanted = [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            wanted = [(alias.name, "") for alias in node.names]
        else:
            continue
        for package, name in wanted:
            root, _, module = package.partition(".")
            if root == "xharchive":
                # `from package import x` is an import of the module package.x where there is such a module.
                inner = f"{module}.{name}".strip(".")
                yield Import(importer, node.lineno, inner if inner in NAMES else module)


IMPORTS = [found for path in MODULES for found in imports_in(path.read_text("utf-8"), name_of(path))]


def test_every_room_has_exactly_one_floor() -> None:
    """A new room is given a floor on purpose, and a room that is gone leaves none behind."""
    listed = [room for floor in FLOORS for room in floor]
    assert len(listed) == len(set(listed)), "a room stands on two floors"
    rooms = {room_of(name) for name in NAMES}
    new, gone = rooms - set(listed), set(listed) - rooms
    assert not new, f"new rooms without a floor: {sorted(new)}; put each into FLOORS of this file on purpose"
    assert not gone, f"floors hold rooms that are not there: {sorted(gone)}; take them out of FLOORS"


CONTRIBUTING = (HOUSE.parent / "CONTRIBUTING.md").read_text("utf-8")


def rows_under(heading: str) -> list[str]:
    """The rows of the table below a heading of CONTRIBUTING, without its own head."""
    section = CONTRIBUTING.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def test_contributing_lists_every_room_once() -> None:
    """The table of rooms is complete, and its rows stand in the order of the floors."""
    table = [re.findall(r"`(\w+)`", row) for row in rows_under("Rooms")]
    listed = [room for row in table for room in row]
    assert sorted(listed) == sorted(room for floor in FLOORS for room in floor)
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    heights = [{floor_of[room] for room in row} for row in reversed(table)]
    assert all(max(lower) < min(upper) for lower, upper in pairwise(heights))


def test_contributing_says_where_to_add_things_by_paths_that_exist() -> None:
    """Each row names a file or folder of the package, of the tests or of the documents."""
    rows = rows_under("Where to add…")
    assert len(rows) >= 10
    for row in rows:
        paths = re.findall(r"`([\w/]+(?:\.py|/))`", row)
        assert paths, row
        for path in paths:
            assert (HOUSE / path).exists() or (HOUSE.parent / path).exists(), path


def test_rooms_import_no_higher_floor() -> None:
    """Imports point down or stay on the floor, also those for types."""
    floor_of = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    wrong = [
        f"{found}: {room_of(found.module)} (floor {floor_of[room_of(found.module)]}) imports "
        f"{room_of(found.target)} (floor {floor_of[room_of(found.target)]})"
        for found in IMPORTS
        if floor_of[room_of(found.target)] > floor_of[room_of(found.module)]
    ]
    assert not wrong, "\n".join(wrong)


def test_rooms_import_each_other_without_cycles() -> None:
    """Two rooms that need each other are one room."""
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if room_of(found.module) != room_of(found.target):
            graph.setdefault(room_of(found.module), set()).add(room_of(found.target))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        pytest.fail(" → ".join(problem.args[1]))


def test_modules_of_one_room_import_each_other_without_cycles() -> None:
    """No import cycle anywhere, a folder's door included."""
    graph: dict[str, set[str]] = {name: set() for name in NAMES}
    for found in IMPORTS:
        graph[found.module].add(found.target)
    # A module that asks its own folder's door for the version or a sibling would show here as a cycle too.
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        pytest.fail(" → ".join(problem.args[1]))


def test_the_walk_sees_hidden_imports() -> None:
    """Neither TYPE_CHECKING nor a function hides an import, and a submodule is told from a name."""
    source = """
if TYPE_CHECKING:
    from xharchive.models import Note
def late():
    import xharchive.cli.commands.get
    from xharchive import media, __version__
"""
    found = {seen.target for seen in imports_in(source, "x")}
    assert found == {"models", "cli.commands.get", "media", ""}


def test_every_import_names_a_module_that_is_there() -> None:
    """The walk above sees every import: each one leads to a module of the tree it walked."""
    assert {found.target for found in IMPORTS} <= NAMES
    assert len(IMPORTS) > 100


@pytest.mark.parametrize("name", sorted(NAMES - {""}))
def test_no_room_for_leftovers(name: str) -> None:
    """What a module is for can be told from its name."""
    assert not NO_ROOM_AT_ALL & set(name.split("."))


def test_no_file_and_no_class_has_the_name_of_another() -> None:
    """A name in a traceback or an import says which one is meant."""
    files = Counter(path.name for path in MODULES if path.name != "__init__.py")
    classes = Counter(
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in (files + classes).items() if count > 1] == []


def test_the_package_is_written_in_plain_words() -> None:
    """These stood for any error of a disk, and for a missing agent."""
    riddles = re.compile(r"the disk would not|nobody")
    suffixes = {".py", ".js", ".css", ".j2", ".json"}
    found = [
        f"{path.relative_to(HOUSE)}: {match[0]}"
        for path in HOUSE.rglob("*")
        if path.suffix in suffixes
        for match in riddles.finditer(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_files_stay_readable(path: Path) -> None:
    """Past 400 lines a file becomes a folder of the same name."""
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
