"""Numbers in sentences agree with their nouns: nowhere "1 notes".

Every sentence of the program that counts something has its noun from `printing.counted`. The test reads all
f-strings of the package and finds those that write a number and a plural beside it themselves.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from xharchive.cli.runner import plan_text
from xharchive.events import RunFinished, RunPlanned
from xharchive.progress import report_text
from xharchive.sanitize import counted

PACKAGE = Path(__file__).parents[1] / "xharchive"
NOUNS = "calls|files|films|folders|links|manifests|notes|originals|pages|pictures|previews|replies|rows"
PLURAL = re.compile(rf" (?:(?!FROM )[A-Za-z]+ )?(?:{NOUNS})\b")


def counted_by_hand(source: str) -> Iterator[int]:
    """Yield the lines where an f-string has a value and, in the same phrase, a noun in the plural."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, text in zip(node.values, node.values[1:], strict=False):
            if not isinstance(value, ast.FormattedValue) or not isinstance(text, ast.Constant):
                continue
            constant = isinstance(value.value, ast.Name) and value.value.id.isupper()
            if not constant and PLURAL.match(str(text.value)) and "counted" not in ast.unparse(value):
                yield node.lineno


def test_no_sentence_counts_by_hand() -> None:
    """A number and its noun come from one function."""
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line in counted_by_hand(path.read_text("utf-8"))
    ]
    assert found == []


def test_a_sentence_that_counts_by_hand_is_found() -> None:
    """The rule sees plain nouns and nouns with an adjective, and no sentence that is right."""
    assert list(counted_by_hand('f"{n} notes"\nf"{n} short links: {m}"\nf"{a} and {b} small pictures"'))
    assert not list(
        counted_by_hand('f"{counted(n, \'note\')}, and more notes"\nf"{name} is not on the list"')
    )


@pytest.mark.parametrize(
    ("count", "note", "reply"),
    [(0, "0 notes", "0 replies"), (1, "1 note", "1 reply"), (2, "2 notes", "2 replies")],
)
def test_a_number_agrees_with_its_noun(count: int, note: str, reply: str) -> None:
    """None and several have the plural, one the singular."""
    assert counted(count, "note") == note
    assert counted(count, "reply", "replies") == reply


@pytest.mark.parametrize(("count", "calls"), [(0, "0 API calls"), (1, "1 API call"), (2, "2 API calls")])
def test_reports_and_plans_agree_with_their_numbers(count: int, calls: str) -> None:
    """The lines at the end of a run, and those of a run that is only planned."""
    assert f"; {calls} (" in report_text(RunFinished(calls=count))
    plan = RunPlanned(notes=count, settled=0, paid=0, held_back=0, calls=count, most_calls=count)
    assert f": {calls}, and retries" in plan_text(plan)
