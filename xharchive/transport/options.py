"""How to reach the API and the CDN, and how long to wait for them."""

from dataclasses import dataclass, field

from xharchive.borders import Borders
from xharchive.models import LARGEST_REPLY
from xharchive.redaction import Secret

__all__ = ["TransportOptions"]


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to reach the API and the CDN. Times in seconds, `largest_reply` in bytes.

    `stall` is the longest silence while a body arrives; there is no limit on the whole of it, because a video
    may take an hour. The API's limit is on the whole call: the vendor advises 120 (PAYLOADS 1).
    """

    api_base: str = "https://api.justoneapi.com"
    token: Secret = field(default_factory=lambda: Secret(""))
    borders: Borders = field(default_factory=Borders)
    connect: float = 10.0
    stall: float = 30.0
    api_timeout: float = 120.0
    jobs: int = 16
    per_host: int = 8
    api_jobs: int = 3
    largest_reply: int = LARGEST_REPLY
