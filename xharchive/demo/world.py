"""The demo world without a network: its notes, and a function from a request to a reply or file.

`files/index.json` lists the notes and their files. `files/replies` has the replies, written by hand;
`files/media` what `tools/make_demo_media.py` made.

Rules of the API: docs/api.md#note-endpoints. Rules of the CDN: docs/api.md#cdn, docs/api.md#transforms.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Any, Literal

import pillow_heif
from PIL import Image, ImageOps

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
_NOTE_ID = re.compile(r"[0-9a-f]{24}")
_HOSTS_BY_FAMILY: tuple[tuple[HostFamily, re.Pattern[str]], ...] = (
    (IMAGES, re.compile(r"ci\.xiaohongshu\.com|sns-img-(bd|hw|qc|al)\.xhscdn\.com")),
    (IMAGES, re.compile(r"sns-(na-)?i\d+(-\w+)?\.(xhscdn|rednotecdn)\.com")),
    (VIDEOS, re.compile(r"v\.xiaohongshu\.com|sns-(bak-)?v\d+(-\w+)?\.(xhscdn|rednotecdn)\.com")),
    (VIDEOS, re.compile(r"sns-(video-\w+|music|subtitle-\w+)\.(xhscdn\.(com|net)|rednotecdn\.com)")),
)
_TRANSFORM = re.compile(r"imageView2/2(/[\w/]+)")
_NUMBER = re.compile(r"/([whq])/(\d+)")
_FORMAT = re.compile(r"/format/(\w+)")
_MEDIA_TYPES = {"heif": "image/heif", "webp": "image/webp", "jpg": "image/jpeg"}
# Width and height of the demo's uploads are about a sixth of real ones, so requested sizes are divided too.
_SCALE = 6


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


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A response of a CDN host. `etag` is strong and quoted."""

    body: bytes
    content_type: str
    etag: str
    status: int = 200


class DemoWorld:
    """The demo's notes and their media, which are read at the first request and cached. Thread-safe."""

    def __init__(self) -> None:
        self._notes = {note.id: note for note in load_notes()}
        self._stored = {item.key: item for note in self._notes.values() for item in note.stored}
        self._loaded: dict[str, bytes] = {}
        self._served: dict[tuple[str, str], ServedFile] = {}

    @property
    def notes(self) -> Mapping[str, DemoNote]:
        """The notes by id, in the order of the demo's list."""
        return MappingProxyType(self._notes)

    def reply(self, endpoint: str, note_id: str) -> bytes:
        """Return the reply of an endpoint (`v1`, `v3`, `v6`, `v7`, `pgy`)."""
        if not _NOTE_ID.fullmatch(note_id):
            return _empty_reply(400, None, "")
        note = self._notes.get(note_id)
        found = note.replies.get(endpoint) if note else None
        return found or _empty_reply(0, [], note_id)

    def media(self, host: str, raw_path_and_query: str) -> ServedFile | None:
        """Return the response of a production host for a raw path and query; None for a 404."""
        if host == DEAD_HOST:
            return ServedFile(b"service unavailable\n", "text/plain", '"dead"', 503)
        path, _, query = raw_path_and_query.partition("?")
        item = self._stored.get(path.removeprefix("/"))
        if item is None or host in item.absent_from or not _serves(host, item.host_family):
            return None
        found = _TRANSFORM.match(query) if item.host_family == IMAGES else None
        rule = found[1] if found else ""
        if (item.key, rule) not in self._served:
            self._served[item.key, rule] = self._serve(item, rule)
        return self._served[item.key, rule]

    def original(self, note_id: str, slot: str) -> bytes:
        """Return the bytes that a complete archive has in a slot such as `image-2`.

        Raises:
            KeyError: there is no such note or slot.
        """
        return self._body(self._stored[self._notes[note_id].originals[slot]])

    def sha256(self, note_id: str, slot: str) -> str:
        """Return the SHA-256 (hex) of `original`."""
        return hashlib.sha256(self.original(note_id, slot)).hexdigest()

    def _body(self, item: StoredFile) -> bytes:
        if item.key not in self._loaded:
            self._loaded[item.key] = item.read()
        return self._loaded[item.key]

    def _serve(self, item: StoredFile, rule: str) -> ServedFile:
        """Return a file, or what a rule such as `/w/1440/format/webp/q/75` makes of it."""
        body, media_type = self._body(item), item.media_type
        if rule:
            found = _FORMAT.search(rule)
            target = found[1] if found else "jpg"
            if target not in _MEDIA_TYPES:  # as the real CDN for PNG: docs/api.md#derived-addresses
                return ServedFile(b"internal error\n", "text/plain", '"error"', 500)
            numbers = {name: int(number) for name, number in _NUMBER.findall(rule)}
            fit = numbers.get("w", 0) // _SCALE, numbers.get("h", 0) // _SCALE
            body, media_type = transcode(body, fit, target, numbers.get("q", 80))
        return ServedFile(body, media_type, f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')


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


def transcode(upload: bytes, fit: tuple[int, int], target: str, quality: int) -> tuple[bytes, str]:
    """Return a smaller version of an upload without metadata, and its media type.

    Args:
        fit: largest width and height in pixels; 0 for no limit.
        target: "heif", "webp" or "jpg".
    """
    is_heif = upload[4:8] == b"ftyp"
    opened = pillow_heif.open_heif(BytesIO(upload)).to_pillow() if is_heif else Image.open(BytesIO(upload))
    picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.info.clear()
    picture.thumbnail((fit[0] or picture.width, fit[1] or picture.height))
    out = BytesIO()
    if target == "heif":
        pillow_heif.from_pillow(picture).save(out, quality=quality, enc_params={"preset": "ultrafast"})
    elif target == "webp":
        picture.save(out, "WEBP", quality=quality, method=2)
    else:
        picture.save(out, "JPEG", quality=quality)
    return out.getvalue(), _MEDIA_TYPES[target]


def _serves(host: str, family: HostFamily) -> bool:
    return any(name == family and hosts.fullmatch(host) for name, hosts in _HOSTS_BY_FAMILY)


def _empty_reply(code: int, data: list[object] | None, note_id: str) -> bytes:
    """Return the vendor's envelope without a note (docs/api.md#envelope)."""
    request = hashlib.md5(f"{note_id}/{code}".encode(), usedforsecurity=False).hexdigest()
    envelope = {"code": code, "message": None, "recordTime": None, "requestId": request, "data": data}
    return json.dumps(envelope).encode()
