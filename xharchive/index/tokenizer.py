"""Words as the catalog indexes and looks for them: each Han character, kana, hangul and emoji is one.

Chinese is written without spaces, and people look for one or two characters. So each character is a word of
its own, and what a query writes together is a phrase. Other scripts' runs of letters, and digits, are words.

Texts and queries become words by one rule, and nothing else of them reaches SQLite: a query has no syntax.
"""

import re
import unicodedata
from dataclasses import dataclass

from xharchive.sanitize import one_line

__all__ = ["Excerpt", "excerpt", "folded", "has_words", "indexed", "match"]

# Scripts without spaces between words; letters only, so that the middle dot of kana is none of them.
_SINGLE_LETTERS = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3100-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001aff0-\U0001b16f"
)
# Planes of Han alone, whatever this Python's Unicode knows of them; arrows, signs, emoji.
_SINGLE_SIGNS = (
    "\U00020000-\U0003ffff\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
)
_WORD = re.compile(
    rf"[{_SINGLE_SIGNS}]|[^\W_](?<=[{_SINGLE_LETTERS}])|\d+|[^\W\d_{_SINGLE_LETTERS}{_SINGLE_SIGNS}]+"
)
_TOPIC_END = "[话题]#"  # the app writes a topic as `#name[话题]#`; readers know it as #name
_BEFORE, _AFTER = 16, 40
_LONGEST_LOOKED_THROUGH = 100_000  # letters, each of which is folded by itself


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A piece of a text on one line: what was looked for, and what stands around it."""

    before: str
    hit: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}{self.hit}{self.after}"


def folded(text: str) -> str:
    """Return the text in the one form in which texts are compared: NFKC, without case."""
    known = text.encode("utf-8", "replace").decode()  # an argument may hold half a character
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", known).casefold())


def indexed(text: str) -> str:
    """Return the words of a text with spaces between them, for SQLite's tokenizer `ascii`.

    That one splits at ASCII characters only, so its idea of a letter, older than Python's, does not matter.
    """
    return " ".join(_WORD.findall(folded(_plain(text))))


def match(query: str) -> str:
    """Return a query as an FTS5 expression: phrases that must all be there. Without a word it finds nothing.

    Any text will do: quotes, operators, NUL and brackets separate words, and mean nothing else.
    """
    return " ".join('"' + " ".join(phrase) + '"' for phrase in _phrases(query) or [[]])


def has_words(query: str) -> bool:
    """Whether there is anything to look for in a query."""
    return bool(_phrases(query))


def _phrases(query: str) -> list[list[str]]:
    phrases = (_WORD.findall(part) for part in folded(query).split())
    return [phrase for phrase in phrases if phrase]


def _plain(text: str) -> str:
    return text.replace(_TOPIC_END, " ")


def excerpt(text: str, query: str) -> Excerpt | None:
    """Return the place where the first phrase of the query stands in the text, or None if none does."""
    line = unicodedata.normalize("NFC", one_line(_plain(text[:_LONGEST_LOOKED_THROUGH])))
    parts = [folded(char) for char in line]
    places = [place for place, part in enumerate(parts) for _ in part]
    words = list(_WORD.finditer("".join(parts)))
    for phrase in _phrases(query):
        for first in range(len(words) - len(phrase) + 1):
            found = words[first : first + len(phrase)]
            if [word[0] for word in found] == phrase:
                return _cut(line, places[found[0].start()], places[found[-1].end() - 1] + 1)
    return None


def _cut(line: str, start: int, end: int) -> Excerpt:
    begin, stop = max(0, start - _BEFORE), end + _AFTER
    before = ("…" if begin else "") + line[begin:start]
    return Excerpt(before, line[start:end], line[end:stop] + ("…" if stop < len(line) else ""))
