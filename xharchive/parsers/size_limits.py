"""Limits the size of a note's metadata. Real notes stay below the limits; each cut adds a remark.

The raw reply is saved complete, so a cut loses nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from xharchive.models import Asset, Author, Mention, Note
from xharchive.parsers.streams import MOST_SOURCES
from xharchive.parsers.value_count import MOST_ITEMS

__all__ = ["LONGEST_NAME", "LONGEST_TEXT", "MOST_SWITCHES", "MOST_TAGS", "limit_size"]

LONGEST_TEXT = 100_000
"""Limit of characters of a title, and of a text (the app allows 20 and 1,000)."""
LONGEST_NAME = 300
"""Limit of characters of a name, an id, a tag or a place."""
MOST_TAGS = 500
"""Limit of tags, and of mentions."""
MOST_SWITCHES = 50

_LONGEST_SETTINGS = 20_000
"""Limit of characters of the author's settings as JSON."""

_Item = TypeVar("_Item")


def limit_size(note: Note, *, shortened: bool = False) -> Note:
    """Cut what is too long in the note of one reply, and add a remark for each limiter.

    Args:
        shortened: the lists of the reply were cut before parsing; adds a remark.
    """
    limiter = _Limiter(note.replies[0])
    if shortened:
        limiter.remark(f"the reply has too many values; of each list the first {MOST_ITEMS:,} were read")
    return replace(
        note,
        title=limiter.text("title", note.title, LONGEST_TEXT),
        text=limiter.text("text", note.text, LONGEST_TEXT),
        author=_author(limiter, note.author),
        tags=_tags(limiter, note.tags),
        mentions=_mentions(limiter, note.mentions),
        place=limiter.text("place", note.place),
        language=limiter.text("language", note.language),
        switches=tuple(
            limiter.settings(
                "function_switch", limiter.items("function_switch", note.switches, MOST_SWITCHES)
            )
        ),
        save_config=next(limiter.settings("media_save_config", [note.save_config]), {}),
        assets=tuple(_asset(limiter, asset) for asset in note.assets),
        remarks=tuple(limiter.remarks),
    )


def _author(limiter: "_Limiter", author: Author) -> Author:
    return Author(
        limiter.text("author's id", author.id),
        limiter.text("author's name", author.name),
        limiter.text("author's red_id", author.red_id),
    )


def _tags(limiter: "_Limiter", tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(limiter.text("tag", tag) for tag in limiter.items("tags", tags, MOST_TAGS))


def _mentions(limiter: "_Limiter", mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    return tuple(
        Mention(limiter.text("mention's id", mention.id), limiter.text("mention's name", mention.name))
        for mention in limiter.items("mentions", mentions, MOST_TAGS)
    )


def _asset(limiter: "_Limiter", asset: Asset) -> Asset:
    if len(asset.sources) <= MOST_SOURCES:
        return asset
    limiter.remark(f"{asset.slot}: of its addresses the first {MOST_SOURCES} were read")
    return replace(asset, sources=asset.sources[:MOST_SOURCES])


@dataclass(slots=True)
class _Limiter:
    """Shortens texts and lists of a note that exceed a limit, and collects a remark for each."""

    endpoint: str
    remarks: list[str] = field(default_factory=list)
    _remarked: set[str] = field(default_factory=set)

    def remark(self, sentence: str) -> None:
        self.remarks.append(f"{self.endpoint}: {sentence}")

    def text(self, name: str, text: str, most: int = LONGEST_NAME) -> str:
        """Return at most the first `most` characters."""
        if len(text) <= most:
            return text
        if name not in self._remarked:  # one remark for all tags
            self._remarked.add(name)
            self.remark(f"{name}: the first {most:,} of {len(text):,} characters are recorded")
        return text[:most]

    def items(self, name: str, items: Sequence[_Item], most: int) -> Sequence[_Item]:
        """Return at most the first `most` items."""
        if len(items) <= most:
            return items
        self.remark(f"{name}: the first {most:,} of {len(items):,} are recorded")
        return items[:most]

    def settings(self, name: str, settings: Iterable[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
        """Yield objects until their JSON exceeds the limit."""
        left = _LONGEST_SETTINGS
        for each in settings:
            left -= len(json.dumps(each, ensure_ascii=False))
            if left < 0:
                self.remark(f"{name}: more than {_LONGEST_SETTINGS:,} characters; the rest is not recorded")
                return
            yield each
