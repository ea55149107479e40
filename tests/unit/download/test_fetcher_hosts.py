"""The loop over candidates: who is waited for, and for how long."""

import asyncio
import threading
from itertools import product
from pathlib import Path

import pytest
from support.archive_paths import guarded
from support.fake_world import FakeWorld
from support.fetch_counter import MIRRORS, NOTE, STREAM, V8, V10, V11, Counter, bad, counter, good

from xharchive.demo.world import ServedFile
from xharchive.download import FetchRequest
from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, Quality, Slot


async def test_a_passing_fault_never_costs_quality(world: FakeWorld, tmp_path: Path) -> None:
    """The better rendition is busy twice: it is waited for, the worse one is not even asked."""
    world.script[V8, STREAM] = "55o"
    worse = Candidate(f"https://{V11}{STREAM}", Quality.DEGRADED, "h264[9]")
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch((MIRRORS[0], worse)))
    assert fetched.body.origin.host == V8
    assert world.count(V11, STREAM) == 0
    assert len(desk.waits) == 2


async def test_a_host_that_is_down_gives_way_to_a_worse_rendition(world: FakeWorld, tmp_path: Path) -> None:
    """Where only long pauses could help, what can be had now is taken."""
    worse = Candidate(f"https://{V10}{STREAM}", Quality.DEGRADED, "h264[9]")
    nowhere = Candidate("https://127.0.0.1:1/x", Quality.ORIGINAL, "key")
    world.script[V8, STREAM] = "S"
    async with counter(world, tmp_path, stall=3.0) as desk:
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
    assert fetched.body.origin.host == V8
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
            assert fetched.body.origin.host == V10
            assert [(refusal.host, refusal.reason) for refusal in fetched.refused] == [(V8, reason)]
    assert desk.waits == []


async def test_a_host_that_rests_is_not_asked_by_others_either(world: FakeWorld, tmp_path: Path) -> None:
    """Its health is the run's, not the asset's."""
    world.script[V8, STREAM] = "5"
    async with counter(world, tmp_path, retries=2) as desk:
        await desk.fetch(MIRRORS)
        world.script.clear()
        desk.fetcher._health.record_failure(V8, unreachable=True)
        before = world.count(V8, STREAM)
        fetched = good(await desk.fetch(MIRRORS))
    assert fetched.body.origin.host == V10
    assert world.count(V8, STREAM) == before


async def test_retry_after_is_the_hosts_own_rest(world: FakeWorld, tmp_path: Path) -> None:
    """A host that asks for 20 seconds is left alone for them."""
    world.script[V8, STREAM] = "ro"
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(MIRRORS[:1]))
    assert fetched.body.origin.host == V8
    assert sum(desk.waits) >= 20.0
    assert world.count(V8, STREAM) == 2


def order(root: Path, name: str, *candidates: Candidate) -> FetchRequest:
    """An asset with a part of its own, so that several can be fetched at once."""
    asset = Asset(Slot(AssetKind.LIVE, 1), "v1", ())
    return FetchRequest(
        NOTE, asset, candidates, guarded(root / f"{name}.part"), guarded(root / f"{name}.derivative")
    )


