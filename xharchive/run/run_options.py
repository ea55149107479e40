"""The settings of a run, gathered from the rooms, and the calls that they allow."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from xharchive.api import CallOptions, Calls, Rate
from xharchive.archive import PosixStore
from xharchive.candidates import Preference
from xharchive.download import FetchOptions
from xharchive.events import Listener
from xharchive.http import Transport, TransportOptions
from xharchive.images import ConvertOptions
from xharchive.parsers import DEFAULT_ORDER, ENDPOINTS, Endpoint
from xharchive.replies import CutOff, Ledger
from xharchive.retry import RetryPolicy

__all__ = ["ArchiveOptions", "calls_of", "now"]


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """All settings of a run, gathered from the rooms.

    All stages of the run share the `rate`, so that the first call of one keeps its distance to the last of
    the one before. `spent` of `max_calls` went to an earlier stage; `refused`: why that was ended by the API.
    With `recheck_empty` notes known to be empty are asked for again, at their price. With `gallery` the pages
    to browse are refreshed at the end. With `tell_all` each note that needs nothing has its end told, else
    some are only counted.
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
    tell_all: bool = True
    cut_off: CutOff = field(default_factory=dict)
    fetch: FetchOptions = field(default_factory=FetchOptions)


def calls_of(
    transport: Transport,
    store: PosixStore,
    options: ArchiveOptions,
    listen: Listener,
    random: Random,
    asking: Callable[[int], None] = lambda _: None,
    keeping: Callable[[int], None] = lambda _: None,
) -> Calls:
    """Return the paid calls of a run, with a ledger in which the run has a name of its own.

    `asking` is told of questions that come (1) and that are through (-1), `keeping` of what is written down.
    """
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
    return Calls(
        transport,
        Ledger(store.ledger, run, now),
        limits,
        listen,
        random=random,
        asking=asking,
        keeping=keeping,
    )


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
