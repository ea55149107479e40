"""What the gallery finds in a manifest: the right file for every purpose, and nothing trusted."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from support import records

from xharchive.gallery.formats import file_href
from xharchive.gallery.from_manifest import (
    Extras,
    build_card,
    build_page,
)
from xharchive.gallery.pages import Neighbour, TextSpan, note_page
from xharchive.gallery.thumbnails import files_without_display, thumbnail_source
from xharchive.manifest import FileEntry, Manifest, MissingAsset, Role, State, note_as_json
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType, Quality, Slot

ID = NoteId("69aed4e2000000000e00c358")
USER = "5f0e9d8c000000000100b7a6"
NO_THUMB = ("", 0, 0)


def entry(path: str, kind: AssetKind = AssetKind.IMAGE, position: int = 1, **more: Any) -> FileEntry:
    """An original of the archive, unless the test says otherwise."""
    media_type = {
        "heic": "image/heic",
        "jpg": "image/jpeg",
        "webp": "image/webp",
        "mp4": "video/mp4",
        "wav": "audio/wav",
        "srt": "application/x-subrip",
    }[path.rpartition(".")[2]]
    slot = Slot(kind, position, more.pop("label", ""))
    values: dict[str, Any] = {"role": Role.ORIGINAL, "size": 9, "sha256": "0" * 64, "media_type": media_type}
    values |= more
    return FileEntry(path=path, slot=slot, **values)


def twin(path: str, of: str, position: int = 1) -> FileEntry:
    return entry(path, position=position, role=Role.DERIVATIVE, derived_from=of, settings="jpeg q92")


def manifest(*files: FileEntry, gaps: tuple[MissingAsset, ...] = (), **note: Any) -> Manifest:
    """A note as `parse` returns it: every field of the metadata is there."""
    told = note_as_json(Note(ID, NoteType.IMAGE, ("note-detail-v1",), title="豫园"))
    told["published"] = {"china": "2026-03-09T22:10:10+08:00", "utc": "2026-03-09T14:10:10Z"}
    return Manifest(ID, State.PARTIAL if gaps else State.COMPLETE, told | note, files, gaps)


def shown(found: Manifest, extras: Extras | None = None) -> list[tuple[int, str, str, str, str]]:
    """The pictures of a page in short."""
    page = build_page(found, extras or Extras(), None, None)
    return [(each.position, each.shown, each.file, each.motion, each.missing) for each in page.pictures]


def test_a_picture_is_shown_by_what_a_browser_draws() -> None:
    """The original if it can, else its converted twin, else a made one; the link leads to the original."""
    found = manifest(
        entry("01.jpg"),
        entry("02.heic", position=2),
        twin("02.jpg", "02.heic", 2),
        entry("03.heic", position=3),
        entry("04.heic", position=4),
    )
    extras = Extras(screens={"03.heic": "../gallery/screens/x/03.heic.webp"})
    assert shown(found, extras) == [
        (1, "01.jpg", "01.jpg", "", ""),
        (2, "02.jpg", "02.heic", "", ""),
        (3, "../gallery/screens/x/03.heic.webp", "03.heic", "", ""),
        (4, "", "", "", "the picture cannot be shown"),
    ]
    assert [each.path for each in files_without_display(found)] == ["03.heic", "04.heic"]


def test_a_live_photo_is_a_picture_with_a_motion() -> None:
    """By position; a gap stands in its place, with its reason."""
    gap = MissingAsset(Slot(AssetKind.IMAGE, 2), Role.ORIGINAL, "not-found", "all 3 addresses failed")
    lost_motion = MissingAsset(Slot(AssetKind.LIVE, 3), Role.ORIGINAL, "cut", "")
    found = manifest(
        entry("01.jpg"),
        entry("01.mp4", AssetKind.LIVE),
        entry("03.jpg", position=3),
        gaps=(gap, lost_motion),
    )
    page = build_page(found, Extras(previews={"01.mp4": "../gallery/previews/x/01.mp4.mp4"}), None, None)
    assert [(each.position, each.motion, each.missing) for each in page.pictures] == [
        (1, "01.mp4", ""),
        (2, "", "all 3 addresses failed"),
        (3, "", ""),
    ]
    assert page.pictures[0].motion_preview == "../gallery/previews/x/01.mp4.mp4"
    assert [(str(gap.slot), gap.reason) for gap in page.missing] == [
        ("image-2", "not-found"),
        ("live-3", "cut"),
    ]


def test_a_video_with_its_cover_and_subtitles() -> None:
    """The cover is the poster; a subtitle whose text nobody gave is none."""
    found = manifest(
        entry("video.mp4", AssetKind.VIDEO, 0, duration_ms=9000, width=720, height=1280),
        entry("cover.webp", AssetKind.COVER, 0),
        entry("video.zh-CN.srt", AssetKind.SUBTITLE, 0, label="zh-CN"),
        entry("video.en.srt", AssetKind.SUBTITLE, 0, label="en"),
        entry("audio.wav", AssetKind.SOUND, 0),
        entry("music.mp4", AssetKind.MUSIC, 0),
        type="video",
    )
    text = "1\n00:00:01,000 --> 00:00:02,500\n你好\n"
    page = build_page(found, Extras(texts={"video.zh-CN.srt": text}), None, None)
    (video,) = page.videos
    assert (video.file, video.poster, video.seconds, video.width) == ("video.mp4", "cover.webp", 9.0, 720)
    assert [(each.label, each.cues[0].text) for each in video.subtitles] == [("zh-CN", "你好")]
    assert [(each.kind, each.file) for each in page.sounds] == [
        ("sound", "audio.wav"),
        ("music", "music.mp4"),
    ]
    assert page.pictures == ()


def test_a_video_that_is_missing_is_said() -> None:
    """With the cover, if that is there."""
    gap = MissingAsset(Slot(AssetKind.VIDEO), Role.ORIGINAL, "not-found", "")
    page = build_page(manifest(entry("cover.webp", AssetKind.COVER, 0), gaps=(gap,)), Extras(), None, None)
    assert [(each.file, each.poster, each.missing) for each in page.videos] == [
        ("", "cover.webp", "not-found")
    ]


def test_the_thumbnail_is_of_the_first_picture_that_decodes() -> None:
    """A HEIF's twin before itself, a picture before a cover; none where there is nothing."""
    assert thumbnail_source(manifest()) is None
    film = (entry("video.mp4", AssetKind.VIDEO, 0), entry("cover.webp", AssetKind.COVER, 0))
    found = thumbnail_source(manifest(*film))
    assert found is not None
    assert found.path == "cover.webp"
    pictures = (
        entry("01.heic", problem="no decoder reads it"),
        entry("02.heic", position=2),
        twin("02.jpg", "02.heic", 2),
    )
    found = thumbnail_source(manifest(*film, *pictures))
    assert found is not None
    assert found.path == "02.jpg"
    assert files_without_display(manifest(entry("01.heic", problem="no decoder reads it"))) == ()


