"""Titles, names and labels that were written to do harm: nothing leaves the archive, no note is lost."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pathvalidate import validate_filename
from support.altered_demo_world import AlteredWorld, note_in
from support.fake_world import FakeWorld
from support.single_run import VIDEO_NOTE, get

MODEL = "6a1d8bee000000000f02c1a4"
TITLES = [
    "../../escaped",
    "..",
    ".",
    "...",
    "/absolute/escaped",
    "~/escaped",
    "~root",
    "C:\\Windows\\escaped",
    "\\\\server\\share",
    "CON",
    "nul.txt",
    "COM1",
    "LPT¹.md",
    "aux.",
    "manifest.json",
    ".xharchive",
    "a" * 300,
    "字" * 300,
    "👨‍👩‍👧‍👦" * 60,
    "trailing dots...",
    "trailing spaces   ",
    " . - leading",
    "-rf --no-preserve-root",
    "$(touch escaped)",
    "`touch escaped`; touch escaped",
    "line\nbreak\r\nand\ttab",
    "nul\0byte",
    "esc\x1b[2J\x1b]0;title\x07",
    "csi\x9b31m",
    "rtl\u202egpj.exe\u202c",
    "isolate\u2066x\u2069",
    "e\u0301 decomposed",
    "\u00e9 composed",
    "\ud83d lone surrogate",
    "\udc00\ud800",
    "\ufeffbom",
    "line\u2028paragraph\u2029",
    '<>:"/\\|?*',
    "%2e%2e%2fescaped",
    "\uff0e\uff0e\uff0ffull width",
    "case twin",
    "CASE TWIN",
    "",
    " ",
    "\u200b\u200d",
]


def titled(title: str) -> Any:
    """Put the title into every text of a note that its author, or an attacker upstream, may choose."""

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        note = note_in(reply)
        note["title"] = note["desc"] = title
        for user in (note["user"], reply["data"][0]["user"]):
            user["name"] = user["nickname"] = user["id"] = user["userid"] = title
        for picture in note["images_list"]:
            picture["format"] = picture["ext"] = picture["original_name"] = title
        note["hash_tag"] = [{"name": title}]
        return reply

    return change


@pytest.mark.usefixtures("no_workers")
def test_hostile_titles(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """45 notes, one run: 45 complete folders, named for every platform, and nothing beside the archive."""
    world, fake = altered
    ids = [f"{0x6A1D8BEE:08x}{number:016x}" for number in range(len(TITLES))]
    world.copies(MODEL, {note: titled(title) for note, title in zip(ids, TITLES, strict=True)})
    archive = tmp_path / "deep" / "archive"
    (tmp_path / "deep").mkdir()
    left = get(fake, archive, notes=tuple(ids))
    assert left.code == 0
    assert sorted(fake.calls) == sorted(f"v1 {note}" for note in ids)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["archive"]
    folders = {path.name for path in archive.iterdir() if path.name != ".xharchive"}
    assert len(folders) == len({folder.casefold() for folder in folders}) == len(ids)
    for folder in folders:
        validate_filename(folder, platform="universal")
        assert unicodedata.is_normalized("NFC", folder)
        assert folder.isprintable() or "\u200d" in folder
        assert {path.name for path in (archive / folder).iterdir()} == {
            *("01.jpg", "manifest.json", "note.md", "replies")
        }
    assert all(left.is_complete(note) for note in ids)
    assert not {"\x1b", "\x9b", "\x07", "\0", "\u202e"} & set(left.ran.out + left.ran.err)


def test_hostile_labels_of_subtitles(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """A subtitle's language is a part of its file's name: it is cleaned, and no two share a name."""
    languages = ["../../escaped", "/escaped", "a/b", "zh\0", "..", "x" * 300, "zh-CN", "ZH-cn", "\u202e", ""]

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        told = json.dumps(reply)
        assert '"subtitles": {' in told

        def rename(value: Any) -> None:
            for key, inner in list(value.items()) if isinstance(value, dict) else enumerate(value):
                if key == "subtitles":
                    (model,) = inner["zh-CN"]
                    value[key] = {
                        name: [
                            {
                                **model,
                                "language": name,
                                "url": model["url"].replace("/subtitle/", f"/copy{number}/subtitle/"),
                            }
                        ]
                        for number, name in enumerate(languages)
                    }
                elif isinstance(inner, dict | list):
                    rename(inner)

        rename(reply)
        return reply

    world, fake = altered
    world.tells("v6", VIDEO_NOTE, change)
    ran = get(fake, tmp_path / "archive", notes=(VIDEO_NOTE,))
    assert ran.code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
    subtitles = [entry["path"] for entry in ran.manifest(VIDEO_NOTE)["files"] if entry["kind"] == "subtitle"]
    assert len({path.casefold() for path in subtitles}) == len(languages)
    for path in subtitles:
        validate_filename(path, platform="universal")
        assert path.isascii()
        assert path.startswith("video")
        assert path.endswith(".srt")
