"""References in code and documents lead somewhere: links, pages, decisions, paths, named tests.

Each rule is a function over text with tests of its own below, so that no rule can go blind unnoticed.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("xharchive", "tests", "benchmarks", "docs")
PAGES = ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")
OTHERS = ("Makefile", ".ci/run", "pyproject.toml")
SUFFIXES = {".py", ".md", ".js", ".css", ".j2", ".sh"}
HISTORY = "CHANGELOG.md"
"""A page that may name files which are gone."""

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n\s*\n).)+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(
    r"\]\(\s*<?([^)<>\s]+)>?(?:\s+[\"'][^)]*)?\)|^ {0,3}\[[^\]]+\]:\s+<?([^\s<>]+)", re.MULTILINE
)
HTML_LINK = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=[\"']([^\"']+)[\"']")
HTML_ANCHOR = re.compile(r"<\w+\b[^>]*?\b(?:id|name)=[\"']([^\"']+)[\"']")
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
PAGE = re.compile(r"(?<![\w/.-])(docs/[\w./-]*\.md)(?:#([\w-]+))?")
DECISIONS = re.compile(r"\bdecisions?[\s#]+(\d{4}(?:(?:,|,?[\s#]+(?:and|or|to))[\s#]+\d{4})*)", re.IGNORECASE)
OUTSIDE = re.compile(
    r"\b(?:PAYLOADS|RELIABILITY|ECOSYSTEM|PEERS|DESIGN)\b"
    r"|\b(?:PERFORMANCE|HOUSE)(?:\.md\b|(?:[\s#]+section)?[\s#]+\d)|\.\./shared\b"
)
PATH = re.compile(r"(?:xharchive|tests|docs|benchmarks|sample_manifests)/[^\s`]*")
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
TABLE = re.compile(r"^\| promise \| test \|\n\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)

Found = Iterator[tuple[int, str]]
"""References in a text: the line and what it names."""


def line_of(text: str, place: int) -> int:
    """Return the number of the line in which a character stands."""
    return text.count("\n", 0, place) + 1


def blank(found: re.Match[str]) -> str:
    """Return as much text as was found, without a meaning, with the same lines."""
    return re.sub(r"[^\n]", "x", found[0])


def without_fences(markdown: str) -> str:
    return FENCE.sub(blank, markdown)


def links(markdown: str) -> Found:
    """Yield the targets of links and pictures that are not in code."""
    prose = CODE.sub(blank, without_fences(markdown))
    for pattern in (LINK, HTML_LINK):
        for found in pattern.finditer(prose):
            yield line_of(prose, found.start()), next(filter(None, found.groups()))


def anchors(markdown: str) -> set[str]:
    """Return what `#...` may name in a page, by GitHub's rule.

    The rule: lower case, no punctuation but hyphen and underscore, a hyphen for each blank, a number behind
    what stands there already.
    """
    prose = without_fences(markdown)
    found = set(HTML_ANCHOR.findall(CODE.sub(blank, prose)))
    seen: Counter[str] = Counter()
    for heading in HEADING.findall(prose):
        text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        base = slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        while slug in seen:
            seen[base] += 1
            slug = f"{base}-{seen[base]}"
        seen[slug] = 0
        found.add(slug)
    return found


def leads_nowhere(root: Path, page: str, target: str) -> bool:
    """Whether a link on a page names no file of the repository, or no anchor of its page."""
    if ELSEWHERE.match(target) or target.startswith("//"):
        return False
    name, _, anchor = unquote(target).partition("#")
    file = ((root / page).parent / name).resolve() if name else root / page
    if not file.is_relative_to(root.resolve()) or not file.exists():
        return True
    return bool(anchor) and file.suffix == ".md" and anchor not in anchors(file.read_text("utf-8"))


def pages(text: str) -> Found:
    """Yield `docs/NAME.md` and `docs/NAME.md#anchor`, wherever they stand."""
    for found in PAGE.finditer(text):
        yield line_of(text, found.start()), found[0]


def decisions(text: str) -> Found:
    """Yield the numbers behind the word "decision"."""
    for found in DECISIONS.finditer(text):
        for number in re.findall(r"\d{4}", found[1]):
            yield line_of(text, found.start()), number


def outside(text: str) -> Found:
    """Yield names of documents that are not part of the repository."""
    for found in OUTSIDE.finditer(text):
        yield line_of(text, found.start()), found[0]


def paths(markdown: str) -> Found:
    """Yield what is a path of the repository by its look, in backticks and outside of blocks of code.

    What has a placeholder in it (`<note id>`, `…`, `{a,b}`) is a form and no path.
    """
    prose = without_fences(markdown)
    for found in CODE.finditer(prose):
        if PATH.fullmatch(found[2]) and not re.search(r"[<>…{}]|\.\.\.", found[2]):
            yield line_of(prose, found.start()), found[2].partition("::")[0]


def is_missing(root: Path, path: str) -> bool:
    """Whether no file, and no folder with a file, has this path; `*` and `?` stand for any.

    A folder that only Python's cache keeps alive is a folder that was renamed.
    """
    for found in root.glob(path.rstrip("/")):
        if found.is_file() or any(
            file.is_file() for file in found.rglob("*") if "__pycache__" not in file.parts
        ):
            return False
    return True


def named_tests(markdown: str) -> Found:
    """Yield `tests/FILE.py::test_name`."""
    for found in TEST.finditer(markdown):
        yield line_of(markdown, found.start()), found[0]


@cache
def functions_of(file: Path) -> frozenset[str]:
    """Return the names of all functions in a source; none if there is no such file."""
    nodes = ast.walk(ast.parse(file.read_text("utf-8") if file.is_file() else ""))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_no_test(root: Path, test: str) -> bool:
    """Whether the file that `tests/FILE.py::test_name` names has no such function."""
    file, _, name = test.partition("::")
    return name not in functions_of(root / file)


def promises(markdown: str) -> list[str]:
    """Return the rows of all tables of promises and tests."""
    return [row for table in TABLE.findall(markdown) for row in table.splitlines()]


def files() -> list[Path]:
    """Return every file that is read, except this one, whose examples are wrong on purpose."""
    inside = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
    named = (ROOT / name for name in (*PAGES, *OTHERS))
    return sorted(path for path in (*inside, *named) if path.is_file() and path != Path(__file__))


TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in files()}
DOCUMENTS = {name: text for name, text in TEXTS.items() if name.endswith(".md")}
DECIDED = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}


def wrong(
    texts: dict[str, str], find: Callable[[str], Found], judge: Callable[[str, str], bool]
) -> list[str]:
    """Return the references that `judge`, given file and reference, finds wrong."""
    return [
        f"{name}:{line}: {what}"
        for name, text in texts.items()
        for line, what in find(text)
        if judge(name, what)
    ]


def test_links_lead_to_files_and_anchors() -> None:
    assert wrong(DOCUMENTS, links, lambda page, target: leads_nowhere(ROOT, page, target)) == []


def test_pages_that_are_named_exist() -> None:
    assert wrong(TEXTS, pages, lambda _, page: leads_nowhere(ROOT, "README.md", page)) == []


def test_decisions_that_are_named_exist() -> None:
    assert wrong(TEXTS, decisions, lambda _, number: number not in DECIDED) == []


def test_no_document_outside_the_repository_is_named() -> None:
    assert wrong(TEXTS, outside, lambda *_: True) == []


def test_paths_that_are_named_exist() -> None:
    present = {name: text for name, text in DOCUMENTS.items() if name != HISTORY}
    assert wrong(present, paths, lambda _, path: is_missing(ROOT, path)) == []


def test_tests_that_are_named_exist() -> None:
    """Who renames a test renames it in the documents too."""
    assert wrong(DOCUMENTS, named_tests, lambda _, test: is_no_test(ROOT, test)) == []


def test_every_promise_has_a_test() -> None:
    """A row of docs/reliability.md is a sentence and the test that holds it. No promise stands twice."""
    rows = promises(TEXTS["docs/reliability.md"])
    assert len(rows) >= 250
    for row in rows:
        promise, held_by = (cell.strip() for cell in row.strip("| ").split(" | "))
        assert promise.endswith((".", "`.")), row
        assert held_by == f"`{held_by.strip('`')}`", row
        assert TEST.fullmatch(held_by.strip("`")), row
    assert len(rows) == len({row.partition(" | ")[0] for row in rows})


def test_all_kinds_of_files_are_read() -> None:
    """Were a folder or kind of file passed over, its references would be right for ever."""
    assert {name.partition("/")[0] for name in TEXTS} >= {
        *FOLDERS,
        "README.md",
        "CONTRIBUTING.md",
        "Makefile",
        ".ci",
    }
    assert {Path(name).suffix for name in TEXTS} >= {".py", ".md", ".toml", ".js", ".j2"}
    assert len(DOCUMENTS) > 30


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("see [this](docs/a.md#b) and ![that](x.png)", ["docs/a.md#b", "x.png"]),
        ('[![a](b.png)](c.md "title")', ["b.png", "c.md"]),
        ("[`code`](d.md)", ["d.md"]),
        ("text\n\n[name]: e.md\n", ["e.md"]),
        ('<a href="f.md">f</a> <img alt="" src="g.png">', ["f.md", "g.png"]),
        ("`[in](code.md)`", []),
        ("```\n[in](fence.md)\n```\n[behind](h.md)", ["h.md"]),
        ("~~~md\n[in](fence.md)\n~~~", []),
        ("f(x)[0](y)", ["y"]),
        ("a | `x` | [over](two.md)\n`lines\nof` code [i](i.md)", ["two.md", "i.md"]),
    ],
)
def test_links_are_found(markdown: str, found: list[str]) -> None:
    assert [target for _, target in links(markdown)] == found


def test_lines_are_counted() -> None:
    """Behind a block of code too."""
    assert list(links("a\n```\nb\n```\n[c](c.md)")) == [(5, "c.md")]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("# Exit codes", "exit-codes"),
        ("## How the peers corrupt (`PEERS.md` 1)", "how-the-peers-corrupt-peersmd-1"),
        ("### mixed: 900 images of 0.2–3 MB, -j 16", "mixed-900-images-of-023-mb--j-16"),
        ("## `snake_case` and [a link](b.md)", "snake_case-and-a-link"),
        ("# 画廊 & more ##", "画廊--more"),
        ('<a id="by-hand"></a>', "by-hand"),
    ],
)
def test_anchors_follow_the_rule_of_github(heading: str, anchor: str) -> None:
    assert anchors(heading) == {anchor}


def test_a_heading_that_comes_again_has_a_number() -> None:
    assert anchors("# A\n# A\n# A\n# A 1\n") == {"a", "a-1", "a-2", "a-1-1"}


def test_a_comment_in_a_block_of_code_is_no_heading() -> None:
    assert anchors("# A\n```sh\n# B\n```\n") == {"a"}


@pytest.mark.parametrize(
    ("target", "wrong_one"),
    [
        ("page.md", False),
        ("page.md#one", False),
        ("#own", False),
        ("../other.txt#anything", False),
        ("with%20blank.md", False),
        ("https://example.org/gone#x", False),
        ("mailto:a@example.org", False),
        ("gone.md", True),
        ("page.md#two", True),
        ("#gone", True),
        ("../../outside.md", True),
    ],
)
def test_links_are_judged(tmp_path: Path, target: str, wrong_one: bool) -> None:
    """Relative to the page; files outside the repository count as missing."""
    root = tmp_path / "repository"
    (root / "docs").mkdir(parents=True)
    (tmp_path / "outside.md").write_text("# Outside")
    (root / "other.txt").write_text("")
    (root / "docs" / "here.md").write_text("# Own")
    (root / "docs" / "page.md").write_text("# One")
    (root / "docs" / "with blank.md").write_text("")
    assert leads_nowhere(root, "docs/here.md", target) is wrong_one


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"""See (docs/gone.md#part)."""', ["docs/gone.md#part"]),
        (
            "# docs/a.md, docs/decisions/0001-x.md: and `docs/b.md`.",
            ["docs/a.md", "docs/decisions/0001-x.md", "docs/b.md"],
        ),
        ("[up](../docs/a.md) mydocs/b.md docs/c.txt", []),
    ],
)
def test_pages_are_found(text: str, found: list[str]) -> None:
    assert [page for _, page in pages(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# see decision 9999).", ["9999"]),
        ("Decisions 0013, 0017 and 0019 say", ["0013", "0017", "0019"]),
        ("over lines: decision\n    # 0013", ["0013"]),
        ("in 2026 the decision of 12 people", []),
    ],
)
def test_decisions_are_found(text: str, found: list[str]) -> None:
    assert [number for _, number in decisions(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "(PAYLOADS 1.2)",
        "RELIABILITY row 3",
        "ECOSYSTEM.md",
        "PEERS C1",
        "beyond DESIGN are",
        "DESIGN section 6",
        "PERFORMANCE 7.3",
        "PERFORMANCE section 2",
        "# PERFORMANCE\n# 7",
        "HOUSE.md",
        "cat ../shared/x",
    ],
)
def test_documents_outside_are_found(text: str) -> None:
    assert len(list(outside(text))) == 1


