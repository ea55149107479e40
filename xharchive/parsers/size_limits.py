"""Limits the size of a note's metadata. Real notes stay below the limits; each cut adds a remark.

The raw reply is saved complete, so a cut loses nothing.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from xharchive.models import Asset, Author, Mention, Note
from xharchive.parsers.json_text import MOST_ITEMS
from xharchive.parsers.streams import MOST_SOURCES

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
    """Cut what is too long in the note of one reply, and add a remark for each truncator.

    Args:
        shortened: the lists of the reply were cut before parsing; adds a remark.
    """
    truncator = _Truncator(note.replies[0])
    if shortened:
        truncator.remark(f"the reply has too many values; of each list the first {MOST_ITEMS:,} were read")
    return replace(
        note,
        title=truncator.text("title", note.title, LONGEST_TEXT),
        text=truncator.text("text", note.text, LONGEST_TEXT),
        author=_author(truncator, note.author),
        tags=_tags(truncator, note.tags),
        mentions=_mentions(truncator, note.mentions),
        place=truncator.text("place", note.place),
        language=truncator.text("language", note.language),
        switches=tuple(
            truncator.settings(
                "function_switch", truncator.items("function_switch", note.switches, MOST_SWITCHES)
            )
        ),
        save_config=next(truncator.settings("media_save_config", [note.save_config]), {}),
        assets=tuple(_asset(truncator, asset) for asset in note.assets),
        remarks=tuple(truncator.remarks),
    )


def _author(truncator: "_Truncator", author: Author) -> Author:
    return Author(
        truncator.text("author's id", author.id),
        truncator.text("author's name", author.name),
        truncator.text("author's red_id", author.red_id),
    )


def _tags(truncator: "_Truncator", tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(truncator.text("tag", tag) for tag in truncator.items("tags", tags, MOST_TAGS))


def _mentions(truncator: "_Truncator", mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    return tuple(
        Mention(truncator.text("mention's id", mention.id), truncator.text("mention's name", mention.name))
        for mention in truncator.items("mentions", mentions, MOST_TAGS)
    )


def _asset(truncator: "_Truncator", asset: Asset) -> Asset:
    if len(asset.sources) <= MOST_SOURCES:
        return asset
    truncator.remark(f"{asset.slot}: of its addresses the first {MOST_SOURCES} were read")
    return replace(asset, sources=asset.sources[:MOST_SOURCES])


@dataclass(slots=True)
class _Truncator:
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
