"""Sorts the assets of a note into the order of the manifest."""

from collections.abc import Iterable

from xharchive.media import AssetKind
from xharchive.models import Asset

__all__ = ["sort_assets"]

# Images and motions share a rank: the position then puts each motion behind its still.
_RANKS = {
    AssetKind.VIDEO: 0,
    AssetKind.COVER: 1,
    AssetKind.IMAGE: 2,
    AssetKind.LIVE: 2,
    AssetKind.SUBTITLE: 3,
    AssetKind.SOUND: 4,
    AssetKind.MUSIC: 5,
}


def sort_assets(assets: Iterable[Asset]) -> tuple[Asset, ...]:
    """Sort by kind: video, cover, each image with its motion, subtitles, sound, music."""
    return tuple(sorted(assets, key=lambda asset: (_RANKS[asset.slot.kind], asset.slot.position, asset.slot)))
