"""The benchmarks' arithmetic, their corpora, and one tiny race. Nothing here judges how long a thing took."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.alone import Finding
from benchmarks.arithmetic import Bound, Measure, Run, Spread, holds, ratio, scaled
from benchmarks.corpora.filling import Kind, fill
from benchmarks.corpora.making import Made, MadeFile, make_corpus
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.measuring import launched, what_was_not_made
from benchmarks.races import Race, judge, judge_other, race
from benchmarks.runners import RUNNERS, Job
from benchmarks.scenarios import SCENARIOS, Against, Limit, Scenario
from benchmarks.servers.nginx import find_nginx
from benchmarks.tables import judged_lines, markdown_race, overview, replace_section
from tools.demo_media.movies import make_movie
from tools.demo_media.pictures import make_picture
from xharchive.integrity import parse_structure
from xharchive.media import SNIFF_BYTES, sniff

linux = pytest.mark.skipif(sys.platform != "linux", reason="the launcher reads /proc")
TINY = Corpus(
    "tiny", 2, (Group("jpeg", 2, 20_000, 30_000, (96, 128)), Group("mp4", 1, 200_000, 200_000, (288, 384)))
)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [(Measure.SPEED, 2.0), (Measure.WALL, 0.5), (Measure.CPU, 3.0), (Measure.MEMORY, 4.0)],
)
def test_a_ratio_is_ours_over_theirs_and_of_speed_how_many_times_as_fast(
    measure: Measure, expected: float
) -> None:
    ours, theirs = Run(wall=5, cpu=6, memory=80), Run(wall=10, cpu=2, memory=20)
    assert ratio(measure, ours, theirs) == expected


def test_a_goal_is_judged_by_the_median() -> None:
    spread = Spread.of([3.0, 0.1, 1.2])
    assert spread == Spread(0.1, 1.2, 3.0)
    assert holds(Bound.AT_LEAST, 1.2, spread)
    assert not holds(Bound.AT_MOST, 1.1, spread)


@pytest.mark.parametrize(
    ("count", "scale", "expected"),
    [(900, 0.1, (90, 1.0)), (20, 1.0, (20, 1.0)), (4, 0.125, (1, 0.5)), (0, 0.1, (0, 1.0))],
)
def test_fewer_files_come_before_smaller_ones(count: int, scale: float, expected: tuple[int, float]) -> None:
    assert scaled(count, scale) == expected


def test_a_round_in_which_a_party_failed_does_not_count() -> None:
    goal = Against(("curl",), Measure.SPEED, Bound.AT_LEAST, 0.5)
    scenario = Scenario("one", "", TINY, 2, (goal, Limit(Measure.MEMORY, 100)))
    fine = {"xharchive": Run(2, 1, memory=60), "curl": Run(1, 1)}
    lossy = {"xharchive": Run(1, 1, memory=60), "curl": Run(9, 1, failure="a file is missing")}
    against, limit = judge(scenario, [fine, lossy])
    assert [against.rounds, against.held, limit.rounds] == [(0.5,), True, (60, 60)]
    nothing = judge(scenario, [lossy])[0]
    assert nothing.spread is None
    assert "no round counts" in judged_lines([nothing])[0]


def test_the_overview_has_a_line_a_goal_and_loud_rounds_are_told() -> None:
    goal = Against(("curl",), Measure.SPEED, Bound.AT_LEAST, 0.5)
    scenario = Scenario("one", "", TINY, 2, (goal,))
    calm = {"xharchive": Run(2, 1), "curl": Run(1, 1, foreign=0.1)}
    loud = {"xharchive": Run(5, 1, foreign=0.4), "curl": Run(1, 1)}
    done = Race(scenario, 10, (calm, loud), (), judge(scenario, [calm, loud]))
    line, other = overview([done], {"help": [Finding("--help", "+62 ms", "≤ +100 ms", held=True)]})
    assert line.split() == ["one", "speed", "≥", "0.5×", "curl", "NOT", "HELD", "0.35"]
    assert other.split() == ["help", "≤", "+100", "ms", "held", "+62", "ms"]
    assert done.loud == 1
    assert "In 1 of 2 rounds others kept" in markdown_race(done)


def test_what_others_would_make_of_our_goals_is_told_and_judges_nothing() -> None:
    """A floor that misses a goal is no failure of ours, and has no limit on its memory."""
    goals = (Against(("curl",), Measure.SPEED, Bound.AT_LEAST, 0.5), Limit(Measure.MEMORY, 100))
    scenario = Scenario("one", "", TINY, 2, goals, judged=("floor",))
    taken = {"xharchive": Run(2, 1), "curl": Run(1, 1), "floor": Run(4, 1, memory=900)}
    others = {"floor": judge_other("floor", scenario, [taken])}
    (floor,) = others["floor"]
    assert (floor.rounds, floor.held) == ((0.25,), False)
    done = Race(scenario, 10, (taken,), (), judge(scenario, [taken]), others)
    assert "| 0.25 | 0.25 | 0.25 | 0.25 | *floor*: speed ≥ 0.5× curl | **no** |" in markdown_race(done)
    assert "NOT" not in "".join(overview([done], {}))


@pytest.mark.parametrize("made", [0, 1])
def test_who_is_to_convert_must_leave_a_picture_of_each(tmp_path: Path, made: int) -> None:
    """The JPEGs of the corpus itself are none."""
    files = tuple(MadeFile(name, name[:4], 1, "") for name in ("jpeg1", "heic1", "heic2"))
    job = Job(Made(tmp_path, (), files), 1, 1, tmp_path, tmp_path)
    for name in ("note/01.jpg", "note/02.jpg", "note/03.jpg")[: 2 + made]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    lacking = "" if made else "1 of 2 pictures were not converted"
    assert what_was_not_made(job, own=1) == lacking


def test_of_several_opponents_the_slower_one_counts() -> None:
    goal = Against(("decode + encode", "aria2c"), Measure.WALL, Bound.AT_MOST, 1.1)
    scenario = Scenario("one", "", TINY, 2, (goal,))
    taken = {"xharchive": Run(11, 1), "decode + encode": Run(10, 1), "aria2c": Run(2, 1)}
    assert judge(scenario, [taken])[0].rounds == (1.1,)


def test_scenarios_name_tools_that_exist_and_have_names_of_their_own() -> None:
    assert {tool for scenario in SCENARIOS for tool in scenario.tools} <= set(RUNNERS)
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "heic", "mp4"])
@pytest.mark.parametrize("size", [120_000, 196_620, 196_622, 196_624, 196_626, 196_628, 400_000])
def test_a_filled_file_is_healthy_and_as_large_as_asked(kind: Kind, size: int, tmp_path: Path) -> None:
    """What xharchive itself would refuse is no corpus."""
    base = make_movie("h264", 1, (96, 128), 3) if kind == "mp4" else make_picture(kind, 1, (96, 128))
    path = tmp_path / "filled"
    path.write_bytes(fill(kind, base, size, 7))
    # Two bytes of a WebP may not be had: its chunks are even.
    assert size - 1 <= path.stat().st_size <= size
    with path.open("rb") as file:
        found = sniff(file.read(SNIFF_BYTES))
        assert found is not None
        structure = parse_structure(file, found)
    assert structure.whole, structure.problem
    assert structure.proves_length
    if kind in ("jpeg", "webp"):
        with Image.open(path) as picture:
            picture.load()


def test_a_corpus_is_the_same_twice_and_no_two_of_its_files_are(tmp_path: Path) -> None:
    one, other = make_corpus(TINY, tmp_path / "one"), make_corpus(TINY, tmp_path / "other")
    assert one.files == other.files
    assert len({file.sha256 for file in one.files}) == 3
    reply = json.loads((one.folder / "replies" / f"{one.notes[0]}.json").read_text())
    assert reply["data"][0]["note_list"][0]["type"] == "video"
    assert TINY.digest != TINY.scaled(0.5).digest


def test_a_section_of_a_page_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n", encoding="utf-8")
    replace_section(page, "figures", "old")
    replace_section(page, "figures", "new \\1")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("above\n")
    assert "old" not in text
    assert text.count("new \\1") == 1


@linux
def test_the_cpu_of_a_process_that_outlives_the_command_is_counted(tmp_path: Path) -> None:
    """A forkserver's workers do; the exit code of what is not expected makes a failure."""
    busy = "python3 -c 'sum(range(3_000_000))' & exit 3"
    run = launched(["sh", "-c", busy], tmp_path)
    assert run.cpu > 0
    assert "exit code 3" in run.failure


@linux
@pytest.mark.skipif(find_nginx() is None, reason="nginx is missing: make bench-tools")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing: make bench-tools")
def test_a_tiny_race_runs_and_every_file_is_found(tmp_path: Path) -> None:
    goal = Against(("curl",), Measure.SPEED, Bound.AT_LEAST, 0.5)
    scenario = Scenario("tiny", "three files", TINY, 2, (goal,))
    said: list[str] = []
    done = race(scenario, tmp_path, scale=1, rounds=1, say=said.append)
    assert not any("DOES NOT COUNT" in line for line in said), "\n".join(said)
    (taken,) = done.rounds
    assert taken["curl"].requests == 3
    # Two notes' replies come on top of their files.
    assert taken["xharchive"].requests == 5
    assert "| xharchive |" in markdown_race(done)