def test_a_text_is_cut_at_topics_and_mentions() -> None:
    """Topics lead to the index's search, mentions to the profile; the rest is plain text, to the letter."""
    found = manifest(
        text="去了@小满 和@小满的猫 家\n#豫园[话题]# 真好 #不是话题# @谁",
        mentions=[{"id": USER, "name": "小满"}, {"id": "x", "name": "小满的猫"}, {"id": USER, "name": ""}],
    )
    page = build_page(found, Extras(), None, None)
    profile = f"https://www.xiaohongshu.com/user/profile/{USER}"
    assert page.pieces == (
        TextSpan("去了"),
        TextSpan("@小满", profile),
        TextSpan(" 和"),
        TextSpan("@小满的猫"),
        TextSpan(" 家\n"),
        TextSpan("#豫园", "../index.html#tag=%E8%B1%AB%E5%9B%AD"),
        TextSpan(" 真好 #不是话题# @谁"),
    )


def test_a_text_may_end_with_a_mention() -> None:
    """Nothing stands behind it then; a text without words has no pieces."""
    mentions = [{"id": USER, "name": "小满"}]
    page = build_page(manifest(text="和@小满@小满", mentions=mentions), Extras(), None, None)
    assert [piece.text for piece in page.pieces] == ["和", "@小满", "@小满"]
    assert build_page(manifest(text="", mentions=mentions), Extras(), None, None).pieces == ()


def test_what_the_index_shows() -> None:
    """Counts, tags, month, and how many pictures, motions and films are there."""
    found = manifest(
        entry("01.jpg"),
        entry("01.mp4", AssetKind.LIVE),
        entry("02.heic", position=2),
        twin("02.jpg", "02.heic", 2),
        text="夜游 #豫园[话题]#",
        author={"id": USER, "name": "小满"},
        tags=["豫园", ""],
        counts={"likes": 3, "collects": None, "shares": 0},
        place="上海",
    )
    card = build_card(found, "2026-03-09_豫园 #1_x", ("gallery/thumbs/x.webp", 360, 480))
    assert card.folder == "2026-03-09_%E8%B1%AB%E5%9B%AD%20%231_x/"
    assert (card.pictures, card.motions, card.video, card.partial) == (2, 1, False, False)
    assert (card.text, card.tags, card.counts) == ("夜游 #豫园 ", ("豫园",), (3, None, None, 0))
    assert (card.author, card.author_id, card.place) == ("小满", USER, "上海")
    assert (card.published, card.kind) == ("2026-03-09T22:10:10+08:00", "image")


