"""Which URLs are tried for an asset, and in which order (docs/api.md#streams, docs/api.md#cdn)."""

import pytest
from support.declared_assets import (
    APP,
    BARE,
    JPEG,
    KEY,
    MD5,
    WEB,
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
from xharchive.url_candidates import rank_candidates, reason_without_candidates


def test_a_key_gives_the_upload_from_every_bare_host_and_a_full_size_copy() -> None:
    """The untouched upload first, and a converted full-size picture when nothing else works."""
    found = ranked(picture(key_source()))
    assert [candidate.url for candidate in found] == [*BARE, JPEG]
    assert [candidate.quality for candidate in found] == [Quality.ORIGINAL] * 5 + [Quality.TRANSCODE]
    assert {candidate.field for candidate in found} == {"fileid"}


def test_declared_pictures_follow_the_upload_by_size_then_by_setting() -> None:
    """A bigger box first, but no box is bigger than the upload; then q; url_8k before original on a tie."""
    boxes = ["w/1440/format/heif/q/45", "w/1440/format/heif/q/75", "w/8192/h/8192/q/58", "w/5000/h/5000/q/56"]
    found = urls(picture(key_source(), *declared(*map(view, boxes))))
    assert found[:5] == BARE
    assert found[5:9] == [view(box) for box in (boxes[2], boxes[3], boxes[1], boxes[0])]
    assert found[-1] == JPEG
    small = picture(key_source(), *declared(*map(view, boxes[2:][::-1])), size=(1080, 1920))
    assert urls(small)[5:7] == [view(boxes[2]), view(boxes[3])]


def test_equal_boxes_keep_the_order_of_the_reply() -> None:
    """Where the URLs say the same, the reply's order stands: url_8k before original."""
    first, second = view("w/8192/q/58"), view("w/6000/q/58")
    assert urls(picture(key_source(), *declared(first, second)))[5:7] == [first, second]


def test_a_picture_is_tried_on_sibling_hosts_after_all_declared_urls() -> None:
    """The same path and query on the hosts of the family; signed URLs as declared come first."""
    found = urls(picture(*declared(view("w/5000"), view("w/1440")), key_source()))
    assert found[5:7] == [view("w/5000"), view("w/1440")]
    assert found[7:10] == [view("w/5000", f"https://sns-i{n}.rednotecdn.com") for n in (10, 11, 27)]


@pytest.mark.parametrize(
    ("host", "sibling"),
    [
        ("sns-na-i8-a.xhscdn.com", "sns-na-i8.xhscdn.com"),
        ("sns-i27-ae.rednotecdn.com", "sns-i8.rednotecdn.com"),
        ("sns-img-qn.xhscdn.com", "ci.xiaohongshu.com"),
    ],
)
def test_every_family_of_picture_hosts_has_siblings(host: str, sibling: str) -> None:
    """A host that is down or wrong has a replacement."""
    url = view("w/1440", f"https://{host}")
    found = urls(picture(*declared(url), key_source()))
    assert url.replace(host, sibling) in found


def test_small_previews_come_after_everything_clean() -> None:
    """A 576 pixel preview is degraded, and even a converted full-size copy is better (seed 001)."""
    found = ranked(picture(key_source(), *declared(view("w/576/format/heif/q/58|imageMogr2/strip"))))
    assert found[5].url == JPEG
    assert {candidate.quality for candidate in found[6:]} == {Quality.DEGRADED}


def test_a_box_that_does_not_shrink_is_no_preview() -> None:
    """A small upload is not degraded by a small box."""
    found = ranked(picture(key_source(), *declared(view("w/576")), size=(500, 400)))
    assert found[5].quality is Quality.TRANSCODE
    unknown = ranked(picture(key_source(), *declared(view("h/360"), view("h/900")), size=(0, 0)))
    assert [(found.field, found.quality) for found in unknown if found.field != "fileid"][0::4] == [
        ("f1", Quality.TRANSCODE),
        ("f0", Quality.DEGRADED),
    ]


def test_a_bare_url_is_the_upload_only_under_its_key() -> None:
    """No query and the key at the end of the path: original; another path may be anything."""
    upload = f"http://sns-img-hw.xhscdn.com/{KEY}"
    other = "http://sns-img-hw.xhscdn.com/frame/1.webp"
    qualities = {
        found.url: found.quality for found in ranked(picture(key_source(), *declared(upload, other)))
    }
    assert qualities[f"https://sns-img-hw.xhscdn.com/{KEY}"] is Quality.ORIGINAL
    assert qualities["https://sns-img-hw.xhscdn.com/frame/1.webp"] is Quality.TRANSCODE


def test_an_instruction_without_numbers_is_full_size() -> None:
    """`w/0` and a missing box bound nothing; `w/format` is no number (docs/api.md#transforms)."""
    boxes = ["w/0/format/jpg/q/9", "format/webp/q/8", "w/format/png/q/7", "w/1440/q/99"]
    found = urls(picture(key_source(), *declared(*map(view, boxes))))
    assert found[5:9] == list(map(view, boxes))


def test_only_the_first_instruction_counts() -> None:
    """Numbers behind `|` or `&` belong to something else."""
    wide = view("w/4000|imageMogr2/x/w/100")
    narrow = view("w/2000%7CimageMogr2/x/w/9000")
    assert urls(picture(key_source(), *declared(narrow, wide)))[5:7] == [wide, narrow]


def test_web_styles_tell_previews_and_marks() -> None:
    """`!nd_prv` and `!…wm…` are degraded, others converted (docs/api.md#web-pictures)."""
    styles = ("nd_prv_wlteh_webp_3", "nd_dft_wlteh_webp_3", "h5_WM_jpg")
    found = ranked(picture(*declared(*(f"{WEB}/{KEY}!{style}" for style in styles))))
    assert [candidate.url for candidate in found[:5]] == BARE
    assert [(found.field, found.quality) for found in found[5:]] == [
        ("f1", Quality.TRANSCODE),
        ("f0", Quality.TRANSCODE),
        ("f0", Quality.DEGRADED),
        ("f2", Quality.DEGRADED),
    ]


def test_a_missing_key_is_taken_from_the_urls() -> None:
    """App URLs have the key for their path, so the upload can be had without a key field."""
    assert urls(picture(*declared("http://unknown.xhscdn.com/x", view("w/1440"))))[:5] == BARE


def test_an_unsafe_path_shows_no_key() -> None:
    """What a URL shows is as little trusted as what a field says."""
    assert urls(picture(*declared(f"{APP}/a%2Fb?imageView2/2/w/1440")))[0].startswith(f"{APP}/a%2Fb")


def test_a_frame_of_a_video_shows_no_key() -> None:
    """A frame's path is not the upload of a cover."""
    frame = MediaSource(
        "thumbnail", url="http://sns-img-hw.xhscdn.com/110/0/f.webp", quality=Quality.DEGRADED
    )
    assert {found.quality for found in ranked(picture(frame, kind=AssetKind.COVER))} == {Quality.DEGRADED}


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "a/../b",
        "a..b",
        "a//b",
        "//evil.example/a",
        "a\\b",
        "a b",
        "a\nb",
        "a\x00b",
        "a?b",
        "a#b",
        "a%2e",
        "https://evil.example/a",
        "javascript:x",
        "a!style",
        "钥匙",
        "a/",
        "",
        "a" * 301,
    ],
)
def test_an_unsafe_key_is_never_put_into_a_url(key: str) -> None:
    """A key that a path cannot carry untouched derives nothing."""
    assert ranked(picture(key_source(key))) == ()
    assert ranked(movie(key_source(key))) == ()


