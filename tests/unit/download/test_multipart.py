"""A body over several connections is read as if it came over one: in order, once, whatever the helpers do."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import integers, lists, sampled_from
from support.archive_paths import guarded
from support.ranged_body import BODY, Answer, Host, opened, part_of, read_all

from xharchive.download import multipart, ranges
from xharchive.download.part_file import discard
from xharchive.download.ranges import RangePart
from xharchive.download.scheduler import TransferScheduler
from xharchive.errors import IncompleteBody, NetworkError
from xharchive.http import StreamResponse

KINDS = ("good", "good", "good", "refused", "cut", "silent", "unreachable", "shorter", "slow")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes of a thousandth of the real ones."""
    for name, size in {"RANGE_SIZE": 3000, "_MIN_SIZE": 1024}.items():
        monkeypatch.setattr(ranges, name, size)
    for name, size in {"_BLOCK": 512, "_READ": 2048}.items():
        monkeypatch.setattr(multipart, name, size)


async def others(slots: TransferScheduler, random: Random) -> None:
    """Assets that come and want a slot each, for a while."""
    while True:
        for _ in range(random.randrange(200)):
            await asyncio.sleep(0)
        async with slots.acquire(1):
            for _ in range(random.randrange(50)):
                await asyncio.sleep(0)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=integers(0, 1 << 30),
    kinds=lists(sampled_from(KINDS), max_size=12),
    places=integers(0, 6),
    start=integers(0, 5000),
    busy=integers(0, 2),
)
def test_the_stream_is_the_body(
    tmp_path: Path, seed: int, kinds: list[str], places: int, start: int, busy: int
) -> None:
    """Helpers are refused, cut, silent, recalled at any moment: every byte comes once, in order.

    If it cannot go on, what was read is a beginning of the body. Every slot is given back.
    """
    random = Random(seed)  # noqa: S311 - test data

    async def story() -> None:
        slots = TransferScheduler(places)
        host = Host(kinds, random, slots)
        got = bytearray()
        with ThreadPoolExecutor(2) as threads:
            assets = [asyncio.create_task(others(slots, random)) for _ in range(busy)]
            try:
                async with opened(host, Answer(BODY[start:], random), start, threads, tmp_path) as body:
                    await read_all(body, got)
                    assert got == BODY[start:]
            except NetworkError:
                assert any(kind != "good" for kind in kinds)
                assert BODY[start:].startswith(got)
            finally:
                for asset in assets:
                    asset.cancel()
                await asyncio.gather(*assets, return_exceptions=True)
        await asyncio.sleep(0)
        assert slots.free == places
        assert host.under_way == 0
        assert host.most <= 4
        assert places or not host.asked

    discard(guarded(tmp_path / "x.part"))
    asyncio.run(story())


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=integers(0, 1 << 30), turns=integers(1, 9000))
def test_cancelled_at_any_moment(tmp_path: Path, seed: int, turns: int) -> None:
    """What was read until then is a beginning of the body; no helper, slot or descriptor is left.

    Another transfer goes on with it, and asks for no byte that came. That one is cancelled, too.
    """
    random = Random(seed)  # noqa: S311 - test data
    discard(guarded(tmp_path / "x.part"))

    async def story() -> None:
        slots = TransferScheduler(3)
        host = Host(["good", "cut"], random, slots)
        got = bytearray()

        async def transfer(threads: ThreadPoolExecutor) -> None:
            at = len(got)
            async with opened(host, Answer(BODY[at:], random), at, threads, tmp_path) as body:
                there.update(range(at), *(range(piece.start, piece.position) for piece in body.plan.parts))
                await read_all(body, got)

        with ThreadPoolExecutor(2) as threads:
            for most in (turns, random.randrange(3000), 1 << 30):
                there: set[int] = set()
                host.asked.clear()
                open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
                task = asyncio.create_task(transfer(threads))
                for _ in range(most):
                    if task.done():
                        break
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert [other for other in asyncio.all_tasks() if other is not asyncio.current_task()] == []
                assert len(os.listdir("/proc/self/fd")) == open_files  # noqa: PTH208 - a count
                assert BODY.startswith(got)
                assert there.isdisjoint(byte for first, last in host.asked for byte in range(first, last + 1))
                await asyncio.sleep(0)
                assert (slots.free, host.under_way) == (3, 0)
        assert got == BODY

    asyncio.run(story())


async def read_with(
    kinds: list[str],
    tmp_path: Path,
    threads: ThreadPoolExecutor,
    clock: Callable[[], float] | None = None,
    **named: Any,
) -> tuple[Host, bytes]:
    """Read the body with a host's answers and three idle slots."""
    random = Random(1)  # noqa: S311 - test data
    host, got = Host(kinds, random, TransferScheduler(3)), bytearray()
    trunk = Answer(BODY, random)
    trunk.runs_on = 0
    async with opened(host, trunk, 0, threads, tmp_path, clock) as body:
        for name, value in named.items():
            setattr(body, name, value)
        await read_all(body, got)
    del host.asked[: body.plan.late_starts]
    return host, bytes(got)


