"""A newer reply of one endpoint gives addresses; the older one stays the frame (docs/decisions/0008)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from xharchive.media import AssetKind
from xharchive.models import Asset, MediaSource, Note, NoteId, NoteType, Slot
from xharchive.parsers import with_fresh_urls

_ID = NoteId("69aed4e2000000000e00c358")
_COVER = Slot(AssetKind.COVER)
_VIDEO = Slot(AssetKind.VIDEO)


def still(position: int, name: str = "", age: str = "old") -> Asset:
    """A picture under a storage name, with an address that tells its age."""
    sources = (MediaSource("f", url=f"https://h/{name}?{age}", key=name),) if name else ()
    return Asset(Slot(AssetKind.IMAGE, position), "v1", sources)


def keyless(position: int, age: str) -> Asset:
    """A picture whose addresses say nothing about which one it is."""
    return Asset(Slot(AssetKind.IMAGE, position), "v1", (MediaSource("f", url=f"https://h/{age}{position}"),))


def motion(position: int, name: str) -> Asset:
    return Asset(Slot(AssetKind.LIVE, position), "v1", (MediaSource("h264", url=f"https://v/{name}"),))


def note(*assets: Asset) -> Note:
    return Note(_ID, NoteType.IMAGE, ("v1",), title="a title", assets=assets)


def addresses(found: Note) -> dict[str, str]:
    return {str(asset.slot): asset.sources[0].url if asset.sources else "" for asset in found.assets}


def test_each_picture_gets_its_own_new_address() -> None:
    """Whatever the order in which the author put them meanwhile; the note's text is the old one's."""
    old = note(still(1, "a"), still(2, "b"), still(3, "c"))
    new = replace(note(still(1, "c", "new"), still(2, "a", "new"), still(3, "b", "new")), title="another")
    found = with_fresh_urls(old, new)
    assert addresses(found) == {
        "image-1": "https://h/a?new",
        "image-2": "https://h/b?new",
        "image-3": "https://h/c?new",
    }
    assert found.title == "a title"


def test_a_picture_that_was_removed_keeps_its_number() -> None:
    """And its old address; those behind it do not move up."""
    found = with_fresh_urls(note(still(1, "a"), still(2, "b")), note(still(1, "b", "new")))
    assert addresses(found) == {"image-1": "https://h/a?old", "image-2": "https://h/b?new"}


def test_a_picture_that_was_added_comes_behind() -> None:
    """Though the author put it first, with its motion."""
    new = note(still(1, "z", "new"), motion(1, "z.mp4"), still(2, "a", "new"))
    found = with_fresh_urls(note(still(1, "a"), still(2, "b")), new)
    assert addresses(found) == {
        "image-1": "https://h/a?new",
        "image-2": "https://h/b?old",
        "image-3": "https://h/z?new",
        "live-3": "https://v/z.mp4",
    }


def test_motions_move_with_their_stills() -> None:
    """A motion without its still belongs nowhere."""
    old = note(still(1, "a"), motion(1, "a-old.mp4"), still(2, "b"), motion(2, "b-old.mp4"))
    new = note(still(1, "b", "new"), motion(1, "b-new.mp4"), motion(9, "stray.mp4"))
    assert addresses(with_fresh_urls(old, new)) == {
        "image-1": "https://h/a?old",
        "live-1": "https://v/a-old.mp4",
        "image-2": "https://h/b?new",
        "live-2": "https://v/b-new.mp4",
    }


def test_one_picture_that_stands_twice() -> None:
    """Each of them has its place."""
    old = note(still(1, "a"), still(2, "a"))
    found = with_fresh_urls(old, note(still(1, "a", "new"), still(2, "a", "new")))
    assert addresses(found) == {"image-1": "https://h/a?new", "image-2": "https://h/a?new"}


def test_what_the_new_one_has_no_address_for_keeps_the_old() -> None:
    """A slot without a source is no news."""
    found = with_fresh_urls(note(keyless(1, "old"), still(2, "b")), note(still(1), still(2, "b", "new")))
    assert addresses(found)["image-1"] == "https://h/old1"


def test_where_nothing_tells_them_apart_the_place_decides() -> None:
    """As many pictures in both, and no storage name in either."""
    old = note(keyless(1, "old"), keyless(2, "old"))
    assert addresses(with_fresh_urls(old, note(keyless(1, "new"), keyless(2, "new")))) == {
        "image-1": "https://h/new1",
        "image-2": "https://h/new2",
    }


def test_other_pictures_altogether() -> None:
    """All have names, none is known: nothing is put in the place of what was declared."""
    found = with_fresh_urls(note(still(1, "a")), note(still(1, "z", "new")))
    assert addresses(found) == {"image-1": "https://h/a?old", "image-2": "https://h/z?new"}


def test_a_cover_only_if_it_is_the_same() -> None:
    """A video's cover is known by its name too; video and sound by what they are."""

    def film(cover: str, age: str) -> Note:
        sources = (MediaSource("f", url=f"https://h/{cover}?{age}", key=cover),)
        return note(
            Asset(_COVER, "v1", sources), Asset(_VIDEO, "v1", (MediaSource("s", url=f"https://v/{age}"),))
        )

    assert addresses(with_fresh_urls(film("c", "old"), film("c", "new"))) == {
        "cover": "https://h/c?new",
        "video": "https://v/new",
    }
    assert addresses(with_fresh_urls(film("c", "old"), film("d", "new"))) == {
        "cover": "https://h/c?old",
        "video": "https://v/new",
    }
    assert addresses(with_fresh_urls(note(), film("c", "new")))["cover"] == "https://h/c?new"


_names = st.lists(st.sampled_from("abcdef"), max_size=6)


@given(_names, _names)
def test_no_picture_ever_gets_anothers_address(ours: list[str], theirs: list[str]) -> None:
    """Every declared slot stays what it was, every new address is of the picture that stands there."""
    old = note(*(still(place, name) for place, name in enumerate(ours, 1)))
    new = note(*(still(place, name, "new") for place, name in enumerate(theirs, 1)))
    found = {asset.slot.position: asset.sources[0].key for asset in with_fresh_urls(old, new).assets}
    assert [found[place] for place in range(1, len(ours) + 1)] == ours
    assert set(found) == set(range(1, len(found) + 1))
    assert set(found.values()) == set(ours) | set(theirs)