def test_a_keys_leading_slash_is_not_doubled() -> None:
    """`/spectrum/k` and `spectrum/k` are one key; its slashes stay as they are."""
    assert urls(movie(key_source("/spectrum/k")))[0] == "https://sns-video-bd.xhscdn.com/spectrum/k"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.com/a",
        "file:///etc/passwd",
        "//h.com/a",
        "relative/a",
        "https://user:pass@h.com/a",
        "https:///a",
        "https://h.com\\@evil/a",
        "https://h.com/a b",
        "https://h.com/\r\nX: y",
        "https://[::1]/a",
        "https://h.com:99999/a",
        "https://h.com:0/a",
        "https://-h-/a",
        "",
    ],
)
def test_a_url_that_could_mislead_is_dropped(url: str) -> None:
    """Other schemes, user names, empty hosts and control characters never reach the network."""
    assert ranked(movie(MediaSource("f", url=url))) == ()
    assert ranked(picture(MediaSource("f", url=url))) == ()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "http://H.com/A?imageView2/2/w/5|x%7C&b=1&a=2&=#part",
            "https://h.com/A?imageView2/2/w/5|x%7C&b=1&a=2&=",
        ),
        ("HTTP://h.com", "https://h.com/"),
        ("http://h.com:80/a", "https://h.com/a"),
        ("https://h.com:443/a?", "https://h.com/a?"),
        ("http://h.com:8080/a//b", "http://h.com:8080/a//b"),  # a port of its own: no CDN host
    ],
)
def test_a_query_is_kept_byte_for_byte(url: str, expected: str) -> None:
    """The signature covers the bytes: nothing is sorted, encoded or decoded (docs/api.md#transforms)."""
    assert urls(movie(MediaSource("f", url=url))) == [expected]


