"""xharchive itself: the real command, from the list of ids, over the API, with every check on."""

import sys
from dataclasses import dataclass

from benchmarks.runners.contract import Job
from benchmarks.servers import Mode

__all__ = ["XHARCHIVE", "Xharchive"]

XHARCHIVE = (sys.executable, "-P", "-m", "xharchive")
"""The command; -P, so that no module is loaded from the current folder."""


@dataclass(frozen=True, slots=True)
class Xharchive:
    """`xharchive get` of a corpus's notes; `flags` come behind the scenario's, without those it `drops`.

    `hides` is a module that it shall not find, as if it were not installed.
    """

    name: str = "xharchive"
    flags: tuple[str, ...] = ()
    server: Mode | None = None
    fetches: bool = True
    converts: bool = True
    drops: tuple[str, ...] = ()
    hides: str = ""

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
        flags = [flag for flag in job.flags if flag not in self.drops]
        return [*self._program(), "get", "-q", *where, *limits, *flags, *self.flags]

    def _program(self) -> list[str]:
        if not self.hides:
            return [*XHARCHIVE]
        hide = f"import runpy, sys; sys.modules[{self.hides!r}] = None"
        return [sys.executable, "-c", f"{hide}; runpy.run_module('xharchive', None, '__main__', True)"]
