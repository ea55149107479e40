"""Parses the reply about a short link (docs/api.md#short-links)."""

from xharchive.errors import ReplyUnusable
from xharchive.parsers.envelope import Envelope
from xharchive.parsers.json_access import nested, stripped_text

__all__ = ["SHARE_URL", "SHARE_URL_PATH", "read_target"]

SHARE_URL = "share-url-transfer-v1"
"""The endpoint's name in the ledger."""
_LONGEST_TARGET = 4096
SHARE_URL_PATH = "/api/xiaohongshu/share-url-transfer/v1"


def read_target(envelope: Envelope) -> str:
    """Return the URL that a short link leads to.

    Raises:
        ReplyUnusable: `empty`: the reply has no URL.
    """
    data = envelope.data
    target = stripped_text(
        data if isinstance(data, str) else nested(data, "redirect_url") or nested(data, "redirectUrl")
    )
    if not 0 < len(target) <= _LONGEST_TARGET:
        raise ReplyUnusable("empty", "the API does not know where it leads")
    return target
