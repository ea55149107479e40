"""gallery-dl with direct links: one after the other, as it works."""

from dataclasses import dataclass

from benchmarks.corpora.making import MadeFile
from benchmarks.runners.contract import Job, no_program, program
from benchmarks.servers import Mode

__all__ = ["GalleryDl"]


@dataclass(frozen=True, slots=True)
class GalleryDl:
    """gallery-dl, which takes an address for a direct link by the end of its name."""

    name: str = "gallery-dl"
    server: Mode | None = None
    fetches: bool = True
    converts: bool = False

    def missing(self) -> str:
        """Say whether gallery-dl is there."""
        return no_program("gallery-dl")

    def command(self, job: Job) -> list[str]:
        """Return gallery-dl's command line."""
        urls = job.write_list("gallery-dl.txt", [_named(job.url(file), file) for file in job.corpus.files])
        options = ["--config-ignore", "--quiet", "-o", "adjust-extensions=false"]
        return [program("gallery-dl") or "gallery-dl", *options, "-D", str(job.out), "-i", urls]


def _named(url: str, file: MadeFile) -> str:
    return url if file.kind == "mp4" else f"{url}.jpg"
