"""What the proofs cost at least: a download with SHA-256, fsync and decode checks in Python, no more."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runners.contract import Job
from benchmarks.servers import Mode

__all__ = ["Floor"]

_SCRIPT = Path(__file__).parent.parent / "scripts" / "floor.py"


@dataclass(frozen=True, slots=True)
class Floor:
    """The script, in our own interpreter: it decodes with the same Pillow. `way` is one of the script's."""

    name: str
    way: str
    server: Mode | None = None
    fetches: bool = True
    converts: bool = False

    def missing(self) -> str:
        """Return "": it needs what xharchive needs."""
        return ""

    def command(self, job: Job) -> list[str]:
        """Return the script's command line; a film is known by its name."""
        urls = job.write_list("floor.txt", [job.url(file) for file in job.corpus.files])
        return [sys.executable, str(_SCRIPT), urls, str(job.out), str(job.jobs), self.way]
