"""What a runner is: a tool that takes a list of files from a server and leaves them in a folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.corpora.making import Made, MadeFile
from benchmarks.servers import Mode

__all__ = ["TOOLS", "Job", "Runner", "no_program", "program"]

TOOLS = Path(__file__).parent.parent.parent / ".bench-tools" / "bin"
"""Where `make bench-tools` puts the tools that are written in Python: not among xharchive's own packages."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all runners of a round do: fetch a corpus from a port, `jobs` at once, into an empty folder.

    `scratch` is for lists and configurations. `flags` are xharchive's.
    """

    corpus: Made
    port: int
    jobs: int
    out: Path
    scratch: Path
    flags: tuple[str, ...] = ()

    def url(self, file: MadeFile) -> str:
        """Return where a file is."""
        return f"http://127.0.0.1:{self.port}/{file.key}"

    def count(self, kind: str) -> int:
        """Return how many files of a kind the corpus has."""
        return sum(file.kind == kind for file in self.corpus.files)

    def write_list(self, name: str, lines: list[str]) -> str:
        """Write lines to a scratch file and return its path."""
        path = self.scratch / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)


class Runner(Protocol):
    """One tool.

    `server` is not None for a tool that runs against another server than its scenario's. `fetches` is false
    for one that downloads nothing, so that there is nothing to check afterwards. One that `converts` has to
    leave a JPEG of each HEIC, unless the flags say that these are kept.
    """

    @property
    def name(self) -> str:
        """What scenarios and tables call it."""

    @property
    def server(self) -> Mode | None:
        """The server it wants instead of the scenario's."""

    @property
    def fetches(self) -> bool:
        """Whether the corpus must be in its folder afterwards."""

    @property
    def converts(self) -> bool:
        """Whether it makes JPEGs of HEICs."""

    def missing(self) -> str:
        """Return what has to be installed first, or ""."""

    def command(self, job: Job) -> list[str]:
        """Return the command line, with its lists already written."""


def program(name: str) -> str | None:
    """Return the path of a tool, or None."""
    return shutil.which(name) or shutil.which(name, path=str(TOOLS))


def no_program(name: str) -> str:
    """Return what to say if a tool is missing, or ""."""
    return "" if program(name) else f"{name} is missing: make bench-tools"
