"""The demo's notes and their files, as `files/index.json` lists them.

`files/replies` has the replies, written by hand; `files/media` what `tools/make_demo_media.py` made.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

V1, V3, V6, V7, PGY = "v1", "v3", "v6", "v7", "pgy"

CI_HOST = "ci.xiaohongshu.com"
"""The image host that serves untouched uploads (docs/api.md#derived-addresses)."""

DEAD_HOST = "sns-v27.rednotecdn.com"
"""A video host that responds 503 to every request."""

HostFamily = Literal["images", "videos"]
IMAGES: HostFamily = "images"
VIDEOS: HostFamily = "videos"

_FILES = files("xharchive.demo") / "files"
_BOX_HEADER = 8


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on the CDN.

    Attributes:
        key: its path without the leading slash.
        host_family: the hosts that serve it.
        file: its name in `files/media`.
        size: length in bytes that replies declare; 0 for that of the file.
        absent_from: hosts of the family that respond 404.
    """

    key: str
    host_family: HostFamily
    media_type: str
    file: str
    size: int = 0
    absent_from: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Return the bytes, as long as declared: a movie may end with a `free` box (ISO/IEC 14496-12)."""
        body = (_FILES / "media" / self.file).read_bytes()
        missing = self.size - len(body)
        if missing <= 0:
            return body
        return body + missing.to_bytes(4, "big") + b"free" + bytes(missing - _BOX_HEADER)


@dataclass(frozen=True, slots=True)
class DemoNote:
    """A note of the demo.

    Attributes:
        shows: for users, in one line: what the note demonstrates.
        replies: by endpoint; an endpoint without a reply sends code 0 without data.
        originals: by slot, the key of the file in a complete archive: the best file that the replies declare
            or that a proven rule derives (docs/api.md#derived-addresses).
    """

    id: str
    title: str
    shows: str
    state: Literal["complete", "empty"]
    replies: Mapping[str, bytes]
    originals: Mapping[str, str]
    stored: tuple[StoredFile, ...]


def load_notes() -> tuple[DemoNote, ...]:
    """Return all notes: three from the vendor's documentation, and one for each special case."""
    return tuple(
        DemoNote(
            row["id"],
            row["title"],
            row["shows"],
            row["state"],
            {endpoint: _reply(name) for endpoint, name in row["replies"].items()},
            row["originals"],
            tuple(map(_stored, row["files"])),
        )
        for row in json.loads((_FILES / "index.json").read_text("utf-8"))
    )


def _stored(entry: dict[str, Any]) -> StoredFile:
    return StoredFile(**{**entry, "absent_from": tuple(entry.get("absent_from", ()))})


def _reply(name: str) -> bytes:
    """Return a reply as the API sends it, without indentation."""
    text = (_FILES / "replies" / name).read_text("utf-8")
    return json.dumps(json.loads(text), ensure_ascii=False).encode()
