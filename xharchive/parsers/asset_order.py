"""The order in which a note's assets are listed, whatever replies they came from."""

from collections.abc import Iterable

from xharchive.media import AssetKind
from xharchive.models import Asset

__all__ = ["in_order"]

# A motion follows its still, so pictures and motions share a rank and are told apart by position first.
_RANKS = {
    AssetKind.VIDEO: 0,
    AssetKind.COVER: 1,
    AssetKind.IMAGE: 2,
    AssetKind.LIVE: 2,
    AssetKind.SUBTITLE: 3,
    AssetKind.SOUND: 4,
    AssetKind.MUSIC: 5,
}


def in_order(assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Return the assets as a reader meets them: video, cover, each picture with its motion, text, sound."""
    return tuple(sorted(assets, key=lambda asset: (_RANKS[asset.slot.kind], asset.slot.position, asset.slot)))
