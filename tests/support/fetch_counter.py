"""A fetcher at its counter: what it asks, how long it waits, what it says."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from support.fake_world import FakeWorld
from support.raw_http import deaf_port
from xharchive.archive_path import ArchivePath
from xharchive.download import Fetcher, FetchFailure, FetchRequest, FetchResult, TransferScheduler
from xharchive.events import CandidateRefused, Event
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import TransportOptions, connect
from xharchive.images import Converter, ConvertOptions, ImageFormat
from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, NoteId, Quality, Slot
from xharchive.retry import RetryPolicy

__all__ = ["MIRRORS", "NOTE", "STREAM", "V8", "V10", "V11", "VIDEO_NOTE", "Counter", "bad", "counter", "good"]

NOTE = NoteId("69aed4e2000000000e00c358")
VIDEO_NOTE = NoteId("69637d24000000001b01d5f2")
STREAM = "/stream/1/10/66/01e9aed4e1c5ccfb010050019cd2efcf84_66.mp4"
V8, V10, V11 = (f"sns-{name}.rednotecdn.com" for name in ("v8", "v10", "v11"))
MIRRORS = tuple(Candidate(f"https://{host}{STREAM}", Quality.RENDITION, "h265[0]") for host in (V8, V10))


@dataclass
class Counter:
    """A fetcher, the clock that its pauses move, and everything that it says."""

    fetcher: Fetcher
    slots: TransferScheduler
    root: Path
    waits: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    now: float = 0.0

    async def fetch(
        self, candidates: tuple[Candidate, ...], kind: AssetKind = AssetKind.LIVE
    ) -> FetchResult | FetchFailure:
        asset = Asset(Slot(kind, 1), "v1", ())
        root = ArchivePath(self.root)
        return await self.fetcher.fetch(
            FetchRequest(NOTE, asset, candidates, root / "x.part", root / "x.derivative")
        )

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [
            (event.host.split(".")[0], event.reason)
            for event in self.events
            if isinstance(event, CandidateRefused)
        ]


@asynccontextmanager
async def counter(
    world: FakeWorld, root: Path, retries: int = 2, places: int = 4, stall: float = 60.0, gone: str = "none"
) -> AsyncIterator[Counter]:
    """A fetcher whose media hosts are all the fake world, but for one; its pauses pass at once."""
    slots = TransferScheduler(places)
    with deaf_port() as port:
        nowhere = HostOverride(gone, "127.0.0.1", port)
        async with _counter(world, root, retries, slots, stall, nowhere) as desk:
            yield desk


@asynccontextmanager
async def _counter(
    world: FakeWorld, root: Path, retries: int, slots: TransferScheduler, stall: float, nowhere: HostOverride
) -> AsyncIterator[Counter]:
    borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", world.port), nowhere))
    async with (
        connect(TransportOptions(borders=borders, stall=stall)) as transport,
        Converter(ConvertOptions(image_format=ImageFormat.KEEP, workers=1)) as converter,
    ):
        with ThreadPoolExecutor(2) as threads:
            desk: Counter
            events: list[Event] = []

            async def wait(seconds: float) -> None:
                desk.waits.append(seconds)
                desk.now += seconds

            fetcher = Fetcher(
                transport,
                converter,
                slots,
                threads,
                RetryPolicy(retries, 1.0),
                events.append,
                random=Random(3),  # noqa: S311 - spreads pauses
                now=lambda: datetime(2026, 1, 2, tzinfo=UTC),
                monotonic=lambda: desk.now,
                wait=wait,
            )
            desk = Counter(fetcher, slots, root, events=events)
            yield desk


def good(outcome: FetchResult | FetchFailure) -> FetchResult:
    """The outcome, which must be a file."""
    assert isinstance(outcome, FetchResult), outcome
    return outcome


def bad(outcome: FetchResult | FetchFailure) -> FetchFailure:
    """The outcome, which must be none."""
    assert isinstance(outcome, FetchFailure), outcome
    return outcome
