"""Cost growth: 10² to 10⁵ notes of tiny media, time and memory a note. It must be flat."""

import shutil

from benchmarks.alone.finding import Finding, Yard
from benchmarks.corpora.making import make_corpus
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.measuring import measured
from benchmarks.runners import RUNNERS, Job
from benchmarks.servers import serving

__all__ = ["growth"]

_STEPS = (100, 1_000, 10_000, 100_000)
_FLAT = 1.25  # the last step may cost so much more a note than the one before


def growth(yard: Yard) -> list[Finding]:
    """Archive ever more notes of one picture each; steps above the scale are left out."""
    findings: list[Finding] = []
    before = 0.0
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
        a_note = run.wall / notes * 1e3
        text = f"{a_note:.2f} ms a note, {run.memory:.0f} MB, {run.cpu / notes * 1e3:.2f} CPU ms a note"
        held = None if not before else not run.failure and a_note <= before * _FLAT
        findings.append(
            Finding(f"archiving {notes:,} notes of one tiny picture", run.failure or text, "flat", held)
        )
        before = a_note
    return findings


def _one_picture_each(notes: int) -> Corpus:
    return Corpus(f"growth-{notes}", notes, (Group("jpeg", notes, 6_000, 9_000, (96, 128)),))