@pytest.mark.parametrize(
    "text", ["docs/reliability.md", "HOUSE = Path()", "the design", "../shared_files", "PERFORMANCE"]
)
def test_other_words_are_left_alone(text: str) -> None:
    assert list(outside(text)) == []


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("in `xharchive/gone.py` and `tests/unit/`", ["xharchive/gone.py", "tests/unit/"]),
        ("[`docs/a.md`](docs/a.md)", ["docs/a.md"]),
        ("`tests/test_a.py::test_b`", ["tests/test_a.py"]),
        ("`tests/faults/test_hostile_*.py`", ["tests/faults/test_hostile_*.py"]),
        ("`docs/<name>.md`, `xharchive/…`, `tests/{a,b}.py`, `xharchive get`, `catalog/words.py`", []),
        ("```\n`docs/in-a-fence.md`\n```", []),
    ],
)
def test_paths_are_found(markdown: str, found: list[str]) -> None:
    assert [path for _, path in paths(markdown)] == found


def test_paths_are_judged(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("")
    assert not any(is_missing(tmp_path, path) for path in ("docs/", "docs/a.md", "docs/*.md"))
    (tmp_path / "tests" / "__pycache__").mkdir(parents=True)
    (tmp_path / "tests" / "__pycache__" / "old.pyc").write_bytes(b"")
    assert all(is_missing(tmp_path, path) for path in ("docs/b.md", "docs/*.txt", "tests/", "benchmarks"))


def test_wrong_references_are_told_with_file_and_line() -> None:
    found = wrong({"x.md": "a\n(PAYLOADS 1)"}, outside, lambda *_: True)
    assert found == ["x.md:2: PAYLOADS"]


def test_named_tests_are_found() -> None:
    """In code too."""
    text = "| a | `tests/a.py::test_b` |\n```\npytest tests/unit/c.py::test_d\n```\n`tests/e.py`"
    assert list(named_tests(text)) == [(1, "tests/a.py::test_b"), (3, "tests/unit/c.py::test_d")]


def test_named_tests_are_judged(tmp_path: Path) -> None:
    """Methods and coroutines are tests as well; a constant is none, nor is what a missing file would have."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").write_text("def b(): ...\nclass C:\n    async def d(self): ...\ne = 1\n")
    assert [is_no_test(tmp_path, f"tests/a.py::{name}") for name in "bde"] == [False, False, True]
    assert is_no_test(tmp_path, "tests/gone.py::b")


def test_promises_are_found() -> None:
    """Of no other table."""
    table = "| {0} | test |\n|---|---|\n| It holds. | `tests/a.py::b` |\n\n"
    assert promises(table.format("promise") + table.format("fault")) == ["| It holds. | `tests/a.py::b` |"]
