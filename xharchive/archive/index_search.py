"""Search the index: tokens of texts and queries, filters, and the SQL that selects notes by them.

Chinese is written without spaces, and people search for one or two characters. So each Han character, kana,
hangul or emoji is a token of its own, and adjacent characters of a query are a phrase. In other scripts a run
of letters, or of digits, is a token.

One rule makes tokens of texts and of queries. SQLite gets only tokens, so a query has no syntax.
"""

import json
import re
import sqlite3
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from xharchive.manifest import State
from xharchive.sanitize import one_line

# Scripts without spaces between words. Letters only, which leaves out the middle dot of kana.
_SINGLE_LETTERS = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3100-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001aff0-\U0001b16f"
)
# Planes reserved for Han, whatever this Python's Unicode version knows of them; arrows, signs, emoji.
_SINGLE_SIGNS = (
    "\U00020000-\U0003ffff\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
)
_WORD = re.compile(
    rf"[{_SINGLE_SIGNS}]|[^\W_](?<=[{_SINGLE_LETTERS}])|\d+|[^\W\d_{_SINGLE_LETTERS}{_SINGLE_SIGNS}]+"
)
_TOPIC_END = "[话题]#"  # the app writes a topic as `#name[话题]#` and shows it as `#name`
_CONTEXT_BEFORE, _CONTEXT_AFTER = 16, 40
_WEIGHTS = "10, 1, 5, 5, 2"  # of title, text, tags, author, place: a match in the title matters most
_MAX_SEARCHED_CHARS = 100_000  # an excerpt normalizes each one by itself, which is slow


@dataclass(frozen=True, slots=True)
class IndexFilter:
    """Which notes to select. An empty or None value does not filter.

    Attributes:
        author: a part of the author's name in any case, or one of the author's two ids.
        after: the earliest publish time (inclusive).
        before: the end of the publish times (exclusive).
        tag: a complete tag, with or without "#".
        limit: the most notes to return.
    """

    author: str = ""
    type: str = ""
    state: State | None = None
    after: datetime | None = None
    before: datetime | None = None
    tag: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a text on one line: the match, and the text around it."""

    before: str
    hit: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}{self.hit}{self.after}"


def normalized(text: str) -> str:
    """Return the text in the form in which texts are compared: NFKC, case-folded."""
    valid = text.encode("utf-8", "replace").decode()  # an argument may hold a lone surrogate
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", valid).casefold())


def tokenized(text: str) -> str:
    """Return the tokens of a text, separated by spaces, for SQLite's tokenizer `ascii`.

    That tokenizer splits at ASCII characters only, so its older Unicode tables do not matter.
    """
    return " ".join(_WORD.findall(normalized(_without_topic_marks(text))))


def match_expression(query: str) -> str:
    """Return a query as an FTS5 expression: phrases that must all occur. Without a token it matches nothing.

    Any text is valid. Quotes, operators, NUL and brackets only separate tokens.
    """
    return " ".join('"' + " ".join(phrase) + '"' for phrase in _phrases(query) or [[]])


def has_tokens(query: str) -> bool:
    """Return whether a query has a token to search for."""
    return bool(_phrases(query))


def _phrases(query: str) -> list[list[str]]:
    phrases = (_WORD.findall(part) for part in normalized(query).split())
    return [phrase for phrase in phrases if phrase]


def _without_topic_marks(text: str) -> str:
    return text.replace(_TOPIC_END, " ")


def excerpt(text: str, query: str) -> Excerpt | None:
    """Return an excerpt around the first phrase of the query that occurs in the text, or None."""
    line = unicodedata.normalize("NFC", one_line(_without_topic_marks(text[:_MAX_SEARCHED_CHARS])))
    parts = [normalized(char) for char in line]
    positions = [position for position, part in enumerate(parts) for _ in part]
    words = list(_WORD.finditer("".join(parts)))
    for phrase in _phrases(query):
        for first in range(len(words) - len(phrase) + 1):
            found = words[first : first + len(phrase)]
            if [word[0] for word in found] == phrase:
                return _make_excerpt(line, positions[found[0].start()], positions[found[-1].end() - 1] + 1)
    return None


def _make_excerpt(line: str, start: int, end: int) -> Excerpt:
    begin, stop = max(0, start - _CONTEXT_BEFORE), end + _CONTEXT_AFTER
    before = ("…" if begin else "") + line[begin:start]
    return Excerpt(before, line[start:end], line[end:stop] + ("…" if stop < len(line) else ""))


def register_functions(connection: sqlite3.Connection) -> None:
    """Register the SQL functions that the queries use."""
    connection.create_function("written_by", 4, _written_by, deterministic=True)
    connection.create_function("tagged", 2, _tagged, deterministic=True)


def _written_by(wanted: str, name: str, *ids: str) -> bool:
    return wanted in normalized(name) or any(wanted == normalized(known) for known in ids)


def _tagged(wanted: str, tags: str) -> bool:
    try:
        known = json.loads(tags)
    except (ValueError, RecursionError):
        return False  # `load_entry` reports such a row
    return isinstance(known, list) and any(wanted == normalized(str(tag)) for tag in known)


def build_query(filters: IndexFilter, text: str = "") -> tuple[str, tuple[object, ...]]:
    """Return the SQL, and its values, that selects the row numbers of notes.

    The order is newest first, or with a text the best matches first. A text without a token finds nothing.
    """
    source, order = "notes", "published DESC, id DESC"
    conditions: list[tuple[str, object]] = []
    if text:
        source = "search JOIN notes ON notes.number = search.rowid"
        order = f"bm25(search, {_WEIGHTS}), {order}"
        conditions.append(("search MATCH ?", match_expression(text)))
    # Timestamps of one format and one UTC offset sort as text in time order.
    conditions += [
        (condition, value)
        for condition, value in (
            ("written_by(?, notes.author, author_id, red_id)", normalized(filters.author)),
            ("type = ?", filters.type),
            ("state = ?", filters.state and filters.state.value),
            ("published >= ?", filters.after and filters.after.isoformat(timespec="seconds")),
            ("published < ?", filters.before and filters.before.isoformat(timespec="seconds")),
            ("tagged(?, notes.tags)", normalized(filters.tag.removeprefix("#"))),
        )
        if value
    ]
    where = " AND ".join(condition for condition, _ in conditions) or "TRUE"
    query = f"SELECT notes.number FROM {source} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 - our words
    limit = -1 if filters.limit is None else filters.limit
    return query, (*(value for _, value in conditions), limit)
