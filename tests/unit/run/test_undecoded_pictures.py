"""Pictures that are sound as files and that nobody here decoded."""

from pathlib import Path

import pytest
from support.command import manifests, run
from support.fake_world import FakeWorld

from xharchive.images import Converter, DecodedImage, DecodeStatus
from xharchive.media import Format

HEIC_NOTE = "69aed4e2000000000e00c358"
WEBP_NOTE = "694c7be6000000002200e19b"


@pytest.fixture
def verdict(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DecodeStatus:
    """Every picture gets this verdict."""
    found: DecodeStatus = request.param

    async def examine(_self: Converter, _picture: Path, _found: Format, *_made: object) -> DecodedImage:
        return DecodedImage(found, detail="more than 60000000 pixels")

    monkeypatch.setattr(Converter, "examine", examine)
    return found


@pytest.mark.parametrize("verdict", [DecodeStatus.TOO_LARGE], indirect=True)
def test_a_large_picture_that_needs_no_conversion_is_complete(
    world: FakeWorld, tmp_path: Path, verdict: DecodeStatus
) -> None:
    """A phone's 100-megapixel WebP is archived byte for byte; nothing is missing, and its entry says why."""
    assert run(["get", WEBP_NOTE, "-d", tmp_path, *world.options]).code == 0
    data = manifests(tmp_path)[WEBP_NOTE]
    assert data["gaps"] == []
    assert {entry["problem"] for entry in data["files"]} == {"not decoded here: more than 60000000 pixels"}


@pytest.mark.parametrize(
    "verdict", [DecodeStatus.TOO_LARGE, DecodeStatus.DIED, DecodeStatus.UNREADABLE], indirect=True
)
def test_a_heif_without_its_derivative_is_partial(
    world: FakeWorld, tmp_path: Path, verdict: DecodeStatus
) -> None:
    """The original is there, the derivative is the gap: never both archived and missing."""
    assert run(["get", HEIC_NOTE, "-d", tmp_path, *world.options]).code == 3
    data = manifests(tmp_path)[HEIC_NOTE]
    assert "01.heic" in {entry["path"] for entry in data["files"]}
    (gap,) = data["gaps"]
    assert (gap["kind"], gap["role"], gap["reason"]) == ("image", "derivative", "undecodable")


@pytest.mark.parametrize("verdict", [DecodeStatus.DIED, DecodeStatus.UNREADABLE], indirect=True)
def test_an_unreadable_picture_is_never_silent(
    world: FakeWorld, tmp_path: Path, verdict: DecodeStatus
) -> None:
    """Also where no conversion was wanted: it is kept, and the note is partial."""
    assert run(["get", WEBP_NOTE, "-d", tmp_path, *world.options]).code == 3
    data = manifests(tmp_path)[WEBP_NOTE]
    assert {gap["reason"] for gap in data["gaps"]} == {"undecodable"}
    assert len(data["files"]) == 2
