"""curl --parallel: no hashing, no checks, C all the way; the physical anchor."""

from dataclasses import dataclass

from benchmarks.runners.contract import Job, no_program
from benchmarks.servers import Mode

__all__ = ["Curl"]


@dataclass(frozen=True, slots=True)
class Curl:
    """curl with a configuration file that pairs URLs with names."""

    name: str = "curl"
    server: Mode | None = None
    fetches: bool = True
    converts: bool = False

    def missing(self) -> str:
        """Say whether curl is there."""
        return no_program("curl")

    def command(self, job: Job) -> list[str]:
        """Return curl's command line."""
        pairs = [
            line
            for file in job.corpus.files
            for line in (f'url = "{job.url(file)}"', f'output = "{job.out / file.key.replace("/", "_")}"')
        ]
        many = ["--parallel", "--parallel-immediate", "--parallel-max", str(job.jobs)]
        return ["curl", "-q", "--silent", "--fail", *many, "-K", job.write_list("curl.txt", pairs)]
