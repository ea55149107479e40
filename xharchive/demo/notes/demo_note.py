"""What a demo note is: its replies, the files behind it on the CDN, and what an archive of it must hold."""

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
    "Digest",
    "Fields",
    "Reply",
    "Shelf",
    "Stored",
    "storage_key",
]

V1, V3, V6, V7, PGY = "v1", "v3", "v6", "v7", "pgy"

CI_HOST = "ci.xiaohongshu.com"
"""The image host that serves untouched uploads (docs/api.md#derived-addresses)."""

DEAD_HOST = "sns-v27.rednotecdn.com"
"""A host of the video family that answers 503, whatever it is asked for."""

Shelf = Literal["images", "videos"]
IMAGES: Shelf = "images"
VIDEOS: Shelf = "videos"

Fields = dict[str, object]
"""A JSON object of a reply."""

Digest = Callable[[str], str]
"""Gives the MD5 (hex) of the file stored under a key: some replies declare it."""

Reply = Callable[[Digest], Fields]
"""Makes the whole body of a reply, with its envelope."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A file on the CDN: `key` is its path without the leading slash, `shelf` the hosts that serve it.

    `absent_from` names hosts of the family that answer 404 for it.
    """

    key: str
    shelf: Shelf
    media_type: str
    make: Callable[[], bytes]
    absent_from: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DemoNote:
    """A note of the demo.

    `shows` tells the user in one line what the note is good for. An endpoint without a reply answers code 0
    with no data. `originals` says which stored file (by key) a complete archive holds in each slot, if it
    takes the best that the replies declare or allow to derive by a proven rule
    (docs/api.md#derived-addresses).
    """

    id: str
    title: str
    shows: str
    state: Literal["complete", "empty"] = "complete"
    replies: Mapping[str, Reply] = field(default_factory=dict)
    stored: tuple[Stored, ...] = ()
    originals: Mapping[str, str] = field(default_factory=dict)


def storage_key(name: str, prefix: str = "") -> str:
    """Return a key like the platform's: 40 letters and digits, after a prefix that belongs to the key."""
    letters = b32hexencode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"{prefix}1040g{letters[:35]}"
