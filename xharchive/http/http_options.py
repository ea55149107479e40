"""How to reach the API and the CDN, and how long to wait for them."""

from dataclasses import dataclass, field

from xharchive.allowlist import Borders
from xharchive.http.min_rate import LeastRate
from xharchive.models import LARGEST_REPLY
from xharchive.proxies import Proxies
from xharchive.redaction import Secret

__all__ = ["MIN_RATE", "TransportOptions"]

MIN_RATE = 256.0
"""Bytes a second, the default least rate: 16 transfers at once over a line of 33 kbit/s have that each."""
_STALLS_IN_WINDOW = 2.0


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to reach the API and the CDN. Times in seconds, `largest_reply` in bytes.

    `stall` is the longest silence while a body arrives, and the longest time from a media request to the end
    of the headers. There is no limit on the whole of a body, because a video may take an hour. But it must
    bring `min_rate` bytes a second, on average over a window of twice `stall`; 0 allows any rate.
    The API's limit is on the whole call: the vendor advises 120 (docs/api.md#calls).
    """

    api_base: str = "https://api.justoneapi.com"
    token: Secret = field(default_factory=lambda: Secret(""))
    borders: Borders = field(default_factory=Borders)
    proxies: Proxies = field(default_factory=Proxies)
    connect: float = 10.0
    stall: float = 30.0
    min_rate: float = MIN_RATE
    api_timeout: float = 120.0
    jobs: int = 16
    per_host: int = 8
    api_jobs: int = 3
    largest_reply: int = LARGEST_REPLY

    @property
    def least_rate(self) -> LeastRate | None:
        """What a media body must bring in each window, None if any rate will do."""
        window = _STALLS_IN_WINDOW * self.stall
        return LeastRate(self.min_rate * window, window) if self.min_rate else None
