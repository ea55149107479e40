"""Defines a demo note: its replies, its files on the CDN, and the originals of a complete archive."""

import hashlib
from base64 import b32hexencode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "CI_HOST",
    "DEAD_HOST",
    "IMAGES",
    "PGY",
    "V1",
    "V3",
    "V6",
    "V7",
    "VIDEOS",
    "DemoNote",
    "HostFamily",
    "JsonObject",
    "Md5Lookup",
    "ReplyMaker",
    "StoredFile",
    "storage_key",
]

V1, V3, V6, V7, PGY = "v1", "v3", "v6", "v7", "pgy"

CI_HOST = "ci.xiaohongshu.com"
"""The image host that serves untouched uploads (docs/api.md#derived-addresses)."""

DEAD_HOST = "sns-v27.rednotecdn.com"
"""A video host that responds 503 to every request."""

HostFamily = Literal["images", "videos"]
IMAGES: HostFamily = "images"
VIDEOS: HostFamily = "videos"

JsonObject = dict[str, object]
"""A JSON object of a reply."""

Md5Lookup = Callable[[str], str]
"""Maps a storage key to the MD5 (hex) of its file, for replies that declare it."""

ReplyMaker = Callable[[Md5Lookup], JsonObject]
"""Makes the body of a reply, with its envelope."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on the CDN.

    Attributes:
        key: its path without the leading slash.
        host_family: the hosts that serve it.
        absent_from: hosts of the family that respond 404.
    """

    key: str
    host_family: HostFamily
    media_type: str
    make: Callable[[], bytes]
    absent_from: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DemoNote:
    """A note of the demo.

    Attributes:
        shows: for users, in one line: what the note demonstrates. replies: by endpoint; an endpoint without a
        reply sends code 0 without data. originals: by slot, the key of the file in a complete archive: the
        best file that the replies declare or
            that a proven rule derives (docs/api.md#derived-addresses).
    """

    id: str
    title: str
    shows: str
    state: Literal["complete", "empty"] = "complete"
    replies: Mapping[str, ReplyMaker] = field(default_factory=dict)
    stored: tuple[StoredFile, ...] = ()
    originals: Mapping[str, str] = field(default_factory=dict)


def storage_key(name: str, prefix: str = "") -> str:
    """Return a key like the platform's: 40 letters and digits after a prefix."""
    letters = b32hexencode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"{prefix}1040g{letters[:35]}"
