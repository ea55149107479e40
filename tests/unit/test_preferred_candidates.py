"""What --prefer changes, and what fits where there is little room."""

import pytest
from support.declared_assets import (
    BARE,
    JPEG,
    MD5,
    declared,
    files,
    key_source,
    movie,
    picture,
    ranked,
    stream,
    urls,
    view,
)

from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, MediaSource, Quality, Slot
from xharchive.url_candidates import Preference


def test_largest_ranks_by_pixels_touched_or_not() -> None:
    """A rendition with more pixels than the upload is preferred; a marked one never is."""
    upload = MediaSource("origin", key="k", quality=Quality.ORIGINAL, pixels=100)
    streams = (
        stream("more", pixels=200),
        stream("same", pixels=100),
        stream("marked", Quality.DEGRADED, pixels=900),
    )
    assert files(movie(upload, *streams), Preference.LARGEST) == ["more.mp4", "k", "same.mp4", "marked.mp4"]
    found = urls(picture(key_source(), *declared(view("w/1440"))), Preference.LARGEST)
    assert found[:7] == [*BARE, JPEG, view("w/1440")]


def test_an_upload_of_unknown_size_is_taken_for_the_largest() -> None:
    """No rendition is made larger than its upload; the note's own numbers say how large that is."""
    upload = MediaSource("origin", key="k", quality=Quality.ORIGINAL)
    unknown = movie(stream("a", pixels=8294400), upload)
    assert files(unknown, Preference.LARGEST)[0] == "k"
    known = Asset(Slot(AssetKind.VIDEO), "v6", (stream("a", pixels=8294400), upload), 1920, 1080)
    assert files(known, Preference.LARGEST)[0] == "a.mp4"


def test_fast_takes_the_light_rendition_first_and_the_upload_behind() -> None:
    """The platform's default, then lighter before heavier; unknown weights count as heavy."""
    sources = (
        MediaSource("origin", key="k", quality=Quality.ORIGINAL),
        stream("heavy", pixels=200),
        stream("light", pixels=50),
        stream("default", pixels=100, preferred=True),
        stream("unknown"),
        stream("marked", Quality.DEGRADED, pixels=1),
    )
    assert files(movie(*sources), Preference.FAST, 99) == [
        "default.mp4",
        "light.mp4",
        "heavy.mp4",
        "unknown.mp4",
        "k",
        "marked.mp4",
    ]


def test_fast_pictures_are_the_smallest_that_are_no_previews() -> None:
    """The 1440 pixel copy, not the 576 pixel preview and not the 8192 pixel giant."""
    boxes = ["w/8192/q/58", "w/576/q/45", "w/1440/q/75", "w/1440/q/45"]
    found = ranked(picture(key_source(), *declared(*map(view, boxes))), Preference.FAST, 99)
    assert [candidate.url for candidate in found[:3]] == [view(boxes[3]), view(boxes[2]), view(boxes[0])]
    qualities = [candidate.quality for candidate in found]
    assert qualities == sorted(qualities, key=[Quality.TRANSCODE, Quality.ORIGINAL, Quality.DEGRADED].index)


def test_no_rendition_crowds_out_the_others() -> None:
    """With room for six, several renditions are tried and the best has more ways than the worst."""
    streams = [stream(f"s{number}", pixels=100 - number) for number in range(8)]
    found = ranked(movie(*streams), limit=6)
    tried = [candidate.field for candidate in found]
    assert len(found) == 6
    assert tried == sorted(tried)
    assert len(set(tried)) >= 4
    assert tried.count("s0") > tried.count(tried[-1])


def test_many_backups_of_the_best_do_not_lose_to_distant_masters() -> None:
    """An unsigned backup of the best is worth more than the twentieth rendition (docs/api.md#streams)."""
    backups = tuple(f"http://h{number}.com/s0" for number in range(3))
    streams = [stream("s0", pixels=100, backups=backups)]
    streams += [stream(f"s{number}", pixels=100 - number) for number in range(1, 40)]
    found = ranked(movie(*streams))
    assert len(found) == 20
    assert [candidate.field for candidate in found[:4]] == ["s0"] * 4


@pytest.mark.parametrize("most", [0, -1])
def test_no_room_means_no_candidates(most: int) -> None:
    """A bound of nothing is kept."""
    assert ranked(picture(key_source()), limit=most) == ()


def test_an_asset_without_sources_has_no_candidates() -> None:
    """It becomes a gap, not an error."""
    assert ranked(picture()) == ()
    assert ranked(movie()) == ()


@pytest.mark.parametrize("kind", [AssetKind.SOUND, AssetKind.MUSIC, AssetKind.SUBTITLE])
def test_sounds_and_subtitles_are_tried_as_declared(kind: AssetKind) -> None:
    """In the reply's order, with their MD5, as renditions unless the source says otherwise."""
    sources = (
        MediaSource("native", url="http://sns-music.xhscdn.com/a", md5=MD5),
        MediaSource("context", url="http://sns-music.xhscdn.com/b"),
    )
    assert ranked(movie(*sources, kind=kind)) == (
        Candidate("https://sns-music.xhscdn.com/a", Quality.RENDITION, "native", 0, MD5),
        Candidate("https://sns-music.xhscdn.com/b", Quality.RENDITION, "context"),
    )
