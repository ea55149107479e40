"""wget2: threads, each with a connection of its own."""

from dataclasses import dataclass

from benchmarks.runners.contract import Job, no_program
from benchmarks.servers import Mode

__all__ = ["Wget2"]


@dataclass(frozen=True, slots=True)
class Wget2:
    """wget2 with a list of URLs."""

    name: str = "wget2"
    server: Mode | None = None
    fetches: bool = True
    converts: bool = False

    def missing(self) -> str:
        """Say whether wget2 is there."""
        return no_program("wget2")

    def command(self, job: Job) -> list[str]:
        """Return wget2's command line."""
        urls = job.write_list("wget2.txt", [job.url(file) for file in job.corpus.files])
        plain = ["--no-config", "--quiet", "--no-robots", "--no-directories"]
        return ["wget2", *plain, f"--max-threads={job.jobs}", f"--input-file={urls}", f"-P{job.out}"]