async def test_no_byte_is_asked_for_twice(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranges follow each other without gap or overlap, from where the trunk ended to the end."""
    monkeypatch.setattr(ranges, "_MIN_SHARE", 0.0)  # on this clock the order of turns decides who is slow
    host, got = await read_with([], tmp_path, threads)
    assert got == BODY
    asked = sorted(host.asked)
    assert asked[0][0] < len(BODY) // 2
    assert [first for first, _ in asked[1:]] == [last + 1 for _, last in asked[:-1]]
    assert asked[-1][1] == len(BODY) - 1
    assert 1 < host.most <= 4


async def test_ranges_get_smaller_towards_the_end(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """So the last byte does not wait for one connection that has much to bring."""
    host, got = await read_with([], tmp_path, threads)
    assert got == BODY
    first, last = max(host.asked)
    assert last - first < ranges.RANGE_SIZE // 2


async def test_all_that_is_missing_is_a_gap(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """What comes next is there since an earlier transfer: the first answer is not read from at all."""
    body_id = part_of(tmp_path, 1000).remote.body_id
    for start, at, end in [(900, 2000, 2500), (3000, 6000, 6000)]:
        RangePart(guarded(tmp_path / f"x.part.{start}"), body_id, start, end, start).write(BODY[start:at])
    host, got = Host([], Random(1), TransferScheduler(0)), bytearray()  # noqa: S311 - test data
    trunk = Answer(b"", host.random, AssertionError("it was read"))
    trunk.length = len(BODY) - 1000
    async with opened(host, trunk, 1000, threads, tmp_path) as body:
        await read_all(body, got)
    assert got == BODY[1000:]
    assert trunk.dropped
    assert host.asked[:3] == [(2000, 2499), (2500, 2999), (6000, 8999)]


@pytest.mark.parametrize("kind", ["refused", "shorter"])
async def test_who_gives_no_ranges_is_not_asked_again(
    tmp_path: Path, threads: ThreadPoolExecutor, kind: str
) -> None:
    """The trunk brings all of it, as if nobody had tried."""
    host, got = await read_with([kind], tmp_path, threads)
    assert (got == BODY, len(host.asked)) == (True, 1)


@pytest.mark.parametrize("kind", ["cut", "silent", "unreachable"])
async def test_two_failures_are_enough(tmp_path: Path, threads: ThreadPoolExecutor, kind: str) -> None:
    """A connection may fail; when a second one does, the body's own at most goes on.

    Where it was that one, what was read is a beginning, and whoever reads asks for the rest anew.
    """
    ends = set()
    for good_ones in range(1, 12):
        kinds = ["good"] * good_ones + [kind, "good", kind]
        host, got = Host(kinds, Random(good_ones), TransferScheduler(3)), bytearray()  # noqa: S311 - test data
        trunk = Answer(BODY, host.random)
        with suppress(IncompleteBody):
            async with opened(host, trunk, 0, threads, tmp_path) as body:
                await read_all(body, got)
        assert BODY.startswith(got)
        assert len(host.askers_after_two) <= 1
        ends.add(bytes(got) == BODY)
    assert True in ends


async def test_a_disk_that_takes_nothing_ahead_costs_only_the_help(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No range can be written: the trunk brings all of it, and nothing is asked for."""
    monkeypatch.setattr(multipart, "free_bytes", lambda _: 1 << 20)
    host, got = await read_with([], tmp_path, threads)
    assert (got == BODY, host.asked) == (True, [])


async def test_bytes_that_are_gone_are_asked_for_anew(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Somebody removed the file of a range: what was read is a beginning, and no other byte is made up."""
    host, got = Host([], Random(1), TransferScheduler(3)), bytearray()  # noqa: S311 - test data
    async with opened(host, Answer(BODY, host.random), 0, threads, tmp_path) as body:
        while body._own_slot_task is None or body.plan.front is None:
            got += await body.read()
            await asyncio.sleep(0)
        body.plan.front.path.unlink()
        with pytest.raises(IncompleteBody):
            await read_all(body, got)
    assert BODY.startswith(got)


async def test_one_fast_connection_is_left_alone(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Help is for what is slow."""
    host, got = await read_with([], tmp_path, threads, clock=lambda: 0.001)
    assert (got == BODY, host.asked) == (True, [])


async def test_a_bug_in_a_helper_comes_to_light(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody expected ends the transfer instead of being taken for the network's fault."""
    random = Random(1)  # noqa: S311 - test data
    host = Host([], random, TransferScheduler(3))
    trunk = Answer(BODY, random)

    @asynccontextmanager
    async def ask(first: int, last: int) -> AsyncIterator[StreamResponse]:
        if host.asked:
            raise ZeroDivisionError
        async with really(first, last) as incoming:
            yield incoming

    really = host.request
    monkeypatch.setattr(host, "request", ask)
    async with opened(host, trunk, 0, threads, tmp_path) as body:
        with pytest.raises(ZeroDivisionError):
            await read_all(body, bytearray())


@pytest.mark.parametrize("moment", ["at once", "at the end", "at a break"])
async def test_a_bug_comes_to_light_though_nobody_needs_that_helper(
    tmp_path: Path, threads: ThreadPoolExecutor, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trunk brings all of it, or breaks off by itself: the bug is told, whenever it happens."""
    host = Host([], Random(1), TransferScheduler(3))  # noqa: S311 - test data
    trunk = Answer(BODY, host.random, IncompleteBody("cut") if moment == "at a break" else None)

    @asynccontextmanager
    async def ask(*_: int) -> AsyncIterator[StreamResponse]:
        trunk.holds = lambda: False  # it goes on
        if moment != "at once":
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        if not host.asked:
            raise ZeroDivisionError
        yield trunk

    body, got = opened(host, trunk, 0, threads, tmp_path), bytearray()
    monkeypatch.setattr(host, "request", ask)

    async def transfer() -> None:
        async with body:
            await read_all(body, got)

    with pytest.raises(ZeroDivisionError):
        await transfer()
    assert (bytes(got) == BODY) == (moment != "at once")
    assert host.slots.free == 3
