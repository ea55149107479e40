"""`note.md`: readable in any editor, and harmless in any Markdown viewer."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.note_folders import gap, manifest_of, note_id
from support.records import manifests

from xharchive.manifest import Manifest, Role, State, note_as_json
from xharchive.media import AssetKind
from xharchive.models import Author, Counts, Note, NoteType, Slot
from xharchive.note_markdown import note_text

ID = note_id(1)


def told(**fields: Any) -> str:
    """The text of a note with these fields."""
    note = Note(ID, NoteType.IMAGE, ("note-detail-v1",), **fields)
    return note_text(replace(manifest_of(ID), note=note_as_json(note)))


def test_a_note_is_told_whole() -> None:
    """Title, author, time, place, counts, text, tags, link, files, and what is missing."""
    note = Note(
        ID,
        NoteType.IMAGE,
        ("note-detail-v1",),
        title="豫园",
        text="第一行\n\n第二行 #豫园[话题]# ok",
        author=Author("a", "阿明"),
        tags=("豫园", "上海"),
        counts=Counts(likes=3, comments=0),
        place="上海",
    )
    record = replace(manifest_of(ID, gaps=[gap(3)]), note=note_as_json(note))
    assert note_text(record) == (
        "# 豫园\n\n"
        "阿明 · 2026-03-09 22:10:42+08:00 · 上海 · ♥ 3 💬 0\n\n"
        "第一行  \n  \n第二行 \\#豫园 ok\n\n"
        "\\#豫园 \\#上海\n\n"
        f"<https://www.xiaohongshu.com/explore/{ID}>\n\n"
        "- [01.heic](01.heic)\n- [02.webp](02.webp)\n- missing: image-3 (every address said 404)\n"
    )


def test_a_note_of_nothing_has_a_title_all_the_same() -> None:
    """The id stands in for a title; empty parts leave no holes."""
    text = told()
    assert text.startswith(f"# {ID}\n\n2026-03-09 22:10:42+08:00\n\n<https://")
    assert "\n\n\n" not in text


def test_an_empty_note_says_so() -> None:
    """No endpoint had it; that is all there is to tell."""
    text = note_text(Manifest(ID, State.EMPTY))
    assert text == f"# {ID}\n\nEvery endpoint that was asked answered without this note.\n"


def test_counts_that_no_reply_told_are_left_out() -> None:
    """Zero is a figure, unknown is none."""
    assert "♥" not in told()
    assert "★ 0" in told(counts=Counts(collects=0))
    record = manifest_of(ID)
    assert "♥" not in note_text(replace(record, note={**record.note, "counts": None}))


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](javascript:alert(1))",
        "[x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "`code` *bold* _it_ ~~no~~ # head | cell",
        "[a]: javascript:alert(1)",
        "\\<b\\>",
        "&lt;script&gt; &#60;b&#62;",
        "<!-- comment -->",
    ],
)
def test_markup_in_a_note_is_only_text(hostile: str) -> None:
    """In the title, the text, the name, the place and the tags alike: no live element comes out."""
    for text in (
        told(title=hostile),
        told(text=hostile),
        told(author=Author("a", hostile)),
        told(place=hostile),
        told(tags=(hostile,)),
    ):
        body = text.replace(f"<https://www.xiaohongshu.com/explore/{ID}>", "").replace(
            "[01.heic](01.heic)", ""
        )
        body = body.replace("[02.webp](02.webp)", "").removeprefix("# ")
        for place, char in enumerate(body):
            if char in "<>[]`*_&|~#":
                before = body[:place]
                assert (len(before) - len(before.rstrip("\\"))) % 2 == 1, body


@pytest.mark.parametrize(
    "line", ["---", "===", "- item", "+ item", "1. first", "23) second", "> quote", "# head"]
)
def test_no_line_of_the_text_becomes_a_block(line: str) -> None:
    """A line of dashes would make a heading of the line above it."""
    shown = told(text=f"above\n{line}\nbelow").split("above  \n")[1].split("  \nbelow")[0]
    assert "\\" in shown
    assert shown.replace("\\", "") == line


@given(st.text(st.characters(codec="utf-8")))
def test_a_title_never_leaves_its_line(title: str) -> None:
    """No line break, control or bidi character passes."""
    first = told(title=title).split("\n")[0]
    assert first.startswith("# ")
    assert first.replace("\u200d", "").isprintable() or any(char.isspace() for char in first)
    assert not any(char < " " or "\x7f" <= char <= "\x9f" or "\u202a" <= char <= "\u202e" for char in first)


@pytest.mark.slow
@settings(max_examples=50)
@given(manifests())
def test_every_manifest_has_a_text(record: Manifest) -> None:
    """Whatever a run can record, it can be told, and ends in one newline."""
    text = note_text(record)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    text.encode()


def test_a_foreign_file_name_makes_no_link_elsewhere() -> None:
    """A manifest that was handed on may name its files as it likes."""
    record = manifest_of(ID, {"x](javascript:alert(1)).heic": b"x"})
    assert "](javascript" not in note_text(record).replace("\\]", "")


def test_derivatives_are_not_listed() -> None:
    """One picture, one line: the original's."""
    record = manifest_of(ID)
    made = replace(record.files[0], path="01.jpg", role=Role.DERIVATIVE, slot=Slot(AssetKind.IMAGE, 1))
    assert "01.jpg" not in note_text(replace(record, files=(*record.files, made)))
