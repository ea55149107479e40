"""docs/reliability.md names tests; each of them exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "docs" / "reliability.md").read_text("utf-8").splitlines()
TABLES = re.findall(r"^\| promise \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", "\n".join(LINES), re.MULTILINE)
ROWS = [row for table in TABLES for row in table.splitlines()]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def functions_of(file: Path) -> set[str]:
    """The names of the test functions in a file."""
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_has_a_test() -> None:
    """A sentence and what holds it; nothing else stands in the tables, and no promise twice."""
    assert len(ROWS) >= 80
    for row in ROWS:
        promise, held_by = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert promise.endswith((".", "`.")), row
        assert TEST.fullmatch(held_by), row
    assert len(ROWS) == len({row.partition(" | ")[0] for row in ROWS})


@pytest.mark.parametrize("file", sorted({file for file, _ in TEST.findall("\n".join(LINES))}))
def test_the_tests_that_are_named_exist(file: str) -> None:
    """Renaming a test means renaming it there too."""
    named = {name for found, name in TEST.findall("\n".join(LINES)) if found == file}
    assert named <= functions_of(ROOT / file)