def test_http_and_https_of_one_url_are_one_candidate() -> None:
    """The same host, path and query is tried once."""
    both = (MediaSource("a", url="http://h.com/x?1"), MediaSource("b", url="https://H.com:443/x?1"))
    assert ranked(movie(*both)) == (Candidate("https://h.com/x?1", Quality.RENDITION, "a"),)


def test_streams_are_ranked_by_pixels_not_by_default_or_size() -> None:
    """Unmarked first, then pixels, bitrate, size; `default_stream` misleads (docs/api.md#streams)."""
    streams = (
        stream("default", pixels=921600, bitrate=9, size=41, preferred=True),
        stream("marked", Quality.DEGRADED, pixels=9000000),
        stream("large", pixels=2073600, bitrate=2, size=36),
        stream("heavier", pixels=2073600, bitrate=2, size=37),
        stream("denser", pixels=2073600, bitrate=3, size=1),
        stream("unknown"),
    )
    assert files(movie(*streams), most=99) == [
        "denser.mp4",
        "heavier.mp4",
        "large.mp4",
        "default.mp4",
        "unknown.mp4",
        "marked.mp4",
    ]


def test_a_streams_backups_come_before_its_mirrors_and_before_the_next_stream() -> None:
    """Master, backups, the bare path on siblings, then the next rendition."""
    best = stream(
        "best", pixels=9, size=7, backups=("http://sns-bak-v1.xhscdn.com/stream/1/best.mp4",), md5=MD5
    )
    signed = MediaSource(
        "next", url="http://sns-video-bd.xhscdn.com/stream/2.mp4?sign=1&t=2", quality=Quality.RENDITION
    )
    found = ranked(movie(signed, best))
    assert [candidate.url for candidate in found] == [
        "https://sns-v8.rednotecdn.com/stream/1/best.mp4",
        "https://sns-bak-v1.xhscdn.com/stream/1/best.mp4",
        "https://sns-v10.rednotecdn.com/stream/1/best.mp4",
        "https://sns-v11.rednotecdn.com/stream/1/best.mp4",
        "https://sns-v27.rednotecdn.com/stream/1/best.mp4",
        "https://sns-video-bd.xhscdn.com/stream/2.mp4?sign=1&t=2",
        "https://sns-video-hw.xhscdn.com/stream/2.mp4",
        "https://sns-video-al.xhscdn.com/stream/2.mp4",
        "https://sns-video-qc.xhscdn.com/stream/2.mp4",
    ]
    assert [(candidate.size, candidate.md5) for candidate in found] == [(7, MD5)] * 5 + [(0, "")] * 4


