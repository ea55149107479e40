"""Tables from the command line's end: what is read, what is passed over, what another run needs."""

import asyncio
import io
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.command import Ran, ledger, manifests, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE

LINK = f"https://www.xiaohongshu.com/explore/{LIVE_NOTE}?xsec_token=x"
BAD = "6.9E+23"


def got(world: FakeWorld, archive: Path, *arguments: str | Path) -> Ran:
    """Run `get` against the world."""
    return run(["get", *arguments, "-d", archive, "--image-format", "keep", *world.options])


def calls(archive: Path) -> list[str]:
    return [f"{line['endpoint']} {line['note']}" for line in ledger(archive) if line["event"] == "intent"]


TABLES = {
    "notes.csv": f'标题,链接,类型\n"豫园, 夜",{LINK},图文\n坏,{BAD},\n"换\n行",{VIDEO_NOTE},视频\n',
    "notes.tsv": f"noteId\ttitle\ttype\n{LIVE_NOTE}\tx\timage\n{BAD}\ty\t\n\n{VIDEO_NOTE}\tz\tvideo\n",
    "notes.jsonl": f'{{"url": "{LINK}"}}\n{{"id": "{BAD}"}}\n{{"noteId": "{VIDEO_NOTE}", "type": "video"}}\n',
    "column.txt": f"笔记ID\n{LIVE_NOTE}\n{BAD}\n{VIDEO_NOTE}\n",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_is_archived_but_for_its_bad_row(
    world: FakeWorld, tmp_path: Path, name: str, encoding: str
) -> None:
    """The bad row is named by its line, the rest goes on, exit 3; the same in every encoding of Excel's."""
    path = tmp_path / name
    path.write_bytes(TABLES[name].encode(encoding))
    ran = got(world, tmp_path / "a", "-i", path)
    assert ran.code == 3
    line = 2 if name.endswith("jsonl") else 3
    assert f"{path}, line {line}: " in ran.err
    assert "format Text" in ran.err
    assert set(manifests(tmp_path / "a")) == {LIVE_NOTE, VIDEO_NOTE}
    hinted = ["v6"] if name != "column.txt" else ["v1", "v6"]
    asked = [f"v1 {LIVE_NOTE}", *(f"{endpoint} {VIDEO_NOTE}" for endpoint in hinted)]
    assert sorted(calls(tmp_path / "a")) == sorted(asked)


@pytest.mark.parametrize("name", TABLES)
def test_strict_stops_before_anything_is_paid(world: FakeWorld, tmp_path: Path, name: str) -> None:
    """Exit 2, the row named, nothing sent."""
    path = tmp_path / name
    path.write_text(TABLES[name])
    ran = got(world, tmp_path / "a", "-i", path, "--strict")
    assert ran.code == 2
    assert "line " in ran.err
    assert world.seen == []
    assert not (tmp_path / "a").exists()


def test_a_list_is_strict_unless_the_user_says_otherwise(world: FakeWorld, tmp_path: Path) -> None:
    """A slip in a list must not cost a note silently; `--no-strict` passes it over and says so."""
    path = tmp_path / "notes.txt"
    path.write_text(f"{LIVE_NOTE}\nslip\n")
    assert got(world, tmp_path / "a", "-i", path).code == 2
    ran = got(world, tmp_path / "a", "-i", path, "--no-strict", "-q")
    assert ran.code == 3
    assert f"{path}, line 2: 'slip' is neither" in ran.err
    assert set(manifests(tmp_path / "a")) == {LIVE_NOTE}


def test_a_pasted_column_on_standard_input(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several columns with tabs, as a spreadsheet puts them on the clipboard."""
    text = f"序号\t笔记链接\t点赞\n1\t{LINK}\t1.2万\n2\t\t\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    ran = got(world, tmp_path, "-")
    assert ran.code == 3
    assert "standard input, line 3: the row names no note" in ran.err
    assert set(manifests(tmp_path)) == {LIVE_NOTE}


def test_a_column_that_is_named(world: FakeWorld, tmp_path: Path) -> None:
    """Where no heading is known; a wrong one is a wrong setting."""
    path = tmp_path / "notes.csv"
    path.write_text(f"was,wo\nx,{LIVE_NOTE}\n")
    assert got(world, tmp_path / "a", "-i", path).code == 2
    wrong = got(world, tmp_path / "a", "-i", path, "--column", "wer")
    assert wrong.code == 2
    assert "there are 'was', 'wo'" in wrong.err
    assert world.seen == []
    assert got(world, tmp_path / "a", "-i", path, "--column", "WO").code == 0


def test_a_workbook_is_told_apart(world: FakeWorld, tmp_path: Path) -> None:
    """It is a zip: the sentence says what to do."""
    path = tmp_path / "notes.xlsx"
    path.write_bytes(b"PK\x03\x04" + bytes(64))
    ran = got(world, tmp_path / "a", "-i", path)
    assert ran.code == 2
    assert "save the sheet as CSV" in ran.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the input names no notes: standard input is empty"),
        ("\n# why\n", "the input names no notes: only blank lines and comments"),
        ("笔记ID\n", "the input names no notes: standard input has no rows but its headings"),
    ],
)
def test_nothing_at_all(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, words: str
) -> None:
    """Why there is nothing to do: a pipe whose writer failed, a table without rows."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    ran = got(world, tmp_path / "a", "-")
    assert (ran.code, ran.err.strip()) == (2, f"xharchive: {words}")


def test_standard_input_may_be_closed(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`<&-`: nobody's bug."""
    monkeypatch.setattr(sys, "stdin", None)
    ran = got(world, tmp_path / "a", "-")
    assert (ran.code, ran.err.strip()) == (2, "xharchive: standard input is closed")


def test_only_bad_rows(world: FakeWorld, tmp_path: Path) -> None:
    """Nothing is wanted of the archive then: wrong input."""
    path = tmp_path / "notes.csv"
    path.write_text(f"笔记ID\n{BAD}\n")
    ran = got(world, tmp_path / "a", "-i", path)
    assert ran.code == 2
    assert "only bad rows" in ran.err


def test_filters_on_what_the_input_says(world: FakeWorld, tmp_path: Path) -> None:
    """By type, by the id's own time, by number: what is left out is counted, and costs nothing."""
    path = tmp_path / "notes.tsv"
    path.write_text(TABLES["notes.tsv"].replace(f"{BAD}\ty\t\n", ""))
    video = got(world, tmp_path / "a", "-i", path, "--type", "video")
    assert video.code == 0
    assert set(manifests(tmp_path / "a")) == {VIDEO_NOTE}
    assert "1 note of the input left out by --after, --before, --type or --limit" in video.err
    after = got(world, tmp_path / "b", "-i", path, "--after", "2026-02-01")
    assert (after.code, set(manifests(tmp_path / "b"))) == (0, {LIVE_NOTE})
    first = got(world, tmp_path / "c", "-i", path, "--limit", "1", "-q")
    assert (first.code, set(manifests(tmp_path / "c"))) == (0, {LIVE_NOTE})
    assert first.err == ""
    none = got(world, tmp_path / "d", "-i", path, "--before", "2020-01-01")
    assert (none.code, "the filters leave none" in none.err) == (2, True)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    "place", ["x" * 300, "/proc/again.txt", "/proc/version", ".", "gone/again.txt", "/dev/null/again.txt", ""]
)
def test_a_place_where_no_list_can_be(world: FakeWorld, tmp_path: Path, place: str) -> None:
    """Told in one sentence, before anything is paid."""
    ran = got(world, tmp_path / "a", LIVE_NOTE, "--failed-out", place)
    assert ran.code == 2
    assert ran.err.startswith("xharchive: --failed-out ")
    assert len(ran.err.splitlines()) == 1
    assert world.seen == []


def test_the_list_on_standard_output(world: FakeWorld, tmp_path: Path) -> None:
    """For a pipe; not among the JSON lines."""
    world.script["127.0.0.1", "/api/"] = "N"
    ran = got(world, tmp_path / "a", LIVE_NOTE, "--failed-out", "-")
    assert (ran.code, ran.out) == (4, f"{LIVE_NOTE}  # not archived\n")
    before = len(world.seen)
    ran = got(world, tmp_path / "a", LIVE_NOTE, "--failed-out", "-", "--json")
    assert (ran.code, "--json" in ran.err, len(world.seen)) == (2, True, before)


def test_the_list_is_written_after_the_event_loop(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named pipe without a reader blocks its writer, and would block the answer to Ctrl-C too."""
    written: list[str] = []

    def write(path: str, lines: Iterable[str]) -> None:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        written.append(f"{path}: {''.join(lines)}")

    monkeypatch.setattr("xharchive.cli.failed_list.write_output_file", write)
    assert got(world, tmp_path / "a", LIVE_NOTE, "--failed-out", tmp_path / "failed").code == 0
    assert written == [f"{tmp_path / 'failed'}: "]


@pytest.mark.parametrize(
    ("bad", "words"),
    [(1, "1 row skipped, because it names"), (12, "12 rows skipped, because they name")],
)
def test_one_or_many(world: FakeWorld, tmp_path: Path, bad: int, words: str) -> None:
    """What is told of them is English."""
    path = tmp_path / "notes.csv"
    ids = [f"69aed4e2000000000e00c3{number:02x}" for number in range(2)]
    path.write_text("\n".join(["笔记ID", LIVE_NOTE, *ids, *[BAD] * bad]))
    ran = got(world, tmp_path / "a", "-i", path, "--limit", "1")
    assert f"{words} no note (--strict stops instead):\n  {path}, line 5: " in ran.err
    assert "2 notes of the input left out" in ran.err


def test_what_needs_another_run_is_written_and_taken_back(world: FakeWorld, tmp_path: Path) -> None:
    """Partial, failed, and not reached for want of budget; not what is whole."""
    failed = tmp_path / "again.txt"
    notes = (LIVE_NOTE, VIDEO_NOTE, "5f3d2c1b000000000101e7a8")
    world.script["*", "/stream/"] = "4"
    world.script["*", "/livephoto/"] = "4"
    budget = ("--max-calls", "1", "--api-jobs", "1")
    ran = got(world, tmp_path / "a", *notes, "--failed-out", failed, *budget)
    assert ran.code == 4
    assert failed.read_text().splitlines() == [
        f"{LIVE_NOTE}  # partial",
        f"{VIDEO_NOTE}  # not archived",
        f"{notes[2]}  # not archived",
    ]
    world.script.clear()
    ran = got(world, tmp_path / "a", "-i", failed, "--failed-out", failed)
    assert ran.code == 0
    assert failed.read_bytes() == b""
    assert set(manifests(tmp_path / "a")) == set(notes)


def test_the_list_is_written_although_the_run_breaks_off(world: FakeWorld, tmp_path: Path) -> None:
    """A token that is refused: all are left, and the list says so."""
    failed = tmp_path / "again.txt"
    world.script["127.0.0.1", "/api/"] = "N"
    assert got(world, tmp_path / "a", LIVE_NOTE, "--failed-out", failed).code == 4
    assert failed.read_text() == f"{LIVE_NOTE}  # not archived\n"


def test_a_known_type_survives_being_written_and_taken_back(world: FakeWorld, tmp_path: Path) -> None:
    """The second run asks where videos are, as the first one would have: a call less."""
    table, failed = tmp_path / "notes.tsv", tmp_path / "again.txt"
    short = "http://xhslink.com/a/unknown"
    rows = TABLES["notes.tsv"].replace(BAD, LIVE_NOTE)
    table.write_text(f"{rows}{short}\t\tvideo\n5f3d2c1b000000000101e7a8\t\t\n")
    world.script["127.0.0.1", "/api/"] = "N"
    assert got(world, tmp_path / "a", "-i", table, "--failed-out", failed).code == 4
    assert failed.read_text().splitlines() == [
        f'{{"id": "{LIVE_NOTE}", "type": "image"}}',
        f'{{"id": "{VIDEO_NOTE}", "type": "video"}}',
        "5f3d2c1b000000000101e7a8  # not archived",
        f'{{"url": "{short.replace("http:", "https:")}", "type": "video"}}',
    ]
    world.script.clear()
    before = len(calls(tmp_path / "a"))
    assert got(world, tmp_path / "a", "-i", failed, "--failed-out", failed).code == 3
    asked = [call for call in calls(tmp_path / "a")[before:] if VIDEO_NOTE in call]
    assert asked == [f"v6 {VIDEO_NOTE}"]
    assert failed.read_text().splitlines() == ['{"url": "https://xhslink.com/a/unknown", "type": "video"}']


LOSSES: dict[str, tuple[str, list[str], str]] = {
    "limit": (f"{LIVE_NOTE}\n{VIDEO_NOTE}\n", ["--limit", "1"], "--limit"),
    "after": (f"{LIVE_NOTE}\n{VIDEO_NOTE}\n", ["--after", "2026-02-01"], "--after"),
    "type": (f'{LIVE_NOTE}\n{{"id": "{VIDEO_NOTE}", "type": "video"}}\n', ["--type", "image"], "--type"),
    "short": (f"{LIVE_NOTE}\nhttp://xhslink.com/a/b\n", ["--before", "2030-01-01"], "--before"),
    "bad": (f"{LIVE_NOTE}\nslip\n", ["--no-strict"], "line 2"),
    "csv": (f"笔记ID\n{LIVE_NOTE}\n", [], "a table"),
    "headings": ("笔记ID\n", [VIDEO_NOTE], "a table"),
    "jsonl": (f'{{"id": "{LIVE_NOTE}", "type": "image", "title": "x"}}\n', [], "line 1"),
    "jsonl-bad": (f'{{"id": "{LIVE_NOTE}"}}\nslip\n', [], "line 2"),
}


@pytest.mark.parametrize("way", ["same", "link", "relative", "hard"])
@pytest.mark.parametrize("loss", LOSSES)
def test_no_list_is_written_over_an_input_that_says_more(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: str, way: str
) -> None:
    """By whatever path it is meant: what the run leaves out, or passes over, would be gone."""
    content, options, words = LOSSES[loss]
    path, link = tmp_path / "again.txt", tmp_path / "link.txt"
    path.write_text(content)
    monkeypatch.chdir(tmp_path)
    if way in ("link", "hard"):
        link.symlink_to(path) if way == "link" else link.hardlink_to(path)
    out = {"same": path, "link": link, "hard": link, "relative": Path("./again.txt")}[way]
    ran = got(world, tmp_path / "a", *options, "-i", path, "--failed-out", out)
    assert ran.code == 2
    assert "--failed-out" in ran.err
    assert words in ran.err
    assert path.read_text() == content
    assert world.seen == []
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "options", [["--limit", "2"], ["--after", "2020-01-01"], ["--type", "image"], ["--no-strict"]]
)
def test_a_list_of_which_nothing_would_be_lost_is_written_over(
    world: FakeWorld, tmp_path: Path, options: list[str]
) -> None:
    """The plain case, filters or not; another file may say what it likes."""
    path, other = tmp_path / "again.txt", tmp_path / "notes.csv"
    path.write_text(f"# mine\n{LIVE_NOTE}  # partial\n{VIDEO_NOTE}\n")
    other.write_text(f"笔记ID,x\n{LIVE_NOTE},\n{BAD},\n")
    ran = got(world, tmp_path / "a", "-i", path, "--failed-out", path, *options)
    assert (ran.code, path.read_text()) == (0, "")
    path.write_text(f'{{"id": "{LIVE_NOTE}", "type": "image"}}\n{VIDEO_NOTE}\n')
    ran = got(world, tmp_path / "a", "-i", path, "-i", other, "--failed-out", path, "--no-strict")
    assert (ran.code, path.read_text()) == (3, "")


def test_standard_input_may_be_the_same_file(world: FakeWorld, tmp_path: Path) -> None:
    """`get - < again.txt --failed-out again.txt`."""
    path = tmp_path / "again.txt"
    path.write_text(f"{LIVE_NOTE}\n{VIDEO_NOTE}\n")
    command = [
        sys.executable,
        "-m",
        "xharchive",
        "get",
        "-",
        "-d",
        str(tmp_path / "a"),
        "--failed-out",
        str(path),
    ]
    with path.open() as file:
        ran = subprocess.run(
            [*command, "--limit", "1", *world.options],
            stdin=file,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, world.seen) == (2, [])
    assert "would lose data" in ran.stderr
