"""The rows that need no opponent: each a function that works in a yard and says what it found."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from benchmarks.alone.call_count import call_count
from benchmarks.alone.finding import Finding, Yard
from benchmarks.alone.gallery import gallery_refresh
from benchmarks.alone.growth import growth
from benchmarks.alone.long_list import long_list
from benchmarks.alone.loop_lag import loop_lag
from benchmarks.alone.no_op import no_op
from benchmarks.alone.start_up import start_up

__all__ = ["ROWS", "Finding", "Yard"]

ROWS: Mapping[str, Callable[[Yard], list[Finding]]] = MappingProxyType(
    {
        "calls": call_count,
        "help": start_up,
        "list": long_list,
        "no-op": no_op,
        "gallery": gallery_refresh,
        "lag": loop_lag,
        "growth": growth,
    }
)
"""The rows by the names that ONLY takes."""
