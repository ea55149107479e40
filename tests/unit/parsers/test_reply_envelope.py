"""The envelope: what every reply is wrapped in, healthy or not."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xharchive.errors import ReplyUnusable
from xharchive.parsers import Envelope, read_envelope
from xharchive.parsers.json_text import MOST_LEVELS, parse_json


def test_code_message_and_data_are_read() -> None:
    """The three fields everybody needs come out as they are."""
    assert read_envelope(b'{"code":301,"message":"retry","data":null}') == Envelope(301, "retry", None)


@pytest.mark.parametrize(("code", "expected"), [('"0"', 0), ('" 201 "', 201), ("-1", -1), ('"-1"', -1)])
def test_numeric_codes_in_any_dress(code: str, expected: int) -> None:
    """A numeric string is a code (docs/api.md#envelope)."""
    assert read_envelope(f'{{"code":{code}}}'.encode()).code == expected


@pytest.mark.parametrize("message", ["null", "7", "[]"])
def test_a_message_of_another_type_is_blank(message: str) -> None:
    """A message that is not text never becomes one."""
    assert read_envelope(f'{{"code":0,"message":{message}}}'.encode()).message == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502 Bad Gateway</html>",
        b'{"code":0,',
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"code":null}',
        b'{"code":true}',
        b'{"code":1.5}',
        b'{"code":"ok"}',
        b'{"code":"99999999999"}',
        b'{"code":{}}',
        b"[" * 100_000,
        b'{"code":0,"data":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    ],
    ids=lambda body: repr(body[:24]) + str(len(body)),
)
def test_what_is_not_an_envelope_is_refused(body: bytes) -> None:
    """Anything but an object with a numeric code is `not-json`, however deep or long it is."""
    with pytest.raises(ReplyUnusable) as refusal:
        read_envelope(body)
    assert refusal.value.reason == "not-json"


def test_what_nests_deeper_than_anybody_reads_becomes_none() -> None:
    """A reply is paid for: one deep field that nobody reads must not cost the rest of it."""
    value = parse_json("[" * (MOST_LEVELS + 5) + "0" + "]" * (MOST_LEVELS + 5))
    for _ in range(MOST_LEVELS + 1):
        assert isinstance(value, list)
        (value,) = value
    assert value is None
    deep = '{"code":0,"data":{"noteId":"1","extra":' + '{"a":' * 300 + "0" + "}" * 300 + "}}"
    data = read_envelope(deep.encode()).data
    assert isinstance(data, dict)
    assert data["noteId"] == "1"


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'{"code":0,"data":' + b"9" * 5_000 + b"}", "9" * 5_000),
        (b'{"code":0.0,"data":1}', 1),
        (b'{"code":0,"data":"a\x01\nb"}', "a\x01\nb"),
    ],
    ids=["endless number", "code as a float", "raw control characters"],
)
def test_odd_values_do_not_cost_the_reply(body: bytes, data: object) -> None:
    """Python's own limits and JSON's strictness are no reason to throw away what was paid for."""
    envelope = read_envelope(body)
    assert (envelope.code, envelope.data) == (0, data)


def test_a_byte_order_mark_is_skipped() -> None:
    """A BOM costs nobody a paid reply."""
    assert read_envelope(b'\xef\xbb\xbf{"code":0}').code == 0


def test_bytes_that_are_not_utf8_cost_one_letter() -> None:
    """One broken letter of a title does not lose the reply."""
    assert read_envelope(b'{"code":0,"data":"a\xffb"}').data == "a\ufffdb"


def test_lone_surrogates_are_replaced_everywhere() -> None:
    """Nothing that is read can fail to encode later; real pairs survive."""
    body = rb'{"code":0,"data":{"\ud800":["\udfffx",{"k":"\ud83d\ude00"}]}}'
    assert read_envelope(body).data == {"\ufffd": ["\ufffdx", {"k": "\U0001f600"}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("137833492955647227", 137833492955647227),
        ("137833492955647227.0", 137833492955647227),
        ("1.37833492955647227e17", 137833492955647227),
        ("9007199254740993.5", 9007199254740993.5),
        ("35.5", 35.5),
        ("1e999", None),
        ("-1e999", None),
        ("NaN", None),
        ("Infinity", None),
        ("-Infinity", None),
    ],
)
def test_numbers_keep_their_digits_and_are_finite(text: str, expected: object) -> None:
    """An id above 2^53 keeps every digit, however it is written; no NaN gets in (docs/api.md#envelope)."""
    assert parse_json(text) == expected


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_give_an_envelope_or_a_refusal(body: bytes) -> None:
    """No bytes at all make the envelope reader fail in another way."""
    with suppress(ReplyUnusable):
        assert isinstance(read_envelope(body), Envelope)


@settings(deadline=None, max_examples=100)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_what_is_read_can_be_written_again(value: object) -> None:
    """Whatever JSON comes in, the data goes out as UTF-8 without an error."""
    data = read_envelope(json.dumps({"code": 0, "data": value}).encode()).data
    json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
