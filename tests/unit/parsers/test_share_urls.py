"""What the API says of a short link."""

import json

import pytest

from xharchive.errors import ReplyUnusable
from xharchive.parsers import read_envelope
from xharchive.parsers.envelope import read_target

TARGET = "https://www.xiaohongshu.com/discovery/item/69aed4e2000000000e00c358?x=1"


@pytest.mark.parametrize("data", [{"redirect_url": TARGET}, {"redirectUrl": f" {TARGET}"}, TARGET])
def test_the_target_is_found(data: object) -> None:
    """In the documented shape, and in the two that are near it."""
    assert read_target(read_envelope(json.dumps({"code": 0, "data": data}).encode())) == TARGET


@pytest.mark.parametrize("data", [None, [], {}, "", {"redirect_url": None}, 12])
def test_no_target_is_said_plainly(data: object) -> None:
    """Paid for or not: there is nothing to follow."""
    with pytest.raises(ReplyUnusable) as raised:
        read_target(read_envelope(json.dumps({"code": 0, "data": data}).encode()))
    assert raised.value.reason == "empty"
