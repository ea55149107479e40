"""Cost growth: 10² to 10⁵ notes of tiny media, time and memory a note. It must be flat."""

import shutil

from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Run
from benchmarks.corpora.making import make_corpus
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.measuring import measured
from benchmarks.runners import RUNNERS, Job
from benchmarks.servers import serving

__all__ = ["growth"]

_STEPS = (100, 1_000, 10_000, 100_000)
_FLAT = 1.25  # a step may cost so much more CPU a note than the one before; wall-clock time drifts by more
_MORE_KB = 0.25  # and each further note so much more memory
_START_UP = 10_000  # below so many notes memory still grows into its working size


def growth(yard: Yard) -> list[Finding]:
    """Archive ever more notes of one picture each; steps above the scale are left out."""
    findings: list[Finding] = []
    before: Run | None = None
    for notes in [step for step in _STEPS if step <= max(_STEPS[-1] * yard.scale, _STEPS[0])]:
        corpus = make_corpus(_one_picture_each(notes), yard.work / "corpora")
        with serving("raw", corpus.folder, yard.work / "server-raw") as server:
            out, scratch = yard.work / "out", yard.work / "scratch"
            scratch.mkdir(parents=True, exist_ok=True)
            job = Job(
                corpus,
                server.port,
                16,
                out,
                scratch,
                ("--image-format", "keep", "--confirm-above", "1000000"),
            )
            run = measured(RUNNERS["xharchive"], job, server)
        shutil.rmtree(corpus.folder)
        cpu, wall = run.cpu / notes * 1e3, run.wall / notes * 1e3
        each = run.memory / notes * 1e3
        text = (
            f"{cpu:.2f} CPU ms, {wall:.2f} ms and {each:.3g} KB a note; {run.memory:.0f} MB in all; one run"
        )
        held = _is_flat(before, run, notes) if before else None
        findings.append(
            Finding(f"archiving {notes:,} notes of one tiny picture", run.failure or text, "flat", held)
        )
        before = run
    return findings


def _is_flat(before: Run, run: Run, notes: int) -> bool:
    """Whether ten times the notes cost as much each, and next to no more memory."""
    costs_more = run.cpu > 10 * before.cpu * _FLAT
    grows = notes > _START_UP and run.memory > before.memory + notes * _MORE_KB / 1024
    return not (run.failure or costs_more or grows)


def _one_picture_each(notes: int) -> Corpus:
    return Corpus(f"growth-{notes}", notes, (Group("jpeg", notes, 6_000, 9_000, (96, 128)),))