def test_a_backup_under_another_path_promises_no_size() -> None:
    """Size and MD5 are declared for one file; another path may be another file."""
    source = MediaSource(
        "f", url="http://h.com/a", backups=("http://g.com/a", "http://g.com/b"), size=7, md5=MD5
    )
    assert [(found.size, found.md5) for found in ranked(movie(source))] == [
        (7, MD5),
        (7, MD5),
        (0, ""),
    ]


def test_the_uploaded_video_comes_first_and_an_unproven_key_last() -> None:
    """Origin key, streams, the platform's key, marked streams, then what nobody has confirmed."""
    sources = (
        MediaSource("live", key="livephoto/k", quality=Quality.ORIGINAL, unproven=True),
        stream("marked", Quality.DEGRADED, pixels=99),
        MediaSource("videoKey", key="stream/110/258/a_258.mp4", quality=Quality.RENDITION),
        stream("clean", pixels=5),
        MediaSource("origin", key="spectrum/k", quality=Quality.ORIGINAL, md5=MD5),
    )
    found = ranked(movie(*sources), limit=99)
    assert list(dict.fromkeys(candidate.field for candidate in found)) == [
        "origin",
        "clean",
        "videoKey",
        "marked",
        "live",
    ]
    assert found[:2] == (
        Candidate("https://sns-video-bd.xhscdn.com/spectrum/k", Quality.ORIGINAL, "origin", 0, MD5, True),
        Candidate(
            "https://sns-video-hw.xhscdn.com/spectrum/k", Quality.ORIGINAL, "origin", 0, MD5, True, True
        ),
    )
    assert [candidate.url for candidate in found[-2:]] == [
        "https://sns-video-bd.xhscdn.com/livephoto/k",
        "https://sns-bak-v6.xhscdn.com/livephoto/k",
    ]


def test_only_hosts_beside_a_known_one_are_guessed() -> None:
    """Not what the reply lists, nor the first host of a key; all hosts of a key that nobody has confirmed."""
    sources = (
        stream("clean"),
        MediaSource("origin", key="spectrum/k", quality=Quality.ORIGINAL),
        MediaSource("live", key="livephoto/k", quality=Quality.ORIGINAL, unproven=True),
    )
    known = [candidate.url for candidate in ranked(movie(*sources), limit=99) if not candidate.guessed]
    assert known[0] == "https://sns-video-bd.xhscdn.com/spectrum/k"
    assert len(known) == 2
    assert known[1] == sources[0].url.replace("http://", "https://")


def test_what_no_reply_gave_is_marked() -> None:
    """A mirror, a key's own URL, a conversion are derived; what the reply lists is not, whatever it is."""
    listed = "https://sns-v8.rednotecdn.com/stream/a.mp4?sign=x&t=1"
    video = Asset(
        Slot(AssetKind.VIDEO),
        "v6",
        (MediaSource("h264[0]", listed, backups=("http://sns-bak-v1.xhscdn.com/a",)),),
    )
    marks = {candidate.url: candidate.derived for candidate in ranked(video)}
    assert not marks[listed]
    assert not marks["https://sns-bak-v1.xhscdn.com/a"]
    assert set(marks.values()) == {True, False}
    bare = "https://ci.xiaohongshu.com/notes/k"
    marks = {
        candidate.url: candidate.derived
        for candidate in ranked(
            Asset(Slot(AssetKind.IMAGE, 1), "v1", (MediaSource("url", bare, key="notes/k"),))
        )
    }
    assert not marks.pop(bare)
    assert set(marks.values()) == {True}


def test_an_asset_without_any_url_says_why() -> None:
    """The reply gives no address, or a bound left the asset out."""
    slot = Slot(AssetKind.IMAGE, 101)
    assert reason_without_candidates(Asset(slot, "v1", ()))[0] == "no-source"
    assert reason_without_candidates(Asset(slot, "v1", (), left_out="too many")) == ("too-many", "too many")


def test_each_candidate_is_made_once_and_when_it_is_looked_at() -> None:
    """A list of them costs nothing; a part of it holds the same ones."""
    found = rank_candidates(picture(key_source()))
    assert len(found) == len(tuple(found)) > 3
    assert found[1] is found[1:3][0]
