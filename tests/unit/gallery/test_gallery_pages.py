"""The gallery's files as text: hostile words stay words, nothing runs but ours, same in, same out."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gallery_notes import HOSTILE_TEXTS, a_card, a_note_page, an_empty_page

from xharchive.gallery.assets import VERSION, static_files
from xharchive.gallery.pages import (
    Card,
    Neighbour,
    NotePage,
    Subtitle,
    TextSpan,
    card_row,
    index_href,
    index_page,
    note_page,
    shard,
)

GENERATED = "2026-11-20T09:30:00+08:00"
SHARDS = ["gallery/data-00000.js", "gallery/data-00001.js", "gallery/data-00002.js"]
# Every text that exists in Python, halves of characters and control characters among them.
ANY_TEXT = st.one_of(
    st.sampled_from(HOSTILE_TEXTS), st.text(st.characters(codec=None, categories=None), max_size=40)
)


class Seen(HTMLParser):
    """What a browser makes of a page: its elements with attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def shape(self) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def rows(text: str) -> list[dict[str, object]]:
    """The cards that a data file hands over, read as JSON."""
    found = re.fullmatch(r"xharchive\.add\((\[.*\])\);\n", text, re.DOTALL)
    assert found
    read: list[dict[str, object]] = json.loads(found[1])
    return read


def worded(page: NotePage, text: str) -> NotePage:
    """The page with a text in every place where a note's own words stand."""
    return replace(
        page,
        title=text,
        pieces=(TextSpan(text), TextSpan(text, "../index.html#tag=x")),
        author=text,
        place=text,
        tags=(TextSpan(text, "../index.html#tag=x"),),
        videos=tuple(
            replace(v, subtitles=tuple(Subtitle(text, s.cues) for s in v.subtitles)) for v in page.videos
        ),
        missing=tuple(replace(hole, detail=text, reason=text) for hole in page.missing),
        files=tuple(replace(fact, path=text, host=text, url_path=text, problem=text) for fact in page.files),
        switches=(text,),
        older=Neighbour("../older/index.html", text),
    )


@given(ANY_TEXT)
def test_a_note_page_has_the_same_elements_whatever_its_words_are(text: str) -> None:
    """No text of a note becomes an element or an attribute; the file can be written as UTF-8."""
    page = a_note_page()
    told = note_page(worded(page, text or "x"))
    told.encode()
    assert Seen(told).shape() == Seen(note_page(worded(page, "words"))).shape()


@given(ANY_TEXT)
def test_a_data_file_is_json_that_cannot_end_its_script(text: str) -> None:
    """Each text comes back as it was, and nothing in the file could be read as markup or as a line's end."""
    card = replace(a_card(1), title=text, text=text, author=text, tags=(text,), place=text)
    written = shard([card_row(card)])
    written.encode()
    assert not re.search("[<>&\u2028\u2029\x00-\x09\x0b-\x1f\ud800-\udfff]", written)
    (row,) = rows(written)
    assert row.get("title", "") == row.get("text", "") == row.get("author", "") == text
    assert row["tags"] == [text]


def test_a_card_leaves_out_what_is_empty() -> None:
    """Half of an archive's index would be empty fields otherwise."""
    bare = Card("0" * 24, "x/", "", "", "", "", (), "", "", "image", 0, 0, False, False, (None,) * 4)
    assert rows(shard([card_row(bare)])) == [{"id": "0" * 24, "folder": "x/", "kind": "image"}]
    assert rows(shard([])) == []
    (row,) = rows(shard([card_row(replace(bare, counts=(0, None, None, 2)))]))
    assert (row["likes"], row["shares"]) == (0, 2)


def test_a_card_tells_everything_it_has() -> None:
    """The names of the fields are what the index's script reads."""
    (row,) = rows(shard([card_row(a_card(3))]))
    assert row["folder"] == a_card(3).folder
    assert row["authorId"] == a_card(3).author_id
    assert row["thumb"] == list(a_card(3).thumb)
    assert row["likes"] == a_card(3).counts[0]


@pytest.mark.parametrize("html", [note_page(a_note_page()), index_page(SHARDS, 1, GENERATED)])
def test_nothing_inline_and_a_strict_policy(html: str) -> None:
    """No script, style or handler stands in a page, so the policy can forbid all of them, and the network."""
    seen = Seen(html)
    assert not [tag for tag, _ in seen.elements if tag in {"style", "base", "iframe", "object", "form"}]
    for tag, attributes in seen.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag != "script" or attributes.get("src")
    assert not re.search(r"<script[^>]*>[^<]", html)
    (policy,) = [value for value in seen.values("content") if "default-src" in value]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*|data:|blob:", policy)


@pytest.mark.parametrize(
    ("html", "root"), [(note_page(a_note_page()), "../"), (index_page(SHARDS, 1, GENERATED), "")]
)
def test_every_file_that_a_page_loads_is_there(html: str, root: str) -> None:
    """Stylesheet and scripts are among the static files, and no static file is written for nobody."""
    seen = Seen(html)
    files = [
        str(a.get("src") or a.get("href")) for t, a in seen.elements if t in {"script", "link"} and len(a) > 0
    ]
    names = set(static_files())
    for file in files:
        assert file.startswith(f"{root}gallery/")
        assert file.removeprefix(f"{root}gallery/") in names | {"data-00002.js"}
    assert {"gallery.css", "words.js", "search.js", "place.js", "index.js", "lightbox.js", "note.js"} == names


