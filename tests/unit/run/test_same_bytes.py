"""Pictures of one note with the same bytes."""

from xharchive.manifest import FileEntry, MissingAsset, Role
from xharchive.media import AssetKind
from xharchive.models import Asset, Slot
from xharchive.run.archive_asset import AssetOutcome, with_same_bytes_hints


def slot(position: int) -> Slot:
    return Slot(AssetKind.IMAGE, position)


def part(position: int, sha256: str, key: str, problem: str = "") -> AssetOutcome:
    path = f"0{position}.jpg"
    checks = ("length", "decoded")
    entry = FileEntry(
        path,
        Role.ORIGINAL,
        slot(position),
        9,
        sha256,
        "image/jpeg",
        url_path=key,
        checks=checks,
        problem=problem,
    )
    return AssetOutcome((entry,))


def problems(parts: dict[Slot, AssetOutcome], *, width: int = 0) -> list[str]:
    assets = [Asset(each, "v1", (), width, width) for each in parts]
    return [each.files[0].problem for each in with_same_bytes_hints(parts, assets).values()]


def test_it_is_said_where_no_size_is_declared() -> None:
    """Of each, with the names of the others; not where the sizes are declared and fit."""
    parts = {slot(at): part(at, "same", f"/{at}") for at in (1, 2, 3)}
    assert problems(parts)[0] == "the same bytes as 02.jpg, 03.jpg"
    assert problems(parts, width=9) == ["", "", ""]


def test_other_bytes_and_the_same_key_are_no_hint() -> None:
    """A note may show one file in two places."""
    assert problems({slot(1): part(1, "a", "/1"), slot(2): part(2, "b", "/2")}) == ["", ""]
    assert problems({slot(1): part(1, "a", "/1"), slot(2): part(2, "a", "/1")}) == ["", ""]


def test_it_is_added_to_what_does_not_fit_and_taken_back() -> None:
    """Run after run the sentence is made anew."""
    parts = {slot(at): part(at, "same", f"/{at}", "it is small") for at in (1, 2)}
    once = with_same_bytes_hints(parts, [])
    assert once[slot(1)].files[0].problem == "it is small; the same bytes as 02.jpg"
    assert [gap.reason for gap in once[slot(1)].missing] == ["not-as-declared"]
    assert with_same_bytes_hints(once, []) == once
    alone = with_same_bytes_hints({slot(1): once[slot(1)]}, [])
    assert alone[slot(1)].files[0].problem == "it is small"


def test_the_gap_goes_with_the_hint() -> None:
    """A picture that is replaced frees the other of suspicion; other gaps stay."""
    once = with_same_bytes_hints({slot(at): part(at, "same", f"/{at}") for at in (1, 2)}, [])
    assert [gap.reason for gap in once[slot(1)].missing] == ["same-bytes"]
    other = MissingAsset(slot(1), Role.DERIVATIVE, "not-converted", "")
    first = AssetOutcome(once[slot(1)].files, (*once[slot(1)].missing, other))
    later = with_same_bytes_hints(
        {slot(1): first, slot(2): part(2, "new", "/2"), slot(3): AssetOutcome()}, []
    )
    assert (later[slot(1)].files[0].problem, later[slot(1)].missing) == ("", (other,))
