"""The settings of a run, and the connections for them."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random

from xharchive.api import ApiClient, CallOptions, Rate
from xharchive.api.ledger import CutOff, Ledger
from xharchive.archive import Archive
from xharchive.download import FetchOptions
from xharchive.events import Listener
from xharchive.http import Transport, TransportOptions, connect
from xharchive.images import ConvertOptions
from xharchive.parsers import DEFAULT_ORDER, ENDPOINTS, Endpoint
from xharchive.retry import RetryPolicy
from xharchive.url_candidates import Preference

now = partial(datetime.now, UTC)
"""The clock of a run."""


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """All settings of a run.

    Attributes:
        endpoints: the endpoints to call, the first choice first.
        rate: shared by all stages of the run, so that the first call of a stage keeps its distance from the
            last call of the stage before.
        max_calls: the budget; None means no limit.
        spent: how many calls of the budget earlier stages spent.
        refused: the reason why the API ended an earlier stage, or "".
        renew: make a paid call for new URLs if the URLs of an asset are expired.
        recheck_empty: call the API again for notes known to be empty.
        gallery: refresh the gallery at the end.
        report_each: report each unchanged note with an event of its own, also if the index is trusted.
        cut_off: interrupted calls of earlier runs, which must not be repeated.
    """

    transport: TransportOptions = field(default_factory=TransportOptions)
    convert: ConvertOptions = field(default_factory=ConvertOptions)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    endpoints: tuple[Endpoint, ...] = tuple(ENDPOINTS[name] for name in DEFAULT_ORDER)
    prefer: Preference = Preference.ORIGINAL
    rate: Rate | None = None
    max_calls: int | None = None
    spent: int = 0
    refused: str = ""
    renew: bool = True
    recheck_empty: bool = False
    gallery: bool = False
    report_each: bool = True
    cut_off: CutOff = field(default_factory=dict)
    fetch: FetchOptions = field(default_factory=FetchOptions)


@asynccontextmanager
async def connected(
    archive: Archive, options: ArchiveOptions, listen: Listener
) -> AsyncIterator[tuple[Transport, ApiClient]]:
    """Open the connections of a stage of a run, whose calls get a new name in the ledger."""
    run = f"{now():%Y%m%dT%H%M%S}-{os.urandom(3).hex()}"
    limits = CallOptions(
        options.retry,
        options.transport.api_jobs,
        rate=options.rate,
        max_calls=options.max_calls,
        spent=options.spent,
        refused=options.refused,
        cut_off=options.cut_off,
    )
    async with connect(options.transport) as transport:
        ledger = Ledger(archive.ledger, run, now)
        yield transport, ApiClient(transport, ledger, limits, listen, random=seeded())


def seeded() -> Random:
    """Return a source of chance, which spreads retries in time and protects no secret."""
    return Random(os.urandom(16))  # noqa: S311
