"""Makes archives of many finished notes: one is archived by the program, the others are made in its image.

A copy gets an id, a folder and a reply of its own, with the manifest's digests to match, so that the program
finds nothing to object to; downloading that many would measure the download.
"""

import hashlib
import json
import shutil
from pathlib import Path

from benchmarks.alone.finding import Yard
from benchmarks.corpora.making import make_corpus
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.measuring import launched
from benchmarks.runners import RUNNERS, Job
from benchmarks.runners.xharchive import XHARCHIVE
from benchmarks.servers import serving

__all__ = ["PHOTO", "TINY", "add_notes", "archive_of", "ids_of"]

TINY = Corpus("tiny", 1, (Group("jpeg", 3, 6_000, 9_000, (96, 128)),))
"""Notes of three pictures that cost next to nothing."""
PHOTO = Corpus("photo", 1, (Group("jpeg", 1, 0, 3_000_000, (1080, 1440)),))
"""Notes of one picture as the platform's are."""
_FIRST_TIME = 0x67000000
_MANIFEST = "manifest.json"


def ids_of(count: int, first: int = 0) -> list[str]:
    """Return the ids of the notes that `archive_of` and `add_notes` make."""
    return [f"{_FIRST_TIME + at // 10:08x}{at:016x}" for at in range(first, first + count)]


def archive_of(count: int, yard: Yard, note: Corpus = TINY) -> Path:
    """Return a new archive of so many copies of a note, its catalog made.

    Raises:
        RuntimeError: the program cannot make the first note.
    """
    archive, template = yard.work / f"archive-{count}", yard.work / "template"
    shutil.rmtree(archive, ignore_errors=True)
    shutil.rmtree(template, ignore_errors=True)
    corpus = make_corpus(note, yard.work / "corpora")
    scratch = yard.work / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with serving("raw", corpus.folder, yard.work / "server-raw") as server:
        job = Job(corpus, server.port, 4, template, scratch, ("--image-format", "keep", "--no-gallery"))
        run = launched(RUNNERS["xharchive"].command(job), scratch)
    if run.failure:
        raise RuntimeError(run.failure)
    archive.mkdir()
    add_notes(template, archive, ids_of(count))
    made = launched([*XHARCHIVE, "reindex", "-d", str(archive)], scratch)
    if made.failure:
        raise RuntimeError(made.failure)
    return archive


def add_notes(template: Path, archive: Path, ids: list[str]) -> None:
    """Put a copy of the template's only note into an archive under each of the ids."""
    source = next(path.parent for path in template.glob(f"*/{_MANIFEST}"))
    text = (source / _MANIFEST).read_text(encoding="utf-8")
    old = json.loads(text)["id"]
    for new in ids:
        folder = archive / source.name.replace(old, new)
        shutil.copytree(source, folder)
        manifest = json.loads(text.replace(old, new))
        for entry in manifest["replies"]:
            _rename_reply(folder, entry, old, new)
        (folder / _MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")


def _rename_reply(folder: Path, entry: dict[str, str], old: str, new: str) -> None:
    path = folder / entry["path"]
    body = path.read_bytes().replace(old.encode(), new.encode())
    path.write_bytes(body)
    entry["sha256"] = hashlib.sha256(body).hexdigest()
