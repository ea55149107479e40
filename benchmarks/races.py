"""A race: all tools of a scenario take turns, round by round, and every goal is judged on the rounds."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from os import cpu_count
from pathlib import Path

from benchmarks.arithmetic import Bound, Run, Spread, figure, holds, ratio
from benchmarks.corpora.making import Made, make_corpus
from benchmarks.measuring import measured
from benchmarks.runners import RUNNERS, Job, Runner
from benchmarks.scenarios import Against, Limit, Scenario
from benchmarks.servers import Mode, Server, serving

__all__ = ["LOUD", "Judgement", "Race", "judge", "judge_other", "race"]

LOUD = 0.3  # foreign cores

Round = dict[str, Run]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A goal and what came of it: `spread` is None if no round counts, `rounds` its figures in order."""

    goal: str
    rounds: tuple[float, ...]
    spread: Spread | None
    held: bool


@dataclass(frozen=True, slots=True)
class Race:
    """A scenario that was run: its rounds by tool, why tools did not run, how many bytes went over.

    `others` are the judgements of our goals for those that run along to be judged, by their names.
    """

    scenario: Scenario
    size: int
    rounds: tuple[Round, ...]
    missing: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    others: Mapping[str, tuple[Judgement, ...]] = field(default_factory=dict)

    @property
    def loud(self) -> int:
        """In how many rounds others kept so much of the machine busy that wall-clock time says little."""
        return sum(any(run.foreign > LOUD for run in taken.values()) for taken in self.rounds)


def race(scenario: Scenario, work: Path, *, scale: float, rounds: int, say: Say) -> Race:
    """Run a scenario after one warm-up of each tool, and judge it; `say` is told of every run."""
    corpus = make_corpus(scenario.corpus.scaled(scale), work / "corpora")
    tools = [RUNNERS[name] for name in scenario.tools]
    missing = tuple(problem for tool in tools if (problem := tool.missing()))
    able = [tool for tool in tools if not tool.missing()]
    say(f"{scenario.name}: {len(corpus.files)} files, {corpus.size / 1e6:,.0f} MB; {scenario.work}")
    for problem in missing:
        say(f"  {problem}")
    run_rounds = []
    with ExitStack() as up:
        modes = {tool.server or scenario.server for tool in able}
        servers = {
            mode: up.enter_context(serving(mode, corpus.folder, work / f"server-{mode}")) for mode in modes
        }
        for number in range(rounds + 1):
            taken = _round(scenario, corpus, able, servers, work, number)
            _tell(taken, number, say)
            if number:  # the first one warms the caches
                run_rounds.append(taken)
    others = {name: judge_other(name, scenario, run_rounds) for name in scenario.judged}
    return Race(scenario, corpus.size, tuple(run_rounds), missing, judge(scenario, run_rounds), others)


def _round(
    scenario: Scenario,
    corpus: Made,
    able: Sequence[Runner],
    servers: dict[Mode, Server],
    work: Path,
    number: int,
) -> Round:
    """Let every tool run once; who is first changes from round to round."""
    first = number % len(able)
    taken = {}
    for tool in [*able[first:], *able[:first]]:
        server = servers[tool.server or scenario.server]
        job = Job(corpus, server.port, scenario.jobs, work / "out", work / "scratch", scenario.flags)
        job.scratch.mkdir(parents=True, exist_ok=True)
        taken[tool.name] = measured(tool, job, server)
    return taken


def judge(scenario: Scenario, rounds: Sequence[Round]) -> tuple[Judgement, ...]:
    """Judge all goals of a scenario on its rounds; a round in which a party failed does not count."""
    return tuple(_judged(scenario.subject, goal, rounds) for goal in scenario.goals)


def judge_other(name: str, scenario: Scenario, rounds: Sequence[Round]) -> tuple[Judgement, ...]:
    """Judge somebody else by the goals that are ratios."""
    goals = [goal for goal in scenario.goals if isinstance(goal, Against)]
    return tuple(_judged(name, goal, rounds) for goal in goals)


def _judged(subject: str, goal: Against | Limit, rounds: Sequence[Round]) -> Judgement:
    if isinstance(goal, Limit):
        bound, limit = Bound.AT_MOST, goal.limit + goal.a_worker * (cpu_count() or 1)
        figures = [figure(goal.measure, run) for run in _sound(rounds, subject)]
        text = f"{goal.measure} {bound} {limit:g} MB"
    else:
        bound, limit = goal.bound, goal.limit
        text = f"{goal.measure} {bound} {limit:g}× {' / '.join(goal.opponents)}"
        figures = [found for each in rounds if (found := _against(goal, subject, each)) is not None]
    if not figures:
        return Judgement(text, (), None, held=False)
    spread = Spread.of(figures)
    return Judgement(text, tuple(figures), spread, holds(bound, limit, spread))


def _against(goal: Against, subject: str, taken: Round) -> float | None:
    parties = [taken.get(name) for name in (subject, *goal.opponents)]
    sound = [run for run in parties if run is not None and not run.failure]
    if len(sound) < len(parties):
        return None
    translate_os_errors, *theirs = sound
    return ratio(goal.measure, translate_os_errors, max(theirs, key=lambda run: figure(goal.measure, run)))


def _sound(rounds: Sequence[Round], name: str) -> list[Run]:
    return [each[name] for each in rounds if name in each and not each[name].failure]


def _tell(taken: Round, number: int, say: Say) -> None:
    say(f"  round {number}" if number else "  warm-up")
    for name, run in taken.items():
        outcome = f"DOES NOT COUNT: {run.failure}" if run.failure else ""
        say(
            f"    {name:24}{run.wall:8.2f} s {run.cpu:8.2f} CPU s {run.memory:7.0f} MB "
            f"{run.tree_memory:7.0f} MB tree {run.requests:6} requests {run.foreign:5.2f} foreign  {outcome}"
        )