def test_static_files_use_no_markup_and_no_network() -> None:
    """Our own scripts build elements from text only and name no address outside."""
    for name, content in static_files().items():
        text = content.decode()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(", text
        ), name
        addresses = set(re.findall(r"https?://[^\"\s]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name  # a name of XML's, nothing is asked there


def test_the_newest_notes_are_loaded_first() -> None:
    """The page names the newest data file as a script, the others for later, newest first."""
    html = index_page(SHARDS, 1100, GENERATED)
    seen = Seen(html)
    assert "gallery/data-00002.js" in seen.values("src")
    assert seen.values("data-shards") == ["gallery/data-00001.js gallery/data-00000.js"]
    assert seen.values("data-notes") == ["1100"]


def test_an_archive_without_notes_has_an_index() -> None:
    """The first run may fail before the first note."""
    assert not [src for src in Seen(index_page([], 0, GENERATED)).values("src") if "data-" in src]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "http://example.com/",
        "//example.com/",
        "\\\\example.com\\",
        "https:evil",
        "file:///etc/passwd",
        "vbscript:x",
    ],
)
def test_no_address_of_another_kind_becomes_a_link(address: str) -> None:
    """The model promises relative and https addresses; a mistake there must not become a script here."""
    page = replace(
        a_note_page(),
        pieces=(TextSpan("go", address),),
        tags=(TextSpan("go", address),),
        author_href=address,
        author_address=address,
        address=address,
    )
    seen = Seen(note_page(page))
    assert address not in seen.values("href")
    assert address.strip() not in [value.strip() for value in seen.values("href")]
    assert "go" in seen.text


def test_links_outside_tell_nothing_of_the_reader() -> None:
    """Every link to another site is without opener and referrer; links within the archive are relative."""
    seen = Seen(note_page(a_note_page()))
    outside = [a for t, a in seen.elements if t == "a" and str(a["href"]).startswith("https:")]
    assert len(outside) >= 2
    assert all("noopener noreferrer" in str(a["rel"]) for a in outside)
    assert all("://" not in str(a["href"]) for t, a in seen.elements if t == "a" and a not in outside)


def test_every_picture_says_what_it_is() -> None:
    """Title and index as alternative text, pixels so that nothing jumps, the first two loaded at once."""
    page = a_note_page()
    images = [a for t, a in Seen(note_page(page)).elements if t == "img"]
    shown = [picture for picture in page.pictures if not picture.missing]
    assert [a["alt"] for a in images] == [
        f"{page.title} · {p.position} / {len(page.pictures)}" for p in shown
    ]
    assert [(a["width"], a["height"]) for a in images] == [(str(p.width), str(p.height)) for p in shown]
    assert [a.get("loading") for a in images][:3] == [None, None, "lazy"]


def test_what_is_missing_is_told_in_its_place_and_in_a_list() -> None:
    """No silent gaps: a picture that is not there keeps its place with the reason."""
    page = a_note_page()
    text = Seen(note_page(page)).text
    assert "Missing: picture 4" in re.sub(r"\s+", " ", text)
    for hole in page.missing:
        assert hole.detail in text


def test_pixels_that_nobody_knows_are_not_invented() -> None:
    """An unknown size is no size: `width="0"` would hide the picture."""
    page = a_note_page()
    unknown = replace(page, pictures=tuple(replace(p, width=0, height=0) for p in page.pictures))
    assert not [a for t, a in Seen(note_page(unknown)).elements if t == "img" and "width" in a]


def test_an_empty_note_has_a_page() -> None:
    """An archived note of which every endpoint knew nothing still has a readable page."""
    seen = Seen(note_page(an_empty_page()))
    assert an_empty_page().id in seen.text
    assert "no pictures or films" in seen.text


def test_a_missing_video_and_odd_times_and_sizes() -> None:
    """Values that are not as usual are told as they are."""
    page = a_note_page()
    odd = replace(
        page,
        videos=tuple(replace(video, file="", missing="every address answered 403") for video in page.videos),
        published="a while ago",
        files=(replace(page.files[0], size=999), replace(page.files[0], size=4200)),
    )
    text = Seen(note_page(odd)).text
    assert "every address answered 403" in text
    assert "a while ago" in text
    assert "999 B" in text
    assert "4.2 kB" in text


def test_hrefs_into_the_index_hold_any_name() -> None:
    """A tag with a hash, an ampersand or half a character leads to itself."""
    assert index_href() == "../index.html"
    assert index_href(author="a1", root="") == "index.html#author=a1"
    href = index_href(tag="手冲#1&a=b c\ud83d")
    assert href.isascii()
    assert unquote(href) == "../index.html#tag=手冲#1&a=b c?"


def test_the_same_note_gives_the_same_bytes() -> None:
    """Only changed notes are rewritten, so nothing may depend on clock or order."""
    assert note_page(a_note_page()) == note_page(a_note_page())
    assert card_row(a_card(1)) == card_row(a_card(1))
    assert index_page(SHARDS, 3, GENERATED) == index_page(tuple(SHARDS), 3, GENERATED)
    assert re.fullmatch("[0-9a-f]{16}", VERSION)
