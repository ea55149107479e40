"""Every kept reply counts: it was paid for, whatever the order of endpoints is today."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld, running

from xharchive.demo.world import DemoWorld

VIDEO = "698ab064000000001503876d"
OLD_VIDEO = "5f3d2c1b000000000101e7a8"


class Retold(DemoWorld):
    """The demo world with some replies told otherwise."""

    def __init__(self, told: dict[tuple[str, str], Callable[[dict[str, Any]], Any]]) -> None:
        super().__init__()
        self._told = told

    def reply(self, endpoint: str, note_id: str) -> bytes:
        body = super().reply(endpoint, note_id)
        change = self._told.get((endpoint, note_id))
        return json.dumps(change(json.loads(body))).encode() if change else body


def test_a_reply_of_an_endpoint_that_is_no_longer_asked_stays_in_the_manifest(
    world: FakeWorld, tmp_path: Path
) -> None:
    """v1 was paid first; resumed with v6 alone the note has both, and `verify` finds no stray."""
    assert run(["get", VIDEO, "-d", tmp_path, "--endpoints", "v1", *world.options]).code == 3
    assert run(["resume", "-d", tmp_path, "--endpoints", "v6", *world.options]).code == 0
    data = manifests(tmp_path)[VIDEO]
    assert sorted(reply["endpoint"] for reply in data["replies"]) == ["v1", "v6"]
    assert {entry["kind"] for entry in data["files"]} == {"cover", "sound", "video"}
    assert run(["verify", "-d", tmp_path]).code == 0
    assert world.calls == [f"v1 {VIDEO}", f"v6 {VIDEO}"]


@pytest.mark.parametrize("letters", ["EEEo", "IIIo"])
def test_a_note_healed_by_resume_verifies(world: FakeWorld, tmp_path: Path, letters: str) -> None:
    """v6 fails at first and PGY has nothing; once v6 works, no reply of the first run is a stray."""
    world.script[("127.0.0.1", "/api/xiaohongshu/get-note-detail/v6")] = letters
    assert run(["get", VIDEO, "-d", tmp_path, *world.options]).code == 3
    assert run(["resume", "-d", tmp_path, *world.options]).code == 0
    assert run(["verify", "-d", tmp_path]).code == 0
    replies = folder_of(tmp_path, VIDEO) / "replies"
    named = {Path(reply["path"]).name for reply in manifests(tmp_path)[VIDEO]["replies"]}
    assert named == {path.name for path in replies.iterdir()}


def with_a_dead_key(reply: dict[str, Any]) -> dict[str, Any]:
    """A video note whose reply tells only a storage key that no host knows."""
    reply["data"][0]["note_list"][0]["widgets_context"] = json.dumps({"origin_video_key": "pre_post/gone"})
    return reply


def test_a_video_that_is_named_without_an_address_goes_on_to_the_next_endpoint(tmp_path: Path) -> None:
    """v1 tells only a key, which is dead; v6 is asked and has the video: one further call, not two."""

    world = Retold({("v1", VIDEO): with_a_dead_key})
    with running(world) as fake:
        ran = run(["get", VIDEO, "-d", tmp_path, *fake.options])
        assert ran.code == 0, ran.err
        assert fake.calls == [f"v1 {VIDEO}", f"v6 {VIDEO}"]
        again = run(["get", VIDEO, "-d", tmp_path, *fake.options])
        assert again.code == 0
        assert len(fake.calls) == 2
    (video,) = (entry for entry in manifests(tmp_path)[VIDEO]["files"] if entry["kind"] == "video")
    assert video["sha256"] == world.sha256(VIDEO, "video")
    assert [refusal["path"] for refusal in video["refused"]][:1] == ["/pre_post/gone"]


@pytest.mark.parametrize(
    ("endpoints", "calls"), [("v1", ["v1"]), ("v1,v3", ["v1"]), ("v1,v6,pgy", ["v1", "v6", "pgy"])]
)
def test_a_video_that_no_endpoint_has_an_address_of(tmp_path: Path, endpoints: str, calls: list[str]) -> None:
    """Nobody is left to be asked, or they have nothing: a gap, the cover archived, and no call twice."""

    def nothing(_reply: dict[str, Any]) -> dict[str, Any]:
        return {"code": 0, "message": None, "recordTime": None, "data": []}

    told = {("v1", VIDEO): with_a_dead_key, ("v6", VIDEO): nothing, ("pgy", VIDEO): nothing}
    with running(Retold(told)) as fake:
        arguments = ["-d", str(tmp_path), "--endpoints", endpoints, *fake.options]
        assert run(["get", VIDEO, *arguments]).code == 3
        assert fake.calls == [f"{call} {VIDEO}" for call in calls]
        assert run(["resume", *arguments]).code == 3
        assert len(fake.calls) == len(calls)
    data = manifests(tmp_path)[VIDEO]
    assert [gap["kind"] for gap in data["gaps"]] == ["video"]
    assert {entry["kind"] for entry in data["files"]} >= {"cover"}
    assert run(["verify", "-d", tmp_path]).code == 0


def test_a_listed_video_that_is_gone_is_a_gap_and_no_reason_to_pay(world: FakeWorld, tmp_path: Path) -> None:
    """A 404 never costs a call, neither now nor in later runs."""
    world.script[("*", "/stream/")] = "4"
    first = run(["get", OLD_VIDEO, "-d", tmp_path, *world.options])
    assert first.code == 3
    assert world.calls == [f"v1 {OLD_VIDEO}"]
    assert run(["resume", "-d", tmp_path, *world.options]).code == 3
    assert len(world.calls) == 1
    assert run(["verify", "-d", tmp_path]).code == 0
