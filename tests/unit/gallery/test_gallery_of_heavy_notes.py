"""Pages and cards of manifests that hold far more than any honest note, bounded."""

import re
from typing import Any

import pytest

from xharchive.archive.note_md import note_text
from xharchive.gallery import pages
from xharchive.gallery.from_manifest import (
    LONGEST_TEXT,
    MOST_FILES,
    MOST_TAGS,
    Extras,
    build_card,
    build_page,
)
from xharchive.manifest import FileEntry, Manifest, MissingAsset, Role, State, note_as_json
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType, Slot

ID = NoteId("69aed4e2000000000e00c358")
LONG = "长" * 500_000
PUBLISHED = {"china": "2026-03-09T22:10:10+08:00", "utc": "2026-03-09T14:10:10Z"}


def manifest(*files: FileEntry, gaps: tuple[MissingAsset, ...] = (), **note: Any) -> Manifest:
    metadata = {
        **note_as_json(Note(ID, NoteType.IMAGE, ("note-detail-v1",), title="t")),
        "published": PUBLISHED,
    }
    return Manifest(ID, State.PARTIAL if gaps else State.COMPLETE, metadata | note, files, gaps)


def file(path: str, position: int, kind: AssetKind = AssetKind.IMAGE, **more: Any) -> FileEntry:
    slot = Slot(kind, position, more.pop("label", ""))
    values: dict[str, Any] = {"size": 1, "sha256": "0" * 64, "media_type": "image/jpeg"} | more
    return FileEntry(path, Role.ORIGINAL, slot, **values)


def rendered(found: Manifest, extras: Extras | None = None) -> str:
    return pages.note_page(build_page(found, extras or Extras(), None, None))


@pytest.mark.parametrize(
    ("note", "remark"),
    [
        ({"text": LONG}, "text, characters: the first 100,000 of 500,000 are shown"),
        ({"title": LONG}, "title, characters: the first 1,000 of 500,000 are shown"),
        ({"tags": ["话题" * 20] * 20_000}, "tags: the first 500 of 20,000 are shown"),
        (
            {"mentions": [{"id": "", "name": f"n{at}"} for at in range(20_000)]},
            "mentions: the first 500 of 20,000",
        ),
        ({"text": "#a[话题]#" * 60_000}, "text, characters: the first 100,000 of 420,000 are shown"),
        (
            {"author": {"id": LONG, "name": LONG}, "place": LONG, "tags": [LONG]},
            "place, characters: the first",
        ),
    ],
    ids=["text", "title", "tags", "mentions", "topics", "names"],
)
def test_metadata_without_end_makes_a_bounded_page_that_says_so(note: dict[str, Any], remark: str) -> None:
    """The page has a beginning of it, and the remark names what is left out and where it is."""
    page = rendered(manifest(**note))
    assert len(page) < 4_000_000
    assert remark in page
    assert len(pages.card_row(build_card(manifest(**note), "folder", ("", 0, 0)))) < 600_000


def test_files_and_missing_assets_without_end_make_a_bounded_page() -> None:
    """Their number and every text of them."""
    files = [file(f"{at}.jpg", at) for at in range(1, 20_000)]
    gaps = tuple(MissingAsset(Slot(AssetKind.LIVE, at), Role.ORIGINAL, "busy", LONG) for at in range(20_000))
    found = manifest(*files, gaps=gaps)
    page = build_page(found, Extras(), None, None)
    assert len(page.files) == len(page.missing) == len(page.pictures) == MOST_FILES
    assert [remark.partition(":")[0] for remark in page.remarks] == ["files", "missing"]
    assert len(pages.note_page(page)) < 8_000_000


def test_long_texts_of_a_file_are_cut() -> None:
    """Whatever a manifest calls a file, a tool or a problem."""
    found = manifest(
        file(LONG, 1, problem=LONG, host="h", url_path=LONG, endpoint=LONG, label=LONG, lost=(LONG,))
    )
    assert len(rendered(found)) < 200_000


def test_mentions_are_looked_for_with_one_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many topics stand between them, so that the work does not grow with the product of the two."""
    compiled: list[str] = []
    compile_pattern = re.compile

    def counting(pattern: str) -> re.Pattern[str]:
        compiled.append(pattern)
        return compile_pattern(pattern)

    found = manifest(text="@you #a[话题]# " * 5_000, mentions=[{"id": "", "name": "you"}])
    with monkeypatch.context() as patch:
        patch.setattr(re, "compile", counting)
        page = build_page(found, Extras(), None, None)
    assert [pattern.rpartition("|")[2] for pattern in compiled] == ["@(?:you)"]
    assert [piece.text for piece in page.pieces[:4]] == ["@you", " ", "#a", " "]


def test_subtitles_share_one_bound_and_stand_beside_one_video() -> None:
    """Twenty thousand lines are as many as a page may have, in however many languages."""
    lines = "\n\n".join(f"00:00:0{at % 9},000 --> 00:00:09,500\nx" for at in range(15_000))
    long = f"00:00:01,000 --> 00:00:02,000\n{'y' * 2_000}\n\n" * 600
    subtitles = [file(f"{name}.srt", 0, AssetKind.SUBTITLE, label=name) for name in ("a", "b", "c", "d")]
    films = [file(f"{at}.mp4", at, AssetKind.VIDEO) for at in range(3)]
    extras = Extras({"a.srt": lines, "b.srt": lines, "c.srt": lines})
    videos = build_page(manifest(*films, *subtitles), extras, None, None).videos
    assert [len(each.cues) for each in videos[0].subtitles] == [15_000, 5_000, 0]
    assert [video.subtitles for video in videos[1:]] == [(), ()]
    page = build_page(manifest(*films, *subtitles), Extras({"d.srt": long}), None, None)
    assert len(page.videos[0].subtitles[0].cues) == 500


def test_an_honest_note_at_its_bounds_is_shown_whole() -> None:
    """Its page has no remark."""
    found = manifest(
        *(file(f"{at}.jpg", at) for at in range(1, 101)),
        text="x" * LONGEST_TEXT,
        tags=["tag"] * MOST_TAGS,
        mentions=[{"id": "", "name": "n"}] * MOST_TAGS,
    )
    page = build_page(found, Extras(), None, None)
    assert page.remarks == ()
    assert sum(len(piece.text) for piece in page.pieces) == LONGEST_TEXT
    assert len(page.tags) == MOST_TAGS


def test_remarks_of_the_record_are_shown_escaped() -> None:
    """On the page and in the text."""
    found = manifest(remarks=["v1: <b>tags</b> cut", *["x"] * 100])
    page = rendered(found)
    assert "v1: &lt;b&gt;tags&lt;/b&gt; cut" in page
    assert page.count('<dt><span data-w="fact.note">Remark</span></dt>') == 50
    assert r"v1: \<b\>tags\</b\> cut" in note_text(found)
