"""One character is a word: whatever stands in a text is found, and a query has no syntax that could break."""

import sqlite3
import unicodedata
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.archive.index_search import excerpt, has_tokens, match_expression, normalized, tokenized

# Unified Han of all planes, what is compatible with it, kana, hangul: each a word of its own.
han = st.one_of(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
    st.characters(min_codepoint=0x3400, max_codepoint=0x4DBF),
    st.characters(min_codepoint=0xF900, max_codepoint=0xFAFF, categories=["Lo"]),
    st.characters(min_codepoint=0x20000, max_codepoint=0x323AF, categories=["Lo", "Cn"]),
    st.characters(min_codepoint=0x2F800, max_codepoint=0x2FA1D),
    st.characters(min_codepoint=0x3041, max_codepoint=0x3096),
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
)


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    """A search index as the catalog has it, of one column."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.execute("CREATE VIRTUAL TABLE search USING fts5 (text, tokenize = 'ascii')")
        yield database


def is_found(index: sqlite3.Connection, text: str, query: str) -> bool:
    index.execute("DELETE FROM search")
    index.execute("INSERT INTO search VALUES (?)", (tokenized(text),))
    return (
        index.execute("SELECT 1 FROM search WHERE search MATCH ?", (match_expression(query),)).fetchone()
        is not None
    )


@given(
    before=st.text(max_size=8),
    title=st.text(han, min_size=1, max_size=12),
    after=st.text(max_size=8),
    data=st.data(),
)
def test_every_piece_of_a_title_finds_it(
    index: sqlite3.Connection, before: str, title: str, after: str, data: st.DataObject
) -> None:
    """One character or several, whatever stands around them."""
    start = data.draw(st.integers(0, len(title) - 1))
    end = data.draw(st.integers(start + 1, len(title)))
    assert is_found(index, f"{before} {title} {after}", title[start:end])


_hostile = st.text(st.sampled_from("\"'()*^-+:{}[],.\0\n\\ ORANDNEAR豫园text%_;\ud800"), max_size=40)


@given(query=_hostile | st.text(st.characters(), max_size=40), text=st.text(max_size=20))
def test_no_query_is_an_error(index: sqlite3.Connection, query: str, text: str) -> None:
    """Quotes, operators, brackets, NUL, half a character: nothing is syntax."""
    is_found(index, text, query)
    excerpt(text, query)


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_text_finds_itself(index: sqlite3.Connection, text: str) -> None:
    """Unless it has no word at all. Text and query become words by the same rule."""
    assert is_found(index, text, text) == has_tokens(text)


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("被豫园的氛围感硬控了", "园", True),
        ("被豫园的氛围感硬控了", "园豫", False),
        ("被豫园的氛围感硬控了", "豫 氛围", True),
        ("被豫园的氛围感硬控了", "豫 上海", False),
        ("新买的iPhone15Pro", "iphone", True),
        ("新买的iPhone15Pro", "IPHONE15", True),
        ("新买的iPhone15Pro", "phone", False),
        ("ＣＩＴＹＷＡＬＫ 上海", "citywalk", True),
        ("Straße", "STRASSE", True),
        ("#雨夜[话题]# #上海[话题]#", "话题", False),
        ("#雨夜[话题]# #上海[话题]#", "雨夜", True),
        ("今天吃🍉了", "🍉", True),
        ("今天吃🍉了", "🍎", False),
        ("豫，园", "豫园", True),
        ("コーヒー・タイム", "ーヒ", True),
        ("한국어", "국", True),
        ("葛\U000e0100城", "葛城", True),
        ("NOT a word", "not", True),
        ("a b", "a AND b", False),
        ("a b", "a* OR (b", False),
        ("a", "text:a", False),
        ("text: a", "text:a", True),
        ("caf\u0065\u0301", "cafe\u0301", True),
    ],
)
def test_what_is_found(index: sqlite3.Connection, text: str, query: str, found: bool) -> None:
    """Characters anywhere, words whole, phrases in order, several words all of them."""
    assert is_found(index, text, query) is found


@pytest.mark.parametrize("query", ["", " ", "\0", '"', "*", "-", "()", "，。！", "\u3000", "\ud800"])
def test_a_query_without_a_word(index: sqlite3.Connection, query: str) -> None:
    """It is the empty expression, which finds nothing and is no error either."""
    assert not has_tokens(query)
    assert not is_found(index, "豫园", query)


@pytest.mark.parametrize(
    "query", ["豫" * 6_000, "豫 " * 20_000, "a" * 200_000, '"' * 100_000 + "豫", "(" * 100_000 + "豫"]
)
def test_a_very_long_query(index: sqlite3.Connection, query: str) -> None:
    """As long as a command line can be."""
    assert is_found(index, query, query)


def test_half_a_character_is_no_obstacle() -> None:
    """An argument in another encoding arrives with half characters."""
    assert normalized("\udcffA") == "?a"


@pytest.mark.parametrize(
    ("text", "query", "shown"),
    [
        ("灯火阑珊皆是年味", "年", ("灯火阑珊皆是", "年", "味")),
        ("一" * 30 + "豫园" + "二" * 60, "豫园", ("…" + "一" * 16, "豫园", "二" * 40 + "…")),
        ("A CityWalk today", "citywalk", ("A ", "CityWalk", " today")),
        ("ＣＩＴＹ ㍿ 園", "株式会社", ("ＣＩＴＹ ", "㍿", " 園")),
        ("去\n豫园\x1b[31m", "豫园", ("去 ", "豫园", " [31m")),
        ("只有上海", "豫园 上海", ("只有", "上海", "")),
        ("#雨夜[话题]#好", "夜", ("#雨", "夜", " 好")),
    ],
)
def test_an_excerpt_shows_the_place(text: str, query: str, shown: tuple[str, str, str]) -> None:
    """As the author wrote it, on one line, safe to print."""
    found = excerpt(text, query)
    assert found is not None
    assert (found.before, found.hit, found.after) == shown
    assert str(found) == "".join(shown)


def test_an_excerpt_of_what_is_not_there() -> None:
    """A text may be found by its title alone."""
    assert excerpt("上海", "豫园") is None
    assert excerpt("", "豫园") is None


_known = han.filter(lambda char: unicodedata.category(char) == "Lo")  # an excerpt shows no others


@given(st.text(_known, min_size=3, max_size=80), st.data())
def test_an_excerpt_has_what_was_looked_for(text: str, data: st.DataObject) -> None:
    """The hit is the query, in another form perhaps."""
    start = data.draw(st.integers(0, len(text) - 1))
    query = text[start : start + 2]
    found = excerpt(text, query)
    assert found is not None
    assert normalized(found.hit) == normalized(query)
