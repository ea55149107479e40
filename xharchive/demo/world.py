"""The demo world without a network: maps a request to its reply or file.

Rules of the API: docs/api.md#note-endpoints. Rules of the CDN: docs/api.md#cdn.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

from xharchive.demo.media.make_picture import transcode
from xharchive.demo.notes import ALL_NOTES
from xharchive.demo.notes.demo_note import DEAD_HOST, IMAGES, V1, VIDEOS, DemoNote, HostFamily, StoredFile
from xharchive.demo.notes.reply_templates import answer
from xharchive.media import SNIFF_BYTES, Family, sniff

__all__ = ["DemoWorld", "ServedFile"]

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
_TARGETS = frozenset({"jpg", "webp", "heif"})
# Width and height of the demo's uploads are about a sixth of real ones, so requested sizes are divided too.
_SCALE = 6


@dataclass(frozen=True, slots=True)
class ServedFile:
    """A response of a CDN host. `etag` is strong and quoted."""

    body: bytes
    content_type: str
    etag: str
    status: int = 200


class DemoWorld:
    """The demo's notes and their media. Media are made at the first request and cached. Thread-safe."""

    def __init__(self) -> None:
        self._notes = {note.id: note for note in ALL_NOTES}
        self._stored = {item.key: item for note in ALL_NOTES for item in note.stored}
        self._locks = {key: Lock() for key in self._stored}
        self._made: dict[str, bytes] = {}
        self._served: dict[tuple[str, str], ServedFile] = {}

    @property
    def notes(self) -> Mapping[str, DemoNote]:
        """The notes by id, in the order of the demo's list."""
        return MappingProxyType(self._notes)

    def reply(self, endpoint: str, note_id: str) -> bytes:
        """Return the reply of an endpoint (`v1`, `v3`, `v6`, `v7`, `pgy`)."""
        if not _NOTE_ID.fullmatch(note_id):
            return _as_json(answer(None, code=400))
        note = self._notes.get(note_id)
        make = note.replies.get(endpoint) if note else None
        return _as_json(make(self._md5_of) if make else answer([], note_id=note_id))

    def media(self, host: str, raw_path_and_query: str) -> ServedFile | None:
        """Return the response of a production host for a raw path and query; None for a 404."""
        if host == DEAD_HOST:
            return ServedFile(b"service unavailable\n", "text/plain", '"dead"', 503)
        path, _, query = raw_path_and_query.partition("?")
        item = self._stored.get(path.removeprefix("/"))
        if item is None or host in item.absent_from or not _serves(host, item.host_family):
            return None
        rule = _TRANSFORM.match(query) if item.host_family == IMAGES else None
        options = rule[1] if rule else ""
        if (item.key, options) not in self._served:
            self._served[item.key, options] = (
                self._transcode(item, options) if options else self._serve_original(item)
            )
        return self._served[item.key, options]

    def original(self, note_id: str, slot: str) -> bytes:
        """Return the bytes that a complete archive has in a slot such as `image-2`.

        Raises:
            KeyError: there is no such note or slot.
        """
        return self._body(self._stored[self._notes[note_id].originals[slot]])

    def sha256(self, note_id: str, slot: str) -> str:
        """Return the SHA-256 (hex) of `original`."""
        return hashlib.sha256(self.original(note_id, slot)).hexdigest()

    def other_media(self, body: bytes) -> bytes:
        """Return a valid file of another kind than `body`: a video for an image, else an image."""
        note = next(iter(self._notes.values()))
        picture, motion = (self._body(self._stored[note.originals[slot]]) for slot in ("image-1", "live-1"))
        return motion if _is_picture(body) else picture

    def other_reply(self, body: bytes) -> bytes:
        """Return a valid v1 reply about another note than that in `body`."""
        for note_id in self._notes:
            if note_id.encode() not in body:
                return self.reply(V1, note_id)
        raise ValueError("the reply names every note")

    def _md5_of(self, key: str) -> str:
        return hashlib.md5(self._body(self._stored[key]), usedforsecurity=False).hexdigest()

    def _body(self, item: StoredFile) -> bytes:
        with self._locks[item.key]:
            if item.key not in self._made:
                self._made[item.key] = item.make()
            return self._made[item.key]

    def _serve_original(self, item: StoredFile) -> ServedFile:
        return _served(self._body(item), item.media_type)

    def _transcode(self, item: StoredFile, options: str) -> ServedFile:
        found = _FORMAT.search(options)
        target = found[1] if found else "jpg"
        if target not in _TARGETS:  # as the real CDN for PNG: docs/api.md#derived-addresses
            return ServedFile(b"internal error\n", "text/plain", '"error"', 500)
        numbers = {name: int(number) for name, number in _NUMBER.findall(options)}
        box = numbers.get("w", 0) // _SCALE, numbers.get("h", 0) // _SCALE
        return _served(*transcode(self._body(item), box, target, numbers.get("q", 80)))


def _is_picture(body: bytes) -> bool:
    known = sniff(body[:SNIFF_BYTES])
    return known is not None and known.family is Family.PICTURE


def _serves(host: str, shelf: HostFamily) -> bool:
    for name, hosts in _HOSTS_BY_FAMILY:
        if hosts.fullmatch(host):
            return name == shelf
    return False


def _served(body: bytes, media_type: str) -> ServedFile:
    return ServedFile(body, media_type, f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')


def _as_json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
