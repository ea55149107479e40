"""A body and a host that gives ranges of it in the worst ways, for `MultipartBody` alone."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import cast

from support.archive_paths import guarded
from support.body_streams import Arriving
from xharchive.download.hosts import HostHealth
from xharchive.download.multipart import MultipartBody
from xharchive.download.part_file import PartFile, range_paths
from xharchive.download.scheduler import Multipart, TransferScheduler
from xharchive.errors import ConnectionFailed, IncompleteBody, NetworkError, Stalled
from xharchive.http import ContentRange, StreamResponse, Transport

__all__ = ["BODY", "Answer", "Host", "opened", "part_of", "read_all", "slow_clock"]

BODY = Random(7).randbytes(32 * 1024)  # noqa: S311 - test data
_NAME = "a.xhscdn.com"
_URL = f"https://{_NAME}/x"
_ETAG = '"one"'


class Answer(Arriving):
    """Bytes that come in odd pieces, with other tasks' turns between them; `then` is how it ends."""

    def __init__(self, body: bytes, random: Random, then: Exception | None = None, slowness: int = 6) -> None:
        super().__init__(length=len(body))
        self.url = _URL
        self._body, self._random, self._then, self._slowness = body, random, then, slowness
        self.dropped = False
        self.runs_on = 2048
        self.holds: Callable[[], bool] = lambda: False

    async def read(self) -> bytes:
        for _ in range(self._random.randrange(self._slowness)):
            await asyncio.sleep(0)
        if len(self._body) < len(BODY) - self.runs_on:
            while self.holds():  # noqa: ASYNC110 - turns that threads need too
                await asyncio.sleep(0)
        assert not self.dropped, "read after it was given up"
        size = self._random.randint(1, 1400)
        piece, self._body = self._body[:size], self._body[size:]
        if not piece and self._then is not None:
            raise self._then
        return piece

    def drop(self) -> None:
        self.dropped = True


@dataclass
class Host:
    """Answers ranges, the n-th one as `kinds` says, good ones after the last."""

    kinds: list[str]
    random: Random
    slots: TransferScheduler
    asked: list[tuple[int, int]] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    failures: int = 0
    askers_after_two: set[object] = field(default_factory=set)
    gives_ranges: bool = True

    @asynccontextmanager
    async def open(self, _: str, headers: dict[str, str]) -> AsyncIterator[StreamResponse]:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", headers["Range"])
        assert wanted is not None
        assert headers["If-Range"] == _ETAG
        first, last = int(wanted[1]), int(wanted[2])
        async with self.request(first, last) as incoming:
            incoming.status, incoming.validator = 206, _ETAG
            incoming.span = ContentRange(first, last, len(BODY))
            yield incoming

    @asynccontextmanager
    async def request(self, first: int, last: int) -> AsyncIterator[StreamResponse]:
        assert self.gives_ranges, "asked again"
        kind = self.kinds[len(self.asked)] if len(self.asked) < len(self.kinds) else "good"
        self.asked.append((first, last))
        if self.failures >= 2:
            self.askers_after_two.add(asyncio.current_task())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        body = BODY[first : last + 1]
        cut = self.random.randrange(len(body))
        try:
            await asyncio.sleep(0)
            if kind == "unreachable":
                raise ConnectionFailed("no")
            if kind == "refused":
                yield Answer(BODY, self.random)
            elif kind == "shorter":
                yield Answer(body[:-1], self.random)
            elif kind in ("cut", "silent"):
                problem = IncompleteBody("cut") if kind == "cut" else Stalled("silent")
                answer = Answer(body[:cut], self.random, problem)
                answer.length = len(body)
                yield answer
            else:
                yield Answer(body, self.random, slowness=2000 if kind == "slow" else 6)
        except NetworkError:
            self.failures += 1
            raise
        finally:
            self.under_way -= 1


def slow_clock() -> Callable[[], float]:
    """A clock that goes on by a second each time that it is looked at."""
    clock = count()
    return lambda: float(next(clock))


def part_of(folder: Path, start: int) -> PartFile:
    """The part file of the body, with so many bytes."""
    file = PartFile(guarded(folder / "x.part"), _URL)
    answer = Arriving(length=len(BODY))
    answer.validator = _ETAG
    file.restart(answer)
    file.size, file.has_ranges = start, bool(range_paths(file.path))
    return file


def opened(
    host: Host,
    trunk: Answer,
    start: int,
    threads: ThreadPoolExecutor,
    folder: Path,
    clock: Callable[[], float] | None = None,
) -> MultipartBody:
    """A split body, a slow one unless the clock says otherwise. Its trunk waits until a helper is proven."""
    clock = clock or slow_clock()
    health = HostHealth(clock, 8.0)
    run = Multipart(cast("Transport", host), health, host.slots, threads, clock)
    body = MultipartBody(run, trunk, part_of(folder, start), _URL, _NAME, {})
    trunk.holds = lambda: body._unproven is not None and not body.plan.is_split
    return body


async def read_all(body: MultipartBody, got: bytearray) -> None:
    while block := await body.read():
        got += block
