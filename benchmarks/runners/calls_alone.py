"""The API calls of a corpus at the rate of the scenario's flags, nothing else: the floor of such a run."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runners.contract import Job
from benchmarks.servers import Mode

__all__ = ["CallsAlone"]

_SCRIPT = Path(__file__).parent.parent / "scripts" / "calls_alone.py"


@dataclass(frozen=True, slots=True)
class CallsAlone:
    """One call a note, a rate in calls a second: no media, no ledger, nothing kept."""

    name: str = "calls alone"
    server: Mode | None = None
    fetches: bool = False
    converts: bool = False

    def missing(self) -> str:
        """Return "": Python's own library is enough."""
        return ""

    def command(self, job: Job) -> list[str]:
        """Return the script's command line."""
        notes = job.write_list("calls.txt", list(job.corpus.notes))
        rate = job.flags[job.flags.index("--api-rate") + 1].removesuffix("/s")
        return [sys.executable, str(_SCRIPT), f"http://127.0.0.1:{job.port}", notes, rate]
