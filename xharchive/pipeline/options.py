"""The settings of a run, gathered from the rooms, and the calls that they allow."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from xharchive.calls import CallOptions, Calls
from xharchive.candidates import Preference
from xharchive.convert import ConvertOptions
from xharchive.endpoints import DEFAULT_ORDER, ENDPOINTS, Endpoint
from xharchive.events import Listener
from xharchive.fetch import FetchOptions
from xharchive.replies import CutOff, Ledger
from xharchive.retry import RetryPolicy
from xharchive.stores import PosixStore
from xharchive.transport import Transport, TransportOptions

__all__ = ["ArchiveOptions", "calls_of", "now"]


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """All settings of a run, gathered from the rooms.

    `spent` of `max_calls` went to an earlier stage of the run; `refused` is why that was ended by the API.
    With `recheck_empty` notes known to be empty are asked for again, at their price. With `gallery` the pages
    to browse are refreshed at the end.
    """

    transport: TransportOptions = field(default_factory=TransportOptions)
    convert: ConvertOptions = field(default_factory=ConvertOptions)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    endpoints: tuple[Endpoint, ...] = tuple(ENDPOINTS[name] for name in DEFAULT_ORDER)
    prefer: Preference = Preference.ORIGINAL
    max_calls: int | None = None
    spent: int = 0
    refused: str = ""
    renew: bool = True
    recheck_empty: bool = False
    gallery: bool = False
    cut_off: CutOff = field(default_factory=dict)
    fetch: FetchOptions = field(default_factory=FetchOptions)


def calls_of(
    transport: Transport, store: PosixStore, options: ArchiveOptions, listen: Listener, random: Random
) -> Calls:
    """Return the paid calls of a run, with a ledger in which the run has a name of its own."""
    run = f"{now():%Y%m%dT%H%M%S}-{os.urandom(3).hex()}"
    limits = CallOptions(
        options.retry,
        options.transport.api_jobs,
        max_calls=options.max_calls,
        spent=options.spent,
        refused=options.refused,
        cut_off=options.cut_off,
    )
    return Calls(transport, Ledger(store.ledger, run, now), limits, listen, random=random)


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
