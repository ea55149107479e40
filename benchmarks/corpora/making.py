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
from xharchive.demo.notes.demo_note import storage_key
from xharchive.demo.notes.reply_templates import DemoAuthor, Post, block_reply, video_info
from xharchive.demo.notes.uploaded_media import DemoPicture, DemoStream, image_entry

__all__ = ["Made", "MadeFile", "make_corpus"]

_WRITER = DemoAuthor("5d8f1a2c000000000100e4b7", "江南慢慢走", "528716403")
_FIRST_TIME = 0x68000000
_STREAM_HOSTS = ("sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com", "sns-v11.rednotecdn.com")
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
        reply = json.dumps(_reply(note_id, number, shown, movie), ensure_ascii=False)
        (folder / "replies" / f"{note_id}.json").write_text(reply, encoding="utf-8")
        notes.append(note_id)
    return notes


def _reply(
    note_id: str, number: int, shown: Sequence[tuple[Planned, MadeFile]], movie: MadeFile | None
) -> object:
    images = [
        image_entry(
            DemoPicture(made.key, 0, size=planned.group.pixels),
            int(note_id[:8], 16),
            is_cover=movie is not None,
        )
        for planned, made in shown
    ]
    extra = {"video_info_v2": video_info([_stream(movie, number)])} if movie else {}
    title, text = f"第{number}篇笔记", "一篇用来量速度的笔记"
    post = Post(note_id, title, text, _WRITER, images, is_video=movie is not None, extra=extra)
    return block_reply(post)(_no_md5)


def _stream(movie: MadeFile, number: int) -> DemoStream:
    """Declare the movie on one of three hosts, the next one as backup."""
    host, backup = (_STREAM_HOSTS[(number + step) % len(_STREAM_HOSTS)] for step in (0, 1))
    return DemoStream(
        movie.key, 0, 258, movie.size, (1080, 1920), 4_000_000, "h264", host=host, backups=(backup,)
    )


def _no_md5(_key: str) -> str:
    return ""