def test_a_page_knows_its_neighbours_author_and_wishes() -> None:
    """And where the note stands on the platform."""
    found = manifest(
        entry(
            "01.jpg", host="ci.xiaohongshu.com", url_path="/k", quality=Quality.ORIGINAL, width=3, height=4
        ),
        author={"id": USER, "name": "小满"},
        tags=["a/b"],
        updated={"china": "2026-03-10T00:00:00+08:00", "utc": "2026-03-09T16:00:00Z"},
        author_switches={
            "function_switch": [{"type": "image_download", "enable": False}, {"type": "x", "enable": True}],
            "media_save_config": {"disable_save": True, "disable_watermark": False},
        },
    )
    newer, older = Neighbour("../b/index.html", "b"), Neighbour("../a/index.html", "a")
    page = build_page(found, Extras(), newer, older)
    assert (page.newer, page.older) == (newer, older)
    assert page.address == f"https://www.xiaohongshu.com/explore/{ID}"
    assert page.author_href == f"../index.html#author={USER}"
    assert page.author_address.endswith(USER)
    assert page.tags == (TextSpan("#a/b", "../index.html#tag=a%2Fb"),)
    assert page.switches == ("image_download", "disable_save")
    assert page.updated == "2026-03-10T00:00:00+08:00"
    html = note_page(page)
    assert "<dd>3 × 4</dd>" in html
    assert "<dd>original</dd>" in html
    assert "<dd>ci.xiaohongshu.com/k</dd>" in html


def test_a_derivative_tells_of_its_making() -> None:
    """In one remark; an original with a problem likewise."""
    made = twin("01.jpg", "01.heic")
    page = build_page(
        Manifest(
            ID,
            State.COMPLETE,
            {},
            (
                FileEntry(
                    **{name: getattr(made, name) for name in made.__slots__} | {"lost": ("bit-depth-10",)}
                ),
                entry(
                    "02.heic",
                    position=2,
                    problem="no decoder reads it",
                    fetched=datetime(2026, 1, 1, tzinfo=UTC),
                ),
            ),
            archived=datetime(2026, 1, 2, tzinfo=UTC),
        ),
        Extras(),
        None,
        None,
    )
    html = note_page(page)
    assert "<dd>made from 01.heic (jpeg q92); lost: bit-depth-10</dd>" in html
    assert "<dd>no decoder reads it</dd>" in html
    assert page.archived == "2026-01-02T08:00:00+08:00"
    assert '<time datetime="2026-01-01T08:00:00+08:00">2026-01-01 08:00</time>' in html


@pytest.mark.parametrize(
    "switches",
    [
        {"function_switch": 1, "media_save_config": []},
        {"function_switch": ["x", {"enable": False}, {"type": 7, "enable": False}]},
        {"media_save_config": {"disable_save": "yes", "watermark": True}},
    ],
)
def test_switches_of_other_types_are_none(switches: dict[str, object]) -> None:
    """The manifest keeps what the API sent, whatever it is."""
    assert build_page(manifest(author_switches=switches), Extras(), None, None).switches == ()


def test_an_empty_note_is_published_when_its_id_says() -> None:
    """No address is made of an author who is unknown, or of what is no id."""
    page = build_page(Manifest(ID, State.EMPTY), Extras(), None, None)
    assert page.published == "2026-03-09T22:10:42+08:00"
    assert page.author_href == page.author_address == ""
    strange = build_page(manifest(author={"id": "../../x", "name": "<b>"}), Extras(), None, None)
    assert strange.author_address == ""


@pytest.mark.slow
@given(records.manifests())
def test_any_manifest_has_a_page(found: Manifest) -> None:
    """Whatever stands in it: all hrefs are relative or ours, and quoted."""
    page, card = build_page(found, Extras(), None, None), build_card(found, "a folder", NO_THUMB)
    hrefs = [file_href(each.path) for each in page.files] + [each.shown for each in page.pictures]
    assert all(href == "" or href.isascii() for href in hrefs)
    assert not any(character in href for href in hrefs for character in "\"'<> #?")
    assert page.id == card.id == found.id.text
    thumbnail_source(found)
    files_without_display(found)
