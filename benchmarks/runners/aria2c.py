"""aria2c: files at once by `-j`, with `connections` ranges of each file if there is more than one."""

from dataclasses import dataclass

from benchmarks.runners.contract import Job, no_program
from benchmarks.servers import Mode

__all__ = ["Aria2c"]


@dataclass(frozen=True, slots=True)
class Aria2c:
    """aria2c with a list of URLs, silent, without preallocation, which would cost it time here."""

    name: str = "aria2c"
    connections: int = 1
    server: Mode | None = None
    fetches: bool = True
    converts: bool = False

    def missing(self) -> str:
        """Say whether aria2c is there."""
        return no_program("aria2c")

    def command(self, job: Job) -> list[str]:
        """Return aria2c's command line."""
        urls = job.write_list("aria2c.txt", [job.url(file) for file in job.corpus.files])
        split = [f"-x{self.connections}", f"-s{self.connections}", "--min-split-size=1M"]
        quiet = ["--quiet", "--summary-interval=0", "--no-conf", "--file-allocation=none"]
        return ["aria2c", f"-j{job.jobs}", *split, *quiet, f"--input-file={urls}", f"--dir={job.out}"]
