"""The loop over candidates: who is waited for, and for how long."""

from pathlib import Path

from support.fake_world import FakeWorld
from support.fetch_counter import MIRRORS, STREAM, V8, V10, V11, counter, good

from xharchive.models import Candidate, Quality


async def test_a_passing_fault_never_costs_quality(world: FakeWorld, tmp_path: Path) -> None:
    """The better rendition is busy twice: it is waited for, the worse one is not even asked."""
    world.script[V8, STREAM] = "55o"
    worse = Candidate(f"https://{V11}{STREAM}", Quality.DEGRADED, "h264[9]")
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch((MIRRORS[0], worse)))
    assert fetched.host == V8
    assert world.count(V11, STREAM) == 0
    assert len(desk.waits) == 2


async def test_a_host_that_is_down_gives_way_to_a_worse_rendition(world: FakeWorld, tmp_path: Path) -> None:
    """Where only long pauses could help, what can be had now is taken."""
    worse = Candidate(f"https://{V10}{STREAM}", Quality.DEGRADED, "h264[9]")
    nowhere = Candidate("https://127.0.0.1:1/x", Quality.ORIGINAL, "key")
    world.script[V8, STREAM] = "S"
    async with counter(world, tmp_path, stall=0.1) as desk:
        fetched = good(await desk.fetch((nowhere, MIRRORS[0], worse)))
    assert fetched.candidate == worse
    assert [refusal.reason for refusal in fetched.refused] == ["outside-borders", "stalled"]
    assert desk.waits == []


async def test_a_host_that_fails_three_times_rests_and_is_asked_again_later(
    world: FakeWorld, tmp_path: Path
) -> None:
    """503 four times: the rest is waited out, and then the file is there."""
    world.script[V8, STREAM] = "5555o"
    async with counter(world, tmp_path, retries=5) as desk:
        fetched = good(await desk.fetch(MIRRORS[:1]))
    assert fetched.host == V8
    assert world.count(V8, STREAM) == 5
    assert ("sns-v8", "pausing") in desk.refused
    assert max(desk.waits) >= 4.0


async def test_other_assets_failures_do_not_cost_this_one_its_quality(
    world: FakeWorld, tmp_path: Path
) -> None:
    """The host rests because of others; this asset waits for it rather than take a lesser rendition."""
    world.script[V8, "/other"] = "5"
    other = Candidate(f"https://{V8}/other", Quality.RENDITION, "another asset")
    lesser = Candidate(f"https://{V10}{STREAM}", Quality.TRANSCODE, "another rendition")
    async with counter(world, tmp_path) as desk:
        assert good(await desk.fetch((other, lesser))).candidate is lesser
        assert good(await desk.fetch((MIRRORS[0], lesser))).candidate is MIRRORS[0]
        assert desk.waits[-1] > 2.0
    assert world.count(V10, STREAM) == 1


async def test_a_host_that_rests_time_and_again_is_waited_for_no_longer(
    world: FakeWorld, tmp_path: Path
) -> None:
    """After its third rest a lesser rendition is taken at once, while the host is left alone."""
    world.script[V8, STREAM] = "5"
    lesser = Candidate(f"https://{V10}{STREAM}", Quality.TRANSCODE, "another rendition")
    async with counter(world, tmp_path) as desk:
        for _ in range(4):
            assert good(await desk.fetch((MIRRORS[0], lesser))).candidate is lesser
        desk.waits.clear()
        assert good(await desk.fetch((MIRRORS[0], lesser))).candidate is lesser
    assert desk.waits == []
    assert world.count(V8, STREAM) == 9


async def test_a_host_that_cannot_be_reached_rests_at_once(world: FakeWorld, tmp_path: Path) -> None:
    """No connection: the mirror is asked without a pause, and the next asset does not even try the host."""
    async with counter(world, tmp_path, gone=V8) as desk:
        for reason in ("unreachable", "resting"):
            fetched = good(await desk.fetch(MIRRORS))
            assert fetched.host == V10
            assert [(refusal.host, refusal.reason) for refusal in fetched.refused] == [(V8, reason)]
    assert desk.waits == []


async def test_a_host_that_rests_is_not_asked_by_others_either(world: FakeWorld, tmp_path: Path) -> None:
    """Its health is the run's, not the asset's."""
    world.script[V8, STREAM] = "5"
    async with counter(world, tmp_path, retries=2) as desk:
        await desk.fetch(MIRRORS)
        world.script.clear()
        desk.fetcher._health.failed(V8, unreachable=True)
        before = world.count(V8, STREAM)
        fetched = good(await desk.fetch(MIRRORS))
    assert fetched.host == V10
    assert world.count(V8, STREAM) == before


async def test_retry_after_is_the_hosts_own_rest(world: FakeWorld, tmp_path: Path) -> None:
    """A host that asks for 20 seconds is left alone for them."""
    world.script[V8, STREAM] = "ro"
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(MIRRORS[:1]))
    assert fetched.host == V8
    assert sum(desk.waits) >= 20.0
    assert world.count(V8, STREAM) == 2
