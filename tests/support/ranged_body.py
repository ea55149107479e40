"""A body and a host that gives ranges of it in the worst ways, for `MultipartDownload` alone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from support.archive_paths import guarded
from support.body_streams import Arriving
from xharchive.download.multipart import MultipartDownload, MultipartSource
from xharchive.download.out_of_order import OutOfOrderBuffer
from xharchive.download.scheduler import Loan, TransferScheduler
from xharchive.errors import ConnectionFailed, IncompleteBody, NetworkError, Stalled
from xharchive.http import StreamResponse

__all__ = ["BODY", "Answer", "Host", "opened", "read_all", "slow_clock"]

BODY = Random(7).randbytes(32 * 1024)  # noqa: S311 - test data


class Answer(Arriving):
    """Bytes that come in odd pieces, with other tasks' turns between them; `then` is how it ends."""

    def __init__(self, body: bytes, random: Random, then: Exception | None = None, slowness: int = 6) -> None:
        super().__init__(length=len(body))
        self._body, self._random, self._then, self._slowness = body, random, then, slowness
        self.dropped = False
        self.holds: Callable[[], bool] = lambda: False

    async def read(self) -> bytes:
        for _ in range(self._random.randrange(self._slowness)):
            await asyncio.sleep(0)
        if len(self._body) < len(BODY) - 2048:
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
    refusals: int = 0
    divisions: int = 0
    under_way: int = 0
    most: int = 0
    fickle: float = 0.1
    failures: int = 0
    askers_after_two: set[object] = field(default_factory=set)

    def source(self) -> MultipartSource:
        return MultipartSource(
            "a.xhscdn.com",
            request=self.request,
            matches=self._fits,
            is_available=lambda: not self.refusals,
            on_refused=self._refused,
            on_split=self._divided,
            borrow_slot=self._lend,
            return_slot=self.slots.end_loan,
            is_needed_elsewhere=lambda _: self.random.random() < self.fickle,
        )

    def _fits(self, incoming: StreamResponse, first: int, last: int) -> bool:
        return incoming.length == last - first + 1

    def _refused(self, _: StreamResponse) -> None:
        self.refusals += 1

    def _divided(self) -> None:
        self.divisions += 1

    def _lend(self, _: MultipartDownload, recall: Callable[[], None]) -> Loan | None:
        return self.slots.lend("a.xhscdn.com", recall)

    @asynccontextmanager
    async def request(self, first: int, last: int) -> AsyncIterator[StreamResponse]:
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


def opened(
    host: Host,
    trunk: Answer,
    start: int,
    threads: ThreadPoolExecutor,
    folder: Path,
    clock: Callable[[], float] | None = None,
) -> MultipartDownload:
    """A split body, a slow one unless the clock says otherwise. Its trunk waits until a helper is proven."""
    buffer = OutOfOrderBuffer(guarded(folder / "x.ahead"), "the body")
    clock = clock or slow_clock()
    body = MultipartDownload(
        trunk, start, host.source(), threads, buffer, clock, resumes=(folder / "x.ahead").exists()
    )
    trunk.holds = lambda: bool(body._unproven) and not host.divisions
    return body


async def read_all(body: MultipartDownload, got: bytearray) -> None:
    while block := await body.read():
        got += block
