"""The gallery after one new note among many, against the pages of all of them.

The notes that are added are in turn the newest of all and older than half of the others.
"""

import shutil

from benchmarks.alone.archives import PHOTO, TINY, add_notes, archive_of, ids_of
from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Run, Spread
from benchmarks.corpora.plan import Corpus
from benchmarks.measuring import launched
from benchmarks.runners.xharchive import XHARCHIVE

__all__ = ["gallery_refresh"]

_NOTES = 10_000
_LIMIT = 0.03


def gallery_refresh(yard: Yard) -> list[Finding]:
    """Refresh a gallery of pictures as they are, and one whose full build is as cheap as it gets."""
    real = _refreshed(yard, PHOTO, "of one picture of 1.6 MP each")
    return [real, _refreshed(yard, TINY, "of three tiny pictures each")]


def _refreshed(yard: Yard, note: Corpus, kind: str) -> Finding:
    """Build all pages once, then add one note at a time and refresh."""
    count = yard.count(_NOTES, 50)
    archive = archive_of(count, yard, note)
    full = _gallery(yard, count)
    refreshes = []
    for number in range(yard.rounds):
        add_notes(yard.work / "template", archive, [_new_id(count, number)])
        refreshes.append(_gallery(yard, count))
    shutil.rmtree(archive)
    failure = next((run.failure for run in (full, *refreshes) if run.failure), "")
    spread = Spread.of([run.wall for run in refreshes])
    text = (
        f"{spread.middle / full.wall:.1%}: {spread.middle:.2f} s ({spread.low:.2f}–{spread.high:.2f}) "
        f"against {full.wall:.1f} s, once"
    )
    held = not failure and spread.middle <= _LIMIT * full.wall
    work = f"gallery refresh after one new note in {count:,} {kind}"
    return Finding(work, failure or text, "≤ 3 %", held=held)


def _new_id(count: int, number: int) -> str:
    if number % 2 == 0:
        return ids_of(1, count + number)[0]
    (middle,) = ids_of(1, count // 2)
    return f"{middle[:8]}{'f' * 4}{number:012x}"


def _gallery(yard: Yard, count: int) -> Run:
    archive = yard.work / f"archive-{count}"
    return launched([*XHARCHIVE, "gallery", "-d", str(archive)], yard.work / "scratch")
