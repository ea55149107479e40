"""The loop over candidates: a host that flows, but far slower than a mirror that is known."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from support.archive_paths import guarded
from support.fake_world import FakeWorld
from support.fetch_counter import MIRRORS, NOTE, STREAM, V8, V10, V11, Counter, bad, counter, good

from xharchive.download import FetchRequest, FetchResult, hosts
from xharchive.download.hosts import HostThroughput, host_of
from xharchive.download.part_file import PartFile, discard
from xharchive.download.policy import Try
from xharchive.http import StreamResponse
from xharchive.models import Candidate, Quality

SLOW, QUICK = 1e3, 1e5  # bytes a second
RANGE_SIZE = 1000
V12 = "sns-v12.rednotecdn.com"
THIRD = Candidate(f"https://{V11}{STREAM}", Quality.RENDITION, "h265[0]")
LESSER = Candidate(f"https://{V12}{STREAM}", Quality.TRANSCODE, "another rendition")


@asynccontextmanager
async def paced(
    world: FakeWorld, root: Path, monkeypatch: pytest.MonkeyPatch, rates: Mapping[str, float], **named: Any
) -> AsyncIterator[Counter]:
    """A counter whose clock is moved by the bodies, at so many bytes a second of each host."""
    left = WeakKeyDictionary[StreamResponse, bytes]()
    read = StreamResponse.read
    async with counter(world, root, **named) as desk:

        async def in_pieces(incoming: StreamResponse) -> bytes:
            body = left.pop(incoming, b"") or await read(incoming)
            piece, left[incoming] = body[:RANGE_SIZE], body[RANGE_SIZE:]
            desk.now += len(piece) / rates[incoming.host]
            return piece

        monkeypatch.setattr(StreamResponse, "read", in_pieces)
        yield desk


async def get_to_know(desk: Counter, *mirrors: Candidate) -> None:
    """Fetch something from these, so that their speed is known."""
    for mirror in mirrors:
        good(await desk.fetch((mirror,)))
        discard(guarded(desk.root / "x.part"))


async def test_it_is_left_for_the_mirror(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request more, all of it from the mirror; slow is no failure. The next file is spared the detour."""
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1])
        began = desk.now
        fetched = good(await desk.fetch(MIRRORS))
        assert desk.now - began < 2.5 + fetched.body.size / QUICK
        discard(guarded(tmp_path / "x.part"))
        assert good(await desk.fetch(MIRRORS)).refused == ()
        discard(guarded(tmp_path / "x.part"))
        desk.now += 61
        again = good(await desk.fetch(MIRRORS))
    assert fetched.body.origin.host == V10
    assert fetched.body.sha256 == world.world.sha256(NOTE.text, "live-1")
    assert not fetched.body.assembled
    (refusal,) = fetched.refused
    assert (refusal.host, refusal.reason) == (V8, "slow")
    assert refusal.detail == f"{V8} delivers 1 KB/s, {V10} 100 KB/s: trying the mirrors first"
    assert desk.waits == []
    assert again.body.origin.host == V8, "what was known of the mirror is too old"
    assert [host.partition("/")[0] for host in world.media] == [V10, V8, V10, V10, V8]


@pytest.mark.parametrize("letter", ["4", "5", "X", "H"])
async def test_it_is_asked_again_when_the_mirror_fails(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letter: str
) -> None:
    """At once, and it goes on where it was left; then it is waited for, however slow it is."""
    world.script[V10, STREAM] = f"o{letter}"
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1])
        fetched = good(await desk.fetch(MIRRORS))
    assert fetched.body.origin.host == V8
    assert fetched.body.sha256 == world.world.sha256(NOTE.text, "live-1")
    assert [refusal.host for refusal in fetched.refused] == [V10]
    assert desk.refused[0] == ("sns-v8", "slow")
    assert desk.waits == []
    asked = [seen.headers.get("Range", "") for seen in world.seen if seen.host == V8]
    assert len(asked) == 2
    assert asked[1].startswith("bytes=") == (letter != "H")


