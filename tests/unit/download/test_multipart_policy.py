"""What an answer to a helper tells: about the host, for as long as the run lasts, or about this body only."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from support.archive_paths import guarded
from support.body_streams import Arriving

from xharchive.download.host_backoff import HostHealth
from xharchive.download.multipart import MultipartDownload
from xharchive.download.multipart_policy import FetchOptions, MultipartPolicy
from xharchive.download.part_file import PartFile
from xharchive.download.scheduler import TransferScheduler

URL = "https://a.xhscdn.com/x"


@asynccontextmanager
async def body_over(splits: MultipartPolicy, folder: Path) -> AsyncIterator[MultipartDownload]:
    """One more body from the same host."""
    async with splits.open_body(
        Arriving(length=1), PartFile(guarded(folder / "x.part"), URL), URL, {}
    ) as body:
        yield body


async def helps_after(
    status: int, retry_after: float | None, folder: Path, threads: ThreadPoolExecutor
) -> bool:
    """Whether another body of a host may be helped, a minute after a helper was answered so."""
    now = [0.0]
    health = HostHealth(lambda: now[0], first_backoff=8.0)
    splits = MultipartPolicy(
        cast("Any", None), health, TransferScheduler(4), threads, lambda: now[0], FetchOptions()
    )
    answer = Arriving()
    answer.status, answer.retry_after = status, retry_after
    async with body_over(splits, folder) as body:
        body._source.on_refused(answer)
    async with body_over(splits, folder) as other:
        assert other._source.is_available() == (retry_after is None and status not in (200, 206, 416))
    now[0] = 61.0
    async with body_over(splits, folder) as other:
        return other._source.is_available()


@pytest.mark.parametrize("status", [200, 206, 416])
async def test_ranges_do_not_work_there(tmp_path: Path, threads: ThreadPoolExecutor, status: int) -> None:
    """All of it though a range was asked for, another range, none at all: nobody asks for one again."""
    assert not await helps_after(status, None, tmp_path, threads)


@pytest.mark.parametrize("status", [403, 404, 408, 410, 425, 429, 500, 502, 503, 504])
async def test_anything_else_passes(tmp_path: Path, threads: ThreadPoolExecutor, status: int) -> None:
    """It says nothing of ranges: the next body from there is helped."""
    assert await helps_after(status, None, tmp_path, threads)


@pytest.mark.parametrize(("rest", "helps"), [(10.0, True), (60.0, False)])
async def test_a_rest_that_was_asked_for(
    tmp_path: Path, threads: ThreadPoolExecutor, rest: float, *, helps: bool
) -> None:
    """Nobody helps until it is over; after a long one, which every body would have to wait out, never."""
    assert await helps_after(503, rest, tmp_path, threads) is helps


class HelpedSplit:
    """A body as its run sees it: so much is to come, over so many helpers besides its own connection."""

    wants_helper = True

    def __init__(self, to_come: int, helpers: int) -> None:
        self.remaining, self.helpers = to_come, helpers
        self.remaining_per_connection = to_come / (helpers + 1)


@pytest.mark.parametrize(
    ("mine", "other", "moves"),
    [
        ((20, 1), (25, 0), True),  # 20 each and 12.5 then, where one has to bring 25 alone now
        ((25, 1), (20, 0), False),
        ((20, 1), (20, 0), False),
        ((20, 2), (20, 0), True),
        ((90, 3), (20, 0), False),  # little is to come there: it ends first, alone
        ((90, 3), (40, 0), True),
        ((5, 1), (60, 3), True),
        ((20, 1), (45, 1), True),
    ],
)
def test_a_helper_goes_where_most_is_to_come(
    threads: ThreadPoolExecutor, mine: tuple[int, int], other: tuple[int, int], *, moves: bool
) -> None:
    """If its body, without it, still ends before the other one does; and only if no slot is idle."""
    slots = TransferScheduler(0)
    health = HostHealth(lambda: 0.0, first_backoff=8.0)
    splits = MultipartPolicy(cast("Any", None), health, slots, threads, lambda: 0.0, FetchOptions())
    split = cast("MultipartDownload", HelpedSplit(*mine))
    elsewhere = HelpedSplit(*other)
    splits._running.update((split, cast("MultipartDownload", elsewhere)))
    assert splits._is_needed_elsewhere(split) is moves
    elsewhere.wants_helper = False
    assert not splits._is_needed_elsewhere(split)
    elsewhere.wants_helper = True
    splits._slots = TransferScheduler(1)
    assert not splits._is_needed_elsewhere(split)


@pytest.mark.parametrize(
    ("mine", "idle", "lends"), [((20, 0), 1, False), ((20, 0), 2, True), ((30, 0), 1, True)]
)
def test_an_idle_slot_is_for_the_body_that_ends_last(
    threads: ThreadPoolExecutor, mine: tuple[int, int], idle: int, *, lends: bool
) -> None:
    """One is left for each of those that will end later."""
    health = HostHealth(lambda: 0.0, first_backoff=8.0)
    splits = MultipartPolicy(
        cast("Any", None), health, TransferScheduler(idle), threads, lambda: 0.0, FetchOptions()
    )
    split = cast("MultipartDownload", HelpedSplit(*mine))
    splits._running.update((split, cast("MultipartDownload", HelpedSplit(50, 1))))
    loan = splits._borrow_slot(split, "a.xhscdn.com", lambda: None)
    assert (loan is not None) is lends
