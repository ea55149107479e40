"""Writes a corpus: `media/` as a web server serves it, `replies/` as the API answers, `corpus.json`."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.corpora.bases import base_for
from benchmarks.corpora.filling import fill
from benchmarks.corpora.plan import Corpus, Planned
from benchmarks.corpora.replies import DeclaredMovie, DeclaredPicture, storage_key, v1_reply

__all__ = ["Made", "MadeFile", "make_corpus"]

_FIRST_TIME = 0x68000000
_MOST_PICTURES = 18


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file of a corpus: its path on the server without the leading slash, bytes, SHA-256 in hex."""

    key: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Made:
    """A corpus on disk: the ids of its notes, and its files."""

    folder: Path
    notes: tuple[str, ...]
    files: tuple[MadeFile, ...]

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(file.size for file in self.files)


def make_corpus(corpus: Corpus, parent: Path) -> Made:
    """Return the corpus in a folder of `parent`: made now, or the one an earlier session left there whole."""
    folder = parent / f"{corpus.name}-{corpus.digest}"
    told = folder / "corpus.json"
    if not told.exists():
        shutil.rmtree(folder, ignore_errors=True)
        files = [_make_file(planned, folder) for planned in corpus.files()]
        notes = _write_replies(corpus, files, folder)
        # Written last: a corpus without it was cut off while it was made.
        told.write_text(json.dumps({"notes": notes, "files": [asdict(made) for _, made in files]}))
    read = json.loads(told.read_text())
    return Made(folder, tuple(read["notes"]), tuple(MadeFile(**entry) for entry in read["files"]))


def _make_file(planned: Planned, folder: Path) -> tuple[Planned, MadeFile]:
    group = planned.group
    content = fill(group.kind, base_for(group, planned.number), planned.size, planned.number)
    key = storage_key(f"benchmark/{planned.number}")
    if group.kind == "mp4":
        key = f"stream/1/10/{key}_258.mp4"
    path = folder / "media" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return planned, MadeFile(key, group.kind, len(content), hashlib.sha256(content).hexdigest())


def _write_replies(corpus: Corpus, files: Sequence[tuple[Planned, MadeFile]], folder: Path) -> list[str]:
    movies = [made for planned, made in files if planned.group.kind == "mp4"]
    pictures = [(planned, made) for planned, made in files if planned.group.kind != "mp4"]
    covers, pictures = pictures[: len(movies)], pictures[len(movies) :]
    if len(covers) < len(movies):
        raise ValueError(f"{corpus.name}: every movie needs a cover")
    # A note holds at most so many pictures: a few more notes rather than impossible ones.
    albums = max(corpus.notes - len(movies), -(-len(pictures) // _MOST_PICTURES))
    (folder / "replies").mkdir()
    notes = []
    dealt = [pictures[at::albums] for at in range(albums)] if pictures else []
    told = [([cover], movie) for cover, movie in zip(covers, movies, strict=True)]
    for number, (shown, movie) in enumerate([*told, *((album, None) for album in dealt if album)]):
        note_id = f"{_FIRST_TIME + number:08x}{number:016x}"
        pictures_of_note = [DeclaredPicture(made.key, planned.group.pixels) for planned, made in shown]
        declared = DeclaredMovie(movie.key, movie.size) if movie else None
        reply = json.dumps(v1_reply(note_id, number, pictures_of_note, declared), ensure_ascii=False)
        (folder / "replies" / f"{note_id}.json").write_text(reply, encoding="utf-8")
        notes.append(note_id)
    return notes