async def test_it_is_left_once(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mirror is busy, the slow host breaks off; after the pause it flows, and the mirror may be fast."""
    monkeypatch.setattr(hosts, "_AVOID_SECONDS", 0.0)
    world.script = {(V10, STREAM): "o5", (V8, STREAM): "oXo"}
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1])
        fetched = good(await desk.fetch(MIRRORS))
    assert desk.refused == [("sns-v8", "slow"), ("sns-v10", "busy"), ("sns-v8", "cut")]
    assert fetched.body.origin.host == V8
    assert len(desk.waits) == 1


async def test_nobody_gives_it(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries and pauses as ever, and no circle; what the slow host failed with in the end is told."""
    world.script = {(V10, STREAM): "o5", (V8, STREAM): "o4"}
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK}, retries=1) as desk:
        await get_to_know(desk, MIRRORS[1])
        unfetched = bad(await desk.fetch(MIRRORS))
    assert [reason for _, reason in desk.refused].count("slow") == 1
    assert (unfetched.reason, world.count(V8, STREAM)) == ("not-found", 2)
    assert {refusal.reason for refusal in unfetched.tried} == {"not-found", "busy"}


async def test_quality_is_never_traded(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is fast is another rendition: the better one is waited for."""
    lesser = Candidate(f"https://{V10}{STREAM}", Quality.TRANSCODE, "another rendition")
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK}) as desk:
        await get_to_know(desk, lesser)
        fetched = good(await desk.fetch((MIRRORS[0], lesser)))
    assert (fetched.body.origin.host, fetched.refused) == (V8, ())
    assert world.count(V8, STREAM) == 1


async def test_the_only_address(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow but flowing: one request, to its end."""
    async with paced(world, tmp_path, monkeypatch, {V8: 10.0, V10: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1])
        assert good(await desk.fetch(MIRRORS[:1])).refused == ()
    assert world.count(V8, STREAM) == 1


async def test_a_mirror_that_rests_is_none(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was fast a moment ago, and is left alone now: nobody leaves a slow host for it."""
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1])
        desk.fetcher._health.back_off(V10, 300)
        fetched = good(await desk.fetch(MIRRORS))
    assert (fetched.body.origin.host, fetched.refused) == (V8, ())


async def test_a_mirror_that_rested_when_its_turn_came(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was passed over, not asked: once its rest is over, a slow host is left for it all the same."""
    async with paced(world, tmp_path, monkeypatch, {V8: QUICK, V10: SLOW}) as desk:
        await get_to_know(desk, MIRRORS[0])
        desk.fetcher._health.back_off(V8, 1.5)
        fetched = good(await desk.fetch(MIRRORS))
    assert fetched.body.origin.host == V8
    assert [(refusal.host, refusal.reason) for refusal in fetched.refused] == [(V10, "slow")]
    assert [host.partition("/")[0] for host in world.media] == [V8, V10, V8]


@pytest.mark.parametrize("rest", [6.0, 300.0])
async def test_asked_again_it_is_left_once_more_for_one_that_rested(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: float
) -> None:
    """The one that was awake fails, the other rests: the slow host flows until that one may be asked."""
    world.script[V10, STREAM] = "o4"
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK, V11: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1], THIRD)
        began = desk.now
        desk.fetcher._health.back_off(V11, rest)
        fetched = good(await desk.fetch((*MIRRORS, THIRD)))
    size, is_back = fetched.body.size, rest < 100
    assert fetched.body.origin.host == (V11 if is_back else V8)
    assert fetched.body.sha256 == world.world.sha256(NOTE.text, "live-1")
    assert (desk.now - began < rest + 3 + size / QUICK) == is_back
    assert not any(desk.waits)
    assert world.count(V8, STREAM) == 2
    assert world.count(V11, STREAM) == 1 + is_back
    assert [host for host, reason in desk.refused if reason == "slow"] == ["sns-v8"] * (1 + is_back)


