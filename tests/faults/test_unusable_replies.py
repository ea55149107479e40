"""Replies with status 200 that are no usable envelope: perhaps billed, saved, and not asked for again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld
from support.command import ledger, run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get, resume

from xharchive.models import LARGEST_REPLY


def page(_reply: dict[str, Any]) -> bytes:
    return "<html>维护中</html>".encode()


def deep(_reply: dict[str, Any]) -> bytes:
    return b'{"code": 0, "data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


def no_code(_reply: dict[str, Any]) -> bytes:
    return json.dumps({"data": []}).encode()


def too_large(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode() + b" " * LARGEST_REPLY


def _saved(archive: Path) -> list[bytes]:
    state = archive / ".xharchive"
    return [(state / line["body"]).read_bytes() for line in ledger(archive) if "body" in line]


@pytest.mark.parametrize("reply", [page, deep, no_code])
def test_each_endpoint_is_asked_once_in_a_run(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, reply: Callable[[dict[str, Any]], bytes]
) -> None:
    """Three calls, all perhaps billed, their bodies saved; a later run asks again, and heals."""
    world, fake = altered
    for endpoint in ("v1", "v6", "pgy"):
        world.tells(endpoint, LIVE_NOTE, reply)
    left = get(fake, tmp_path)
    asked = [f"{endpoint} {LIVE_NOTE}" for endpoint in ("v1", "v6", "pgy")]
    assert (left.code, fake.calls) == (3, asked)
    assert left.billed == ["unknown"] * 3
    assert left.ran.report["perhaps_billed"] == 3
    assert _saved(tmp_path) == [reply({})] * 3
    assert list(tmp_path.glob("*/manifest.json")) == []
    assert resume(fake, tmp_path).code == 3
    assert fake.calls == asked * 2
    world.tells("v1", LIVE_NOTE, lambda found: found)
    assert resume(fake, tmp_path).is_complete()


def test_another_endpoint_s_reply_is_archived(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """The unusable body outlives the note's work folder."""
    world, fake = altered
    world.tells("v1", VIDEO_NOTE, page)
    left = get(fake, tmp_path, notes=(VIDEO_NOTE,))
    assert left.is_untouched("video", VIDEO_NOTE)
    assert left.billed == ["unknown", "yes"]
    assert _saved(tmp_path) == [page({})]


def test_a_reply_that_is_too_large_is_saved_up_to_the_bound(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """One call; what is saved is marked as cut."""
    world, fake = altered
    world.tells("v1", LIVE_NOTE, too_large)
    left = get(fake, tmp_path)
    assert (left.code, fake.calls, left.billed) == (3, [f"v1 {LIVE_NOTE}"], ["unknown"])
    (body,) = _saved(tmp_path)
    assert len(body) == LARGEST_REPLY
    assert world.reply("v1", LIVE_NOTE).startswith(body)
    assert left.ledger[-1]["body"].endswith(".cut.body")


def test_a_page_of_a_listing(world: FakeWorld, tmp_path: Path) -> None:
    """Both ways to the first page are asked once."""
    world.script["127.0.0.1", "/api/"] = "J"
    ran = run(["search", "x", "-d", tmp_path, *world.options])
    assert ran.code == 3
    assert [line["endpoint"] for line in ledger(tmp_path) if line["event"] == "intent"] == [
        "search-v2",
        "search-v4",
    ]
    assert len(_saved(tmp_path)) == 2
