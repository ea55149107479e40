"""What headers prove: strong validators, and the span of a 206."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.http.responses import ContentRange, parse_content_range, strong_validator

DATE = "Sat, 21 Nov 2026 10:00:05 GMT"


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"abc"'}, '"abc"'),
        ({"ETag": ' "a-b/c:1" '}, '"a-b/c:1"'),
        ({"ETag": '"abc"', "Last-Modified": "nonsense"}, '"abc"'),
        ({"ETag": 'W/"abc"'}, ""),
        ({"ETag": "abc"}, ""),
        ({"ETag": '""'}, ""),
        ({"ETag": '"a"b"'}, ""),
        ({"ETag": '"\u00e9"'}, ""),
        ({"ETag": f'"{"a" * 257}"'}, ""),
        ({"ETag": 'W/"abc"', "Last-Modified": "Sat, 21 Nov 2026 09:00:00 GMT", "Date": DATE}, ""),
        ({"Last-Modified": "Sat, 21 Nov 2026 10:00:04 GMT", "Date": DATE}, "Sat, 21 Nov 2026 10:00:04 GMT"),
        ({"Last-Modified": "Sat, 21 Nov 2026 10:00:05 GMT", "Date": DATE}, ""),
        ({"Last-Modified": "Sat, 21 Nov 2027 10:00:05 GMT", "Date": DATE}, ""),
        ({"Last-Modified": "Sat, 21 Nov 2026 10:00:04 GMT"}, ""),
        ({"Last-Modified": "yesterday", "Date": DATE}, ""),
        ({"Last-Modified": "Sat, 21 Nov 2026 10:00:04 -0000", "Date": DATE}, ""),
        ({"Date": DATE}, ""),
        ({}, ""),
    ],
)
def test_only_a_strong_validator_counts(headers: dict[str, str], validator: str) -> None:
    """A strong ETag, or a date that a second change could not share (RFC 9110, 8.8)."""
    assert strong_validator(headers) == validator


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("bytes 0-99/100", ContentRange(0, 99, 100)),
        (" bytes 10-99/100 ", ContentRange(10, 99, 100)),
        ("bytes 10-20/100", ContentRange(10, 20, 100)),
        ("bytes 20-10/100", None),
        ("bytes 0-100/100", None),
        ("bytes 0-99/*", None),
        ("bytes */100", None),
        ("bytes=0-99/100", None),
        ("items 0-99/100", None),
        ("bytes -1-99/100", None),
        ("bytes 0-99/100, bytes 0-1/2", None),
        (f"bytes 0-99/{'9' * 16}", None),
        ("", None),
        (None, None),
    ],
)
def test_a_span_is_read_or_is_none(text: str | None, span: ContentRange | None) -> None:
    """Nothing is guessed from a Content-Range that is not exact."""
    assert parse_content_range(text) == span


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_header_breaks_the_readers(etag: str, changed: str, span: str) -> None:
    """Whatever a server sends: a validator that can be a request header, a span that fits, or none."""
    validator = strong_validator({"ETag": etag, "Last-Modified": changed, "Date": DATE})
    assert validator.isascii()
    assert validator.isprintable()
    read = parse_content_range(span)
    assert read is None or 0 <= read.first <= read.last < read.total
