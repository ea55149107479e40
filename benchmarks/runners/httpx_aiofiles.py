"""A script on httpx and aiofiles, as this field writes it."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.runners.contract import TOOLS, Job
from benchmarks.servers import Mode

__all__ = ["HttpxAiofiles"]

_SCRIPT = Path(__file__).parent.parent / "scripts" / "httpx_aiofiles.py"


@dataclass(frozen=True, slots=True)
class HttpxAiofiles:
    """The script, in the interpreter of the benchmark's tools."""

    name: str = "httpx + aiofiles"
    server: Mode | None = None
    fetches: bool = True
    converts: bool = False

    def missing(self) -> str:
        """Say whether httpx is there."""
        return "" if (TOOLS / "httpx").exists() else "httpx is missing: make bench-tools"

    def command(self, job: Job) -> list[str]:
        """Return the script's command line."""
        urls = job.write_list("httpx.txt", [job.url(file) for file in job.corpus.files])
        return [str(TOOLS / "python"), str(_SCRIPT), urls, str(job.out), str(job.jobs)]
