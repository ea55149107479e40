"""How much of a note goes into its record: more than any honest note has, and each cut leaves a remark.

The raw reply is kept whole, so nothing that was paid for is lost.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from xharchive.models import Asset, Author, Mention, Note
from xharchive.parsers.streams import MOST_SOURCES
from xharchive.parsers.value_count import MOST_ITEMS

__all__ = ["LONGEST_NAME", "LONGEST_TEXT", "MOST_SWITCHES", "MOST_TAGS", "within_bounds"]

LONGEST_TEXT = 100_000
"""Characters of a note's title and of its text (the app allows 20 and 1,000)."""
LONGEST_NAME = 300
"""Characters of a name, an id, a tag, a place."""
MOST_TAGS = 500
"""Tags of a note, and mentions."""
MOST_SWITCHES = 50

_LONGEST_SETTINGS = 20_000
"""Characters of the author's settings as JSON."""

_Item = TypeVar("_Item")


def within_bounds(note: Note, *, shortened: bool = False) -> Note:
    """Return the note of one reply with all that is recorded of it bounded, and a remark on each cut.

    `shortened`: the lists of the reply were cut already, before they were read.
    """
    cut = _Cuts(note.replies[0])
    if shortened:
        cut.remark(f"the reply has too many values; of each list the first {MOST_ITEMS:,} were read")
    return replace(
        note,
        title=cut.text("title", note.title, LONGEST_TEXT),
        text=cut.text("text", note.text, LONGEST_TEXT),
        author=_author(cut, note.author),
        tags=_tags(cut, note.tags),
        mentions=_mentions(cut, note.mentions),
        place=cut.text("place", note.place),
        language=cut.text("language", note.language),
        switches=tuple(
            cut.settings("function_switch", cut.items("function_switch", note.switches, MOST_SWITCHES))
        ),
        save_config=next(cut.settings("media_save_config", [note.save_config]), {}),
        assets=tuple(_asset(cut, asset) for asset in note.assets),
        remarks=tuple(cut.remarks),
    )


def _author(cut: "_Cuts", author: Author) -> Author:
    return Author(
        cut.text("author's id", author.id),
        cut.text("author's name", author.name),
        cut.text("author's red_id", author.red_id),
    )


def _tags(cut: "_Cuts", tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(cut.text("tag", tag) for tag in cut.items("tags", tags, MOST_TAGS))


def _mentions(cut: "_Cuts", mentions: Sequence[Mention]) -> tuple[Mention, ...]:
    return tuple(
        Mention(cut.text("mention's id", mention.id), cut.text("mention's name", mention.name))
        for mention in cut.items("mentions", mentions, MOST_TAGS)
    )


def _asset(cut: "_Cuts", asset: Asset) -> Asset:
    if len(asset.sources) <= MOST_SOURCES:
        return asset
    cut.remark(f"{asset.slot}: of its addresses the first {MOST_SOURCES} were read")
    return replace(asset, sources=asset.sources[:MOST_SOURCES])


@dataclass(slots=True)
class _Cuts:
    """Cuts what is too long, and remembers each kind of cut in one sentence."""

    endpoint: str
    remarks: list[str] = field(default_factory=list)
    _remarked: set[str] = field(default_factory=set)

    def remark(self, sentence: str) -> None:
        self.remarks.append(f"{self.endpoint}: {sentence}")

    def text(self, name: str, text: str, most: int = LONGEST_NAME) -> str:
        """Return the beginning of a text."""
        if len(text) <= most:
            return text
        if name not in self._remarked:  # the first tag that is cut stands for all others
            self._remarked.add(name)
            self.remark(f"{name}: the first {most:,} of {len(text):,} characters are recorded")
        return text[:most]

    def items(self, name: str, items: Sequence[_Item], most: int) -> Sequence[_Item]:
        """Return the first of several."""
        if len(items) <= most:
            return items
        self.remark(f"{name}: the first {most:,} of {len(items):,} are recorded")
        return items[:most]

    def settings(self, name: str, settings: Iterable[Mapping[str, object]]) -> Iterator[Mapping[str, object]]:
        """Yield objects of the platform's own making, as long as they are short as JSON."""
        left = _LONGEST_SETTINGS
        for each in settings:
            left -= len(json.dumps(each, ensure_ascii=False))
            if left < 0:
                self.remark(f"{name}: more than {_LONGEST_SETTINGS:,} characters; the rest is not recorded")
                return
            yield each
