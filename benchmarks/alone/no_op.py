"""`get` on a list of notes that are all there: it has to find that out, and to ask nobody."""

import shutil
from pathlib import Path

from benchmarks.alone.archives import archive_of, ids_of
from benchmarks.alone.finding import Finding, Yard
from benchmarks.arithmetic import Spread
from benchmarks.measuring import launched
from benchmarks.runners.xharchive import XHARCHIVE
from benchmarks.servers import Server, serving

__all__ = ["no_op"]

_NOTES = 100_000
_WAYS = (("index only", ("--trust-index",), 2.0), ("every file looked at", (), 8.0))


def no_op(yard: Yard) -> list[Finding]:
    """Time runs that find every note finished: by the catalog's word, and with a look at every file."""
    count = yard.count(_NOTES, 100)
    archive = archive_of(count, yard)
    ids = yard.work / "scratch" / "finished.txt"
    ids.write_text("\n".join(ids_of(count)) + "\n")
    nothing = yard.work / "nothing"
    nothing.mkdir(exist_ok=True)
    with serving("far", nothing, yard.work / "server-far") as server:
        findings = [_way(yard, server, archive, ids, count, *way) for way in _WAYS]
    shutil.rmtree(archive)
    return findings


def _way(  # noqa: PLR0913 - the figures of one row
    yard: Yard,
    server: Server,
    archive: Path,
    ids: Path,
    count: int,
    name: str,
    flags: tuple[str, ...],
    limit: float,
) -> Finding:
    here = f"127.0.0.1:{server.port}"
    where = ["-d", str(archive), "--api-base", f"http://{here}", "--resolve", f"*={here}"]
    command = [*XHARCHIVE, "get", "-q", "--no-gallery", "-i", str(ids), *where, *flags]
    # The first one warms up: it also has the catalog compared with the manifests, which later ones need not.
    asked = server.requests()
    runs = [launched(command, yard.work / "scratch") for _ in range(yard.rounds + 1)][1:]
    asked = server.requests() - asked
    failure = next((run.failure for run in runs if run.failure), "")
    wall, cpu = Spread.of([run.wall for run in runs]), Spread.of([run.cpu for run in runs])
    text = (
        f"{wall.middle:.2f} s ({wall.low:.2f}–{wall.high:.2f}), {cpu.middle:.2f} CPU s, "
        f"{runs[-1].memory:.0f} MB, {asked} requests"
    )
    # A smaller archive proves nothing about the large one: the start-up is a part of both.
    held = None if count < _NOTES else wall.middle <= limit and not asked
    return Finding(
        f"no-op on {count:,} finished notes, {name}",
        failure or text,
        f"≤ {limit:g} s on {_NOTES:,}, 0 requests",
        held=False if failure or asked else held,
    )
