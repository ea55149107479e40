"""Single fields, read from whatever the vendor puts there."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xharchive.parsers import json_access


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12, 12),
        (12.9, 12),
        ("12", 12),
        (" 1,234 ", 1234),
        ("1，234", 1234),
        ("1.2万", 12_000),
        ("3亿", 300_000_000),
        ("1.5w", 15_000),
        ("2K", 2_000),
        ("10+", 10),
        ("1万+", 10_000),
        ("-3", -3),
        ("", None),
        ("many", None),
        ("9" * 19, None),
        (2**63, None),
        (float("inf"), None),
        (float("nan"), None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_counts_in_every_dress(value: object, expected: int | None) -> None:
    """Counts come as int, "", "1.2万" and more (docs/api.md#times-and-counts)."""
    assert json_access.as_integer(value) == expected


def test_amounts_are_never_negative() -> None:
    """A size or a width below zero is as good as none."""
    assert json_access.numbers({"a": -5, "b": "7", "c": None}, "a", "b", "c", "c|b") == [0, 7, 0, 7]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a b", "a b"), ("", ""), (69, "69"), (False, ""), (1.5, ""), (None, ""), ({}, "")],
)
def test_texts(value: object, expected: str) -> None:
    """Texts come verbatim, ids may come as numbers, nothing else is a text."""
    assert json_access.as_text(value) == expected


def test_the_first_name_that_says_something_wins() -> None:
    """A blank field does not hide its twin."""
    assert json_access.texts({"name": " ", "nickname": " x "}, "name|nickname") == ["x"]
    assert json_access.texts({"user": {"name": 7}}, "user.name", "name", "user.name.x") == ["7", "", ""]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://h/p", "http://h/p"),
        ("HTTPS://h/p?a|b&c=%7C", "HTTPS://h/p?a|b&c=%7C"),
        ("//h/p", "https://h/p"),
        (" https://h/p ", "https://h/p"),
        ("110/0/x.webp", ""),
        ("/p", ""),
        ("ftp://h/p", ""),
        ("javascript:alert(1)", ""),
        ("https://", ""),
        ("https:///p", ""),
        ("https://[h/p", ""),
        ("https://h/a b", "https://h/a%20b"),
        ("https://h/音?a|b c", "https://h/%E9%9F%B3?a|b%20c"),
        ("https://h/\ud800", ""),
        ("https://h x/p", ""),
        ("https://h/a\tb", ""),
        ("https://h/" + "音" * 500, ""),
        ("https://h\\@evil/p", ""),
        ("https://h/\x00", ""),
        ("https://h/" + "a" * 5000, ""),
        (5, ""),
        (None, ""),
    ],
)
def test_addresses(value: object, expected: str) -> None:
    """Only absolute web addresses pass; of them blanks and letters outside ASCII are encoded, and no more."""
    assert json_access.http_url(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1773065442, datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC)),
        (1773065442000, datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC)),
        ("1773065442", datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC)),
        (1773065442123, datetime(2026, 3, 9, 14, 10, 42, 123000, tzinfo=UTC)),
        (1773065442123456, datetime(2026, 3, 9, 14, 10, 42, 123456, tzinfo=UTC)),
        (10**17 - 1, datetime(5138, 11, 16, 9, 46, 39, 999999, tzinfo=UTC)),
        (10**17, None),
        (10**18, None),
        (1773065442123456789, None),
        ("2024-02-05 18:10", datetime(2024, 2, 5, 10, 10, tzinfo=UTC)),
        ("0001-01-01 00:00", None),
        ("2024-13-05 18:10", None),
        ("昨天", None),
        (0, None),
        (-1, None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_told_by_magnitude(value: object, expected: datetime | None) -> None:
    """Seconds and milliseconds both occur, and PGY's text is China time (docs/api.md#times-and-counts)."""
    assert json_access.as_datetime(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3000), (2.5, 2500), ("4", 4000), (-1.5, 0), (float("inf"), 0), (None, 0)]
)
def test_durations_in_seconds(value: object, expected: int) -> None:
    """Seconds become milliseconds, fractions included."""
    assert json_access.milliseconds({"a": 0, "b": value}, "a|b") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a":1}', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("", {}),
        ("[1]", {}),
        ("{broken", {}),
        (None, {}),
        (7, {}),
    ],
)
def test_objects_that_may_come_as_text(value: object, expected: object) -> None:
    """`widgets_context` is a string, an object, "" or null (docs/api.md#upload-key)."""
    assert json_access.parse_object(value) == expected


@pytest.mark.parametrize("value", [None, "", " ", "0", "false", "{}", 0, False, [], {}, {"a": [{"b": ""}]}])
def test_placeholders_say_nothing(value: object) -> None:
    """A nest of blanks declares no asset."""
    assert not json_access.has_content(value)


@pytest.mark.parametrize("value", ["x", 1, True, 0.5, [0, 1], {"a": {"b": "137"}}])
def test_anything_else_says_something(value: object) -> None:
    """One value that is not blank is enough."""
    assert json_access.has_content(value)


@pytest.mark.parametrize(
    ("value", "expected"), [("AB" * 16, "ab" * 16), ("ab", ""), ("zz" * 16, ""), (1, "")]
)
def test_digests_are_32_hex_digits(value: object, expected: str) -> None:
    """What is not an MD5 must not make a good file look wrong."""
    assert json_access.as_md5(value) == expected


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(deadline=None, max_examples=100)
@given(_ANYTHING)
def test_no_value_makes_a_reader_fail(value: object) -> None:
    """Every reader answers for every value."""
    readers: tuple[Callable[[object], object], ...] = (
        json_access.as_integer,
        json_access.as_text,
        json_access.as_md5,
        json_access.http_url,
        json_access.as_datetime,
        json_access.parse_object,
        json_access.objects_in,
        json_access.has_content,
    )
    for reader in readers:
        reader(value)
    source = {"a": value}
    json_access.nested(value, "a.b")
    json_access.texts(source, "a", "a.b|a")
    json_access.numbers(source, "a", "a.b|a")
    json_access.counts(source, "a", "a.b|a")
    json_access.times(source, "a", "a.b|a")
    json_access.milliseconds(source, "a.b|a")
    json_access.http_urls(source, "a", "a.b")
    json_access.has_any(source, "a.b", "a")