async def test_retry_after_survives_the_success_of_a_parallel_request(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transfer is under way while the host sends another off for 20 seconds: a third waits for them."""
    media, resume = world.world.media, threading.Event()

    def slowly(host: str, path: str) -> ServedFile | None:
        if path.endswith("?slow"):
            assert resume.wait(60)
        return media(host, path)

    monkeypatch.setattr(world.world, "media", slowly)
    slow, busy, late = (
        Candidate(f"https://{V8}{STREAM}?{word}", Quality.RENDITION, "f") for word in ("slow", "busy", "late")
    )
    world.script[V8, f"{STREAM}?busy"] = "r"
    async with counter(world, tmp_path, retries=0) as desk:
        under_way = asyncio.create_task(desk.fetcher.fetch(order(tmp_path, "slow", slow)))
        await asyncio.to_thread(world.until, lambda: any("slow" in asked for asked in world.asked))
        assert bad(await desk.fetcher.fetch(order(tmp_path, "busy", busy))).reason == "busy"
        resume.set()
        good(await under_way)
        assert desk.waits == []
        good(await desk.fetcher.fetch(order(tmp_path, "late", late)))
    assert desk.waits == [20.0]


HOSTS = (V8, V10, V11)


def mirrors(query: str) -> tuple[Candidate, ...]:
    """One rendition on three hosts, and a lesser one behind it that is made of the same field."""
    best = (Candidate(f"https://{host}{STREAM}{query}", Quality.RENDITION, "best") for host in HOSTS)
    return (*best, Candidate(f"https://{V8}{STREAM}?lesser{query}", Quality.DEGRADED, "best"))


def let_rest(desk: Counter, *hosts: str) -> None:
    """Other assets fail with these hosts three times: they rest, and stay hopeful."""
    for host in hosts:
        for _ in range(3):
            desk.fetcher._health.record_failure(host, is_retry=False)


def rest_in_turn(desk: Counter, rounds: list[tuple[str, ...]]) -> None:
    """After each wait all hosts have recovered, and others' failures make the next of these rest."""

    async def wait(seconds: float) -> None:
        desk.waits.append(seconds)
        desk.now += 1000.0
        if rounds:
            let_rest(desk, *rounds.pop(0))

    desk.fetcher._wait = wait


async def test_a_round_that_a_host_rested_through_is_none_of_its_tries(
    world: FakeWorld, tmp_path: Path
) -> None:
    """Each round one mirror fails for its first time while the others rest: none was asked twice yet."""
    world.everywhere = "5o"
    async with counter(world, tmp_path, retries=2) as desk:
        let_rest(desk, V10, V11)
        rest_in_turn(desk, [(V8, V11), (V8, V10)])
        fetched = good(await desk.fetch(mirrors("")))
    assert fetched.candidate.quality is Quality.RENDITION
    assert [refused for refused in desk.refused if refused[1] == "busy"] == [
        ("sns-v8", "busy"),
        ("sns-v10", "busy"),
        ("sns-v11", "busy"),
    ]
    assert len(desk.waits) == 3
    assert len(world.media) == 4
    assert not any("lesser" in asked for asked in world.media)


@pytest.mark.slow
@pytest.mark.parametrize("letter", ["5", "X", "Z"])
async def test_no_interleaving_of_rests_costs_quality(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """Whichever hosts rest at first and after each of two waits: the best rendition is always archived."""
    world.everywhere = f"{letter}o"
    some = [(), *((host,) for host in HOSTS), HOSTS[:2], HOSTS[1:], HOSTS[::2], HOSTS]
    async with counter(world, tmp_path, retries=2) as desk:
        for number, (first, *later) in enumerate(product(some, repeat=3)):
            desk.now += 1000.0
            let_rest(desk, *first)
            rest_in_turn(desk, list(later))
            fetched = good(await desk.fetch(mirrors(f"?{number}")))
            assert fetched.candidate.quality is Quality.RENDITION, (first, later)
    assert not any("lesser" in asked for asked in world.media)


@pytest.mark.parametrize(("rest", "host"), [(5.0, V8), (20.0, V10)])
async def test_a_small_file_that_is_cut_waits_for_a_moment_only(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: float, host: str
) -> None:
    """Its host asks for a rest meanwhile: a short one is waited for, else a mirror brings all of it."""
    media = world.world.media
    world.script[V8, STREAM] = "Co"
    async with counter(world, tmp_path) as desk:

        def told(asked: str, path: str) -> ServedFile | None:
            if asked == V8 and not desk.waits:
                desk.fetcher._health.back_off(V8, rest)
            return media(asked, path)

        monkeypatch.setattr(world.world, "media", told)
        fetched = good(await desk.fetch(MIRRORS))
    assert fetched.body.origin.host == host
    assert desk.waits == ([rest] if host == V8 else [])
    assert (world.count(V8, STREAM), world.count(V10, STREAM)) == ((2, 0) if host == V8 else (1, 1))
