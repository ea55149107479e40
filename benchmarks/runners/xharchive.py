"""xharchive itself: the real command, from the list of ids, over the API, with every check on."""

import sys
from dataclasses import dataclass

from benchmarks.runners.contract import Job
from benchmarks.servers import Mode

__all__ = ["Xharchive"]


@dataclass(frozen=True, slots=True)
class Xharchive:
    """`xharchive get` of a corpus's notes; `flags` come behind the scenario's."""

    name: str = "xharchive"
    flags: tuple[str, ...] = ()
    server: Mode | None = None
    fetches: bool = True

    def missing(self) -> str:
        """Return "": it is here."""
        return ""

    def command(self, job: Job) -> list[str]:
        """Return the command line; all production hosts lead to the local server."""
        ids = job.write_list("xharchive.txt", list(job.corpus.notes))
        here = f"127.0.0.1:{job.port}"
        # The corpus has one host where the CDN has many: the limit a host would halve the jobs.
        limits = ["-j", str(job.jobs), "--per-host", str(job.jobs)]
        where = ["-i", ids, "-d", str(job.out), "--api-base", f"http://{here}", "--resolve", f"*={here}"]
        return [sys.executable, "-m", "xharchive", "get", "-q", *where, *limits, *job.flags, *self.flags]
