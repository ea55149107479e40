"""A host that flows, but far slower than a mirror that is known: left; else waited for."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import fault_letters
from support.altered_demo_world import AlteredWorld
from support.command import folder_of, ledger, manifests, run
from support.fake_world import FakeWorld, running
from support.ranged_host import MIB, RangedHost
from support.served_host import serving
from support.single_run import HEIC, LIVE_NOTE, STREAM, get

from xharchive.demo.world import DemoWorld
from xharchive.download import hosts
from xharchive.download.hosts import HostThroughput

V8, V10 = "sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com"
OTHER_NOTE = "69aed4e2000000000e00c359"
OTHER_STREAM = f"/copy1{STREAM}"


def _elsewhere(reply: dict[str, Any]) -> Any:
    """Other addresses of the same files: the world serves them under both."""
    text = json.dumps(reply)
    for path in (STREAM, HEIC):
        text = text.replace(path, f"/copy1{path}")
    return json.loads(text)


@pytest.fixture
def two(demo_world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorld]:
    """Two notes; the first one's motion comes from V10 at once, the second one's V8 sends in drips.

    Its body takes 1.6 s, so what takes seconds among large files is said in tenths here.
    """
    monkeypatch.setattr(hosts, "_CHECK_INTERVAL", 0.2)
    monkeypatch.setattr(hosts, "_MARGIN", 0.0)
    monkeypatch.setattr(hosts, "_MIN_SAMPLE", 1)
    monkeypatch.setattr(fault_letters, "_PAUSE", 0.1)
    world = AlteredWorld(demo_world)
    world.copies(LIVE_NOTE, {OTHER_NOTE: _elsewhere})
    with running(world) as fake:
        fake.script = {(V8, STREAM): "4", (V8, OTHER_STREAM): "so"}
        yield fake


def ranges(world: FakeWorld, host: str) -> list[str]:
    """The ranges that the host was asked for of the second note's motion, "" for all of it."""
    world.until(lambda: world.count(host, OTHER_STREAM) == world.asked.count(host + OTHER_STREAM))
    asked = [seen for seen in world.seen if (seen.host, seen.raw_path) == (host, OTHER_STREAM)]
    return [seen.headers.get("Range", "") for seen in asked]


def test_it_is_left_for_a_faster_mirror(two: FakeWorld, tmp_path: Path) -> None:
    """One request to each, for all of the file; the mirror's bytes, and the manifest says why."""
    left = get(two, tmp_path, notes=(LIVE_NOTE, OTHER_NOTE))
    assert left.code == 0
    assert left.is_complete()
    assert left.is_complete(OTHER_NOTE)
    assert left.refused("live-1") == [(V8, "not-found")]
    assert left.refused("live-1", OTHER_NOTE) == [(V8, "slow")]
    assert left.files(OTHER_NOTE)["live-1"]["source"]["host"] == V10
    (refusal,) = left.files(OTHER_NOTE)["live-1"]["refused"]
    assert refusal["detail"].startswith(f"{V8} delivers ")
    assert f" KB/s, {V10} " in refusal["detail"]
    assert (ranges(two, V8), ranges(two, V10)) == ([""], [""])
    assert sorted(two.calls) == [f"v1 {LIVE_NOTE}", f"v1 {OTHER_NOTE}"]
    assert not list((tmp_path / ".xharchive").glob("work/*"))


def test_if_the_mirrors_fail_it_is_asked_again(two: FakeWorld, tmp_path: Path) -> None:
    """At once, for the rest of the file under its ETag: what it brought is still there."""
    two.script["*", OTHER_STREAM] = "4"
    left = get(two, tmp_path, notes=(LIVE_NOTE, OTHER_NOTE))
    assert left.code == 0
    assert left.is_complete(OTHER_NOTE)
    refused = left.refused("live-1", OTHER_NOTE)
    assert V10 in dict(refused)
    assert {reason for _, reason in refused} == {"not-found"}
    assert left.files(OTHER_NOTE)["live-1"]["source"]["host"] == V8
    first, rest = ranges(two, V8)
    assert (first, rest[:6]) == ("", "bytes=")
    size = left.files(OTHER_NOTE)["live-1"]["size"]
    begun = int(rest.removeprefix("bytes=").removesuffix("-"))
    assert 0 < begun < size
    again = next(seen for seen in two.seen if seen.headers.get("Range"))
    assert (again.host, again.status, again.sent_bytes) == (V8, 206, size - begun)
    assert sorted(two.calls) == [f"v1 {LIVE_NOTE}", f"v1 {OTHER_NOTE}"]


