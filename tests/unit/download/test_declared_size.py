"""Whether a file can be what the reply declares."""

import pytest

from xharchive.download.file_checks import mismatch, same_shape
from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, Quality, Slot


def asset(kind: AssetKind, width: int = 0, height: int = 0, duration_ms: int = 0) -> Asset:
    return Asset(Slot(kind, 1), "v1", (), width, height, duration_ms)


def candidate(quality: Quality, duration_ms: int = 0) -> Candidate:
    return Candidate("https://a.xhscdn.com/k", quality, "field", duration_ms=duration_ms)


@pytest.mark.parametrize("kind", [AssetKind.IMAGE, AssetKind.COVER])
@pytest.mark.parametrize(
    ("quality", "size", "fits"),
    [
        (Quality.ORIGINAL, (1440, 1920), True),
        (Quality.ORIGINAL, (1920, 1440), True),
        (Quality.ORIGINAL, (1424, 1904), True),
        (Quality.ORIGINAL, (4284, 5712), True),
        (Quality.ORIGINAL, (200, 200), False),
        (Quality.ORIGINAL, (720, 960), False),
        (Quality.ORIGINAL, (1920, 1080), False),
        (Quality.TRANSCODE, (720, 960), True),
        (Quality.TRANSCODE, (1080, 810), True),
        (Quality.TRANSCODE, (15, 20), True),
        (Quality.TRANSCODE, (200, 200), False),
        (Quality.DEGRADED, (300, 400), True),
        (Quality.DEGRADED, (400, 100), False),
    ],
)
def test_a_picture_is_compared_with_what_its_quality_promises(
    kind: AssetKind, quality: Quality, size: tuple[int, int], *, fits: bool
) -> None:
    """An upload has the declared sides or more, a transcode their ratio; either may be turned."""
    told = mismatch(asset(kind, 1440, 1920), candidate(quality), *size, 0)
    assert told == ("" if fits else f"the reply declares 1440x1920, this is {size[0]}x{size[1]}")


@pytest.mark.parametrize(
    ("found", "of_asset", "of_stream", "fits"),
    [
        (100, 60_000, 0, False),
        (100, 0, 60_000, False),
        (100, 2_000, 0, False),
        (29_000, 60_000, 0, False),
        (31_000, 60_000, 0, True),
        (1_000, 3_000, 0, True),
        (1_000, 2_000, 60_000, True),
        (100, 0, 0, True),
        (0, 60_000, 60_000, True),
        (90_000, 60_000, 0, True),
    ],
)
@pytest.mark.parametrize("kind", [AssetKind.VIDEO, AssetKind.LIVE])
def test_a_film_is_not_far_shorter_than_declared(
    kind: AssetKind, found: int, of_asset: int, of_stream: int, *, fits: bool
) -> None:
    """Than the least that the reply says; short ones, as motions are, may vary more."""
    declared = asset(kind, duration_ms=of_asset)
    told = mismatch(declared, candidate(Quality.RENDITION, of_stream), 0, 0, found)
    most = max(of_asset, of_stream) / 1000
    assert told == ("" if fits else f"the reply declares {most:.1f} s, this is {found / 1000:.1f} s")


@pytest.mark.parametrize("size", [(0, 0), (200, 0), (0, 200)])
def test_what_nobody_tells_is_not_compared(size: tuple[int, int]) -> None:
    """An unknown side, of the file or of the reply; and the sides of a film."""
    upload = candidate(Quality.ORIGINAL)
    assert mismatch(asset(AssetKind.IMAGE, 1440, 1920), upload, *size, 0) == ""
    assert mismatch(asset(AssetKind.IMAGE, *size), upload, 20, 20, 0) == ""
    assert mismatch(asset(AssetKind.VIDEO, 1440, 1920), upload, 20, 20, 0) == ""


def test_shapes_are_compared_upright_and_turned() -> None:
    """Rounding counts where sides are small."""
    assert same_shape((3, 4), (900, 1200))
    assert same_shape((1200, 900), (90, 120))
    assert not same_shape((100, 100), (900, 1200))
