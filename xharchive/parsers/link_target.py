"""What the API says of a short link: where it leads (docs/api.md#short-links)."""

from xharchive.errors import ReplyUnusable
from xharchive.parsers.envelope import Envelope
from xharchive.parsers.fields import dig, word

__all__ = ["SHARE_URL", "SHARE_URL_PATH", "read_target"]

SHARE_URL = "share-url-transfer-v1"
"""The endpoint's name in the ledger."""
_LONGEST_TARGET = 4096
SHARE_URL_PATH = "/api/xiaohongshu/share-url-transfer/v1"


def read_target(envelope: Envelope) -> str:
    """Return the address that a short link leads to.

    Raises:
        ReplyUnusable: `empty`: the API knows of none.
    """
    data = envelope.data
    target = word(data if isinstance(data, str) else dig(data, "redirect_url") or dig(data, "redirectUrl"))
    if not 0 < len(target) <= _LONGEST_TARGET:
        raise ReplyUnusable("empty", "the API does not know where it leads")
    return target