def test_slow_but_flowing_is_waited_for(two: FakeWorld, tmp_path: Path) -> None:
    """Nothing is known of its mirrors: one request, however long it takes."""
    left = get(two, tmp_path, notes=(OTHER_NOTE,))
    assert left.code == 0
    assert left.is_complete(OTHER_NOTE)
    assert left.refused("live-1", OTHER_NOTE) == []
    assert (ranges(two, V8), ranges(two, V10)) == ([""], [])
    assert two.calls == [f"v1 {OTHER_NOTE}"]


def test_all_of_them_are_slow(two: FakeWorld, tmp_path: Path) -> None:
    """The line itself may be: speeds that are alike are no reason to leave anybody."""
    two.script[V10, STREAM] = "s"
    left = get(two, tmp_path, notes=(LIVE_NOTE, OTHER_NOTE))
    assert left.code == 0
    assert left.is_complete(OTHER_NOTE)
    assert left.refused("live-1", OTHER_NOTE) == []
    assert (ranges(two, V8), ranges(two, V10)) == ([""], [])


def _without_sizes(value: Any) -> Any:
    """A reply that declares no sizes: the motion is larger than the demo's."""
    if isinstance(value, dict):
        return {name: _without_sizes(item) for name, item in value.items() if name != "size"}
    return [_without_sizes(item) for item in value] if isinstance(value, list) else value


def test_helpers_go_with_the_body_that_is_left(
    demo_world: DemoWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While ranges of a large file are on their way: none is in the mirror's file, or left behind."""
    free = 24 * MIB
    motion = demo_world.original(LIVE_NOTE, "live-1") + free.to_bytes(4, "big") + b"free" + bytes(free - 8)

    def far_sooner(whole: int, other: float, missing: int, _speed: float) -> bool:
        return bool(other) and missing < whole - 6 * MIB

    monkeypatch.setattr(hosts, "_CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(hosts, "is_much_faster", far_sooner)
    monkeypatch.setattr(HostThroughput, "fastest", lambda _, hosts, __: (float(V10 in hosts), V10))
    world = AlteredWorld(demo_world)
    world.tells("v1", LIVE_NOTE, _without_sizes)
    world.serves(STREAM[1:], motion)
    with running(world) as fake, serving(RangedHost(motion)) as host:
        keep = ["--image-format", "keep", "-q"]
        assert run(["get", LIVE_NOTE, "-d", tmp_path, *keep, *host.option, *fake.options]).code == 0
        fake.until(lambda: fake.count(V10, STREAM) == 1)
        calls = fake.calls
    files = manifests(tmp_path, LIVE_NOTE)[LIVE_NOTE]["files"]
    (entry,) = [entry for entry in files if entry["path"].endswith(".mp4")]
    assert (folder_of(tmp_path, LIVE_NOTE) / entry["path"]).read_bytes() == motion
    assert entry["sha256"] == hashlib.sha256(motion).hexdigest()
    assert [(seen["host"], seen["reason"]) for seen in entry["refused"]] == [(V8, "slow")]
    assert [seen.first for seen in host.asked if not seen.is_piece] == [None]
    assert host.pieces, "it was split"
    assert len(calls) == len([line for line in ledger(tmp_path) if line["event"] == "outcome"]) == 1
    assert not list((tmp_path / ".xharchive").glob("work/*"))
    assert run(["verify", "-d", tmp_path]).code == 0
