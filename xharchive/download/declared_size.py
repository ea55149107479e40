"""Compare a good file with the size that the reply declares.

A host may serve a placeholder under the right URL.
Declared sizes are sometimes wrong, so a file that differs is not rejected at once. The fetcher tries the
other candidates, then archives the best file and marks it as doubtful.
"""

from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, Quality

NOT_AS_DECLARED = "not-as-declared"
"""The reason code of a file that differs from the declared size, in a refusal or with a missing asset."""

_PICTURE_KINDS = frozenset((AssetKind.IMAGE, AssetKind.COVER))
_VIDEO_KINDS = frozenset((AssetKind.VIDEO, AssetKind.LIVE))
# Encoders pad and crop to whole blocks, and scaling rounds.
_SIDE_SLACK, _SIDE_TOLERANCE = 16, 0.03
_ROUNDING = 2
# The platform trims motions after it declared their length; short ones vary most.
_MIN_FRACTION, _MIN_FRACTION_OF_LONG, _LONG_MS = 0.2, 0.5, 5_000


def mismatch(asset: Asset, candidate: Candidate, width: int, height: int, duration_ms: int) -> str:
    """Return a sentence on how a file differs from what the reply declares, or "" if it fits.

    Compares only what both sides state; 0 means unknown. An uploaded picture must have at least the declared
    sides. A transcode must have their ratio. Width and height may be swapped, because pictures may be
    rotated. A video must not be far shorter than the shortest declared duration. Its sides are not compared:
    renditions and uploads are rotated and cropped, and no reply says so.
    """
    kind = asset.slot.kind
    if kind in _VIDEO_KINDS:
        lengths = [length for length in (asset.duration_ms, candidate.duration_ms) if length]
        if lengths and duration_ms and _is_far_shorter(duration_ms, min(lengths)):
            return f"the reply declares {_seconds(max(lengths))}, this is {_seconds(duration_ms)}"
    if not (kind in _PICTURE_KINDS and width and height and asset.width and asset.height):
        return ""
    fits = _has_sides if candidate.quality is Quality.ORIGINAL else same_shape
    if fits((width, height), (asset.width, asset.height)):
        return ""
    return f"the reply declares {asset.width}x{asset.height}, this is {width}x{height}"


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes have the same ratio of width to height, possibly rotated."""
    return any(_same_ratio(one, sides) for sides in (other, other[::-1]))


def _has_sides(found: tuple[int, int], declared: tuple[int, int]) -> bool:
    return any(all(map(_is_long_enough, found, sides)) for sides in (declared, declared[::-1]))


def _is_long_enough(found: int, declared: int) -> bool:
    return found >= declared - max(_SIDE_SLACK, declared * _SIDE_TOLERANCE)


def _same_ratio(one: tuple[int, int], other: tuple[int, int]) -> bool:
    width, height = one
    expected = width * other[1] / other[0], height * other[0] / other[1]
    pairs = ((height, expected[0]), (width, expected[1]))
    return any(abs(side - scaled) <= max(_ROUNDING, side * _SIDE_TOLERANCE) for side, scaled in pairs)


def _is_far_shorter(found: int, declared: int) -> bool:
    if declared - found > _LONG_MS:
        return found < declared * _MIN_FRACTION_OF_LONG
    return found < declared * _MIN_FRACTION


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"
