"""Whether a good file can be what the reply declares: a host may serve a stand-in under the right address.

Declared sizes are evidence, not law (they are wrong at times), so a file that does not fit is not refused for
good: other candidates are tried, and the best of all is kept and marked.
"""

from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, Quality

__all__ = ["NOT_AS_DECLARED", "misfit", "same_shape"]

NOT_AS_DECLARED = "not-as-declared"
"""The reason under which a file that does not fit is refused, or kept with a gap."""

_PICTURES = frozenset((AssetKind.IMAGE, AssetKind.COVER))
_FILMS = frozenset((AssetKind.VIDEO, AssetKind.LIVE))
# Encoders pad and crop to whole blocks, and scaling rounds.
_SIDE_SLACK, _SIDE_TOLERANCE = 16, 0.03
_ROUNDING = 2
# Motions are cut after they were declared, and short ones vary most.
_LEAST_PART, _LEAST_PART_OF_LONG, _LONG_MS = 0.2, 0.5, 5_000


def misfit(asset: Asset, candidate: Candidate, width: int, height: int, duration_ms: int) -> str:
    """Return how a file differs from what the reply declares of it, as a sentence; "" if it fits.

    Only what both sides tell is compared: 0 means unknown. An uploaded picture has the declared sides or
    more. A transcode is scaled, and keeps their ratio. Turned pictures may have their sides swapped. A film
    is not far shorter than everything that the reply says of its length; its sides are not compared, since
    renditions and uploads are rotated and cropped in ways that no reply tells.
    """
    kind = asset.slot.kind
    if kind in _FILMS:
        lengths = [length for length in (asset.duration_ms, candidate.duration_ms) if length]
        if lengths and duration_ms and _is_far_shorter(duration_ms, min(lengths)):
            return f"the reply declares {_seconds(max(lengths))}, this is {_seconds(duration_ms)}"
    if not (kind in _PICTURES and width and height and asset.width and asset.height):
        return ""
    fits = _has_sides if candidate.quality is Quality.ORIGINAL else same_shape
    if fits((width, height), (asset.width, asset.height)):
        return ""
    return f"the reply declares {asset.width}x{asset.height}, this is {width}x{height}"


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two pairs of sides have the same ratio, upright or turned."""
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
        return found < declared * _LEAST_PART_OF_LONG
    return found < declared * _LEAST_PART


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"