async def test_one_that_was_asked_is_not_asked_once_more_before_the_slow_host_is_through(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes back from a rest and fails at once: the slow host has the file then, however slow it is."""
    world.script = {(V10, STREAM): "o4", (V11, STREAM): "o5"}
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: QUICK, V11: QUICK}) as desk:
        await get_to_know(desk, MIRRORS[1], THIRD)
        desk.fetcher._health.back_off(V11, 6.0)
        fetched = good(await desk.fetch((*MIRRORS, THIRD)))
    assert fetched.body.origin.host == V8
    assert (world.count(V8, STREAM), world.count(V11, STREAM)) == (3, 2)
    assert not any(desk.waits)


async def test_leaving_once_more_trades_no_quality(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow host has used up its tries when it is left: what it was left for is asked all the same."""
    world.script = {(V10, STREAM): "o4", (V8, STREAM): "Xooooo"}
    rates = {V8: SLOW, V10: QUICK, V11: QUICK, V12: QUICK}
    async with paced(world, tmp_path, monkeypatch, rates, retries=0) as desk:
        await get_to_know(desk, MIRRORS[1], THIRD)
        desk.fetcher._health.record_failure(V11, unreachable=True)
        desk.fetcher._health.back_off(V10, 1.0)
        fetched = good(await desk.fetch((*MIRRORS, THIRD, LESSER)))
    assert (fetched.body.origin.host, fetched.candidate.quality) == (V11, Quality.RENDITION)
    assert world.count(V12, STREAM) == 0


@pytest.mark.parametrize("proof", [True, False])
async def test_a_mirror_that_falls_asleep_again_each_time(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, proof: bool
) -> None:
    """It is awake when the slow host is left for it, and rests when its turn comes: that ends soon."""
    if not proof:
        monkeypatch.setattr(PartFile, "resume_headers", {})
    monkeypatch.setattr(HostThroughput, "_recent_speed", lambda self, host: self._averages[host].lower_bound)
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V11: QUICK, V12: QUICK}) as desk:
        await get_to_know(desk, THIRD, LESSER)
        ask = desk.fetcher._try

        async def falling_asleep(order: FetchRequest, step: Try, *rest: Any) -> FetchResult:
            if host_of(step.candidate) == V11:
                desk.fetcher._health.back_off(V11, 6.0)
            return await ask(order, step, *rest)

        monkeypatch.setattr(desk.fetcher, "_try", falling_asleep)
        fetched = good(await desk.fetch((MIRRORS[0], THIRD, LESSER)))
    assert fetched.body.origin.host == V8
    assert world.count(V8, STREAM) == 3
    assert world.count(V12, STREAM) == 1, "only to get to know it"


async def test_of_two_slow_hosts_the_first_that_has_it_suffices(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were left, the fast one fails: one of them is asked again, not both."""
    world.script[V11, STREAM] = "o4"
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: SLOW, V11: QUICK}) as desk:
        await get_to_know(desk, THIRD)
        fetched = good(await desk.fetch((*MIRRORS, THIRD)))
    assert fetched.body.sha256 == world.world.sha256(NOTE.text, "live-1")
    assert sorted((world.count(V8, STREAM), world.count(V10, STREAM))) == [1, 2]


async def test_the_fastest_known_counts_and_the_order_stays(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next mirror is asked, not the fastest; it is as slow, so it gives way too, and the third has it."""
    async with paced(world, tmp_path, monkeypatch, {V8: SLOW, V10: SLOW, V11: QUICK}) as desk:
        await get_to_know(desk, THIRD)
        fetched = good(await desk.fetch((*MIRRORS, THIRD)))
    assert fetched.body.origin.host == V11
    assert [(refusal.host, refusal.reason) for refusal in fetched.refused] == [(V8, "slow"), (V10, "slow")]
