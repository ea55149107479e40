"""What came out, as text: on the terminal, and as Markdown for docs/performance.md."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.alone.finding import Finding
from benchmarks.races import LOUD, Judgement, Race

__all__ = ["judged_lines", "markdown_alone", "markdown_race", "overview", "replace_section"]

_HEAD = "| round by round | minimum | median | maximum | goal | held |\n|---|---:|---:|---:|---|---|"
_TOOLS_HEAD = (
    "| tool (medians) | wall s | MB/s | CPU s | MB | MB of the tree | requests | foreign cores |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|"
)


def judged_lines(judgements: Sequence[Judgement]) -> list[str]:
    """Return a line a goal for the terminal."""
    lines = []
    for each in judgements:
        if each.spread is None:
            lines.append(f"  {each.goal}: no round counts")
            continue
        spread, rounds = each.spread, " ".join(f"{one:.3g}" for one in each.rounds)
        verdict = "held" if each.held else "NOT HELD"
        lines.append(
            f"  {each.goal}: {verdict}; {rounds}: {spread.low:.3g} / {spread.middle:.3g} / {spread.high:.3g}"
        )
    return lines


def overview(races: Sequence[Race], findings: Mapping[str, Sequence[Finding]]) -> list[str]:
    """Return the whole table for the terminal: a line a goal, with its median and whether it was held."""
    rows: list[tuple[str, str, str, bool | None]] = [
        (done.scenario.name, each.goal, f"{each.spread.middle:.3g}" if each.spread else "–", each.held)
        for done in races
        for each in done.judgements
    ]
    rows += [(name, each.goal, each.text, each.held) for name, found in findings.items() for each in found]
    verdicts = {None: "–", True: "held", False: "NOT HELD"}
    return [f"  {name:12}{goal:58} {verdicts[held]:9} {text}" for name, goal, text, held in rows]


def markdown_race(done: Race) -> str:
    """Return a race as a title, the goals and the tools' medians."""
    rows = [_judged_row(each, each.goal) for each in done.judgements]
    rows += [
        _judged_row(each, f"*{name}*: {each.goal}") for name, judged in done.others.items() for each in judged
    ]
    tools = [_tool_row(done, name) for name in done.scenario.tools]
    title = f"### {done.scenario.name}: {done.scenario.work} ({done.size / 1e6:,.0f} MB)"
    said = "".join(f"\n{problem}.\n" for problem in [*done.missing, *_loudness(done)])
    goals, medians = "\n".join([_HEAD, *rows]), "\n".join([_TOOLS_HEAD, *filter(None, tools)])
    return f"{title}\n{said}\n{goals}\n\n{medians}\n"


def _loudness(done: Race) -> list[str]:
    if not done.loud:
        return []
    return [
        f"In {done.loud} of {len(done.rounds)} rounds others kept over {LOUD} cores busy: they say little"
    ]


def _judged_row(each: Judgement, goal: str) -> str:
    if each.spread is None:
        return f"| – | – | – | – | {goal} | no round counts |"
    rounds = ", ".join(f"{one:.2f}" for one in each.rounds)
    spread = each.spread
    figures = f"{spread.low:.2f} | {spread.middle:.2f} | {spread.high:.2f}"
    return f"| {rounds} | {figures} | {goal} | {'yes' if each.held else '**no**'} |"


def _tool_row(done: Race, name: str) -> str:
    runs = [each[name] for each in done.rounds if name in each and not each[name].failure]
    if not runs:
        return ""
    wall = median(run.wall for run in runs)
    middle = [
        f"{median(figures):.1f}"
        for figures in (
            [run.cpu for run in runs],
            [run.memory for run in runs],
            [run.tree_memory for run in runs],
        )
    ]
    requests, foreign = median(run.requests for run in runs), median(run.foreign for run in runs)
    speed = done.size / 1e6 / wall
    return f"| {name} | {wall:.2f} | {speed:.0f} | {' | '.join(middle)} | {requests:.0f} | {foreign:.2f} |"


def markdown_alone(findings: Sequence[Finding]) -> str:
    """Return the findings of rows without an opponent as one table."""
    rows = [f"| {each.work} | {each.text} | {each.goal} | {each.verdict} |" for each in findings]
    return "\n".join(["| work | measured | goal | held |", "|---|---|---|---|", *rows]) + "\n"


def replace_section(page: Path, mark: str, text: str) -> None:
    """Put text between `<!-- mark -->` and `<!-- /mark -->` of a page, at its end if they are not there."""
    section = f"<!-- {mark} -->\n\n{text.strip()}\n\n<!-- /{mark} -->"
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    pattern = re.compile(rf"<!-- {re.escape(mark)} -->.*<!-- /{re.escape(mark)} -->", re.DOTALL)
    found = pattern.search(before)
    after = (
        before[: found.start()] + section + before[found.end() :] if found else f"{before}\n{section}\n"
    ).lstrip()
    page.write_text(after, encoding="utf-8")
