"""The HEICs of a corpus decoded and encoded again on all cores, and nothing else: the floor of conversion."""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runners.contract import Job
from benchmarks.servers import Mode

__all__ = ["DecodeEncode"]

_SCRIPT = Path(__file__).parent.parent / "scripts" / "decode_encode.py"


@dataclass(frozen=True, slots=True)
class DecodeEncode:
    """The bare work, from the corpus's own files: no server, no checks, no fsync."""

    name: str = "decode + encode"
    server: Mode | None = None
    fetches: bool = False
    converts: bool = True

    def missing(self) -> str:
        """Return "": it needs what xharchive needs."""
        return ""

    def command(self, job: Job) -> list[str]:
        """Return the script's command line."""
        pictures = [str(job.corpus.folder / "media" / file.key) for file in job.corpus.files]
        heics = [path for path, file in zip(pictures, job.corpus.files, strict=True) if file.kind == "heic"]
        return [sys.executable, str(_SCRIPT), job.write_list("heics.txt", heics), str(job.out)]
