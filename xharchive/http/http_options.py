"""The settings of HTTP requests."""

from dataclasses import dataclass, field

from xharchive.host_allowlist import AllowList
from xharchive.models import LARGEST_REPLY
from xharchive.proxies import Proxies
from xharchive.redaction import Secret

MIN_RATE = 256.0
"""The default least rate in bytes a second: the share of each of 16 transfers on a line of 33 kbit/s."""
_WINDOW_PER_STALL = 2.0  # the length of the window for the least rate, as a multiple of `stall`


@dataclass(frozen=True, slots=True)
class MinRate:
    """The bytes (`size`) that a body must bring in each window of `window` seconds."""

    size: float
    window: float

    def __str__(self) -> str:
        return f"{self.size / self.window:,.0f} bytes a second over {self.window:g} s"


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """Hosts, time-outs and limits of HTTP requests. Times are in seconds, sizes in bytes.

    - `api_base`, `token`: the URL of the API without a path, and the token.
    - `borders`, `proxies`: the allow-list and the proxies.
    - `connect`: time-out of a connection attempt.
    - `stall`: time-out without a byte of the body, and from a media request to the end of the headers. The
      body as a whole has no time-out, because a video may take an hour.
    - `min_rate`: bytes a second that a media body must bring, on average over a window of twice `stall`; 0
      for any rate.
    - `api_timeout`: time-out of a complete API call; the vendor advises 120 (docs/api.md#calls).
    - `jobs`, `per_host`: the most media connections, in all and to one host.
    - `api_jobs`: the most API connections.
    - `largest_reply`: the largest API response.
    """

    api_base: str = "https://api.justoneapi.com"
    token: Secret = field(default_factory=lambda: Secret(""))
    borders: AllowList = field(default_factory=AllowList)
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
    def least_rate(self) -> MinRate | None:
        """The least rate of a media body; None if any rate is allowed."""
        window = _WINDOW_PER_STALL * self.stall
        return MinRate(self.min_rate * window, window) if self.min_rate else None
