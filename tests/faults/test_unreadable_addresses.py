"""Addresses made of people's file names: encoded and fetched, or a gap; never passed over in silence."""

from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld, note_in
from support.command import run
from support.fake_world import running
from support.single_run import LIVE_NOTE, STREAM, VIDEO_NOTE, get

from xharchive.demo.world import DemoWorld

UNREADABLE = ["sns-v8.rednotecdn.com/one.bin", "http://sns-v8.rednotecdn.com/o\tne.bin", ["http://h/x"], 7]


def with_sounds(url: Any) -> Any:
    """Have a note's sound and music at this address."""

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        note = note_in(reply)
        note["native_voice_info"] = {"url": url, "duration": 1000}
        note["simple_music_info"] = {"url": url}
        return reply

    return change


@pytest.mark.parametrize("url", UNREADABLE)
def test_sound_and_music(demo_world: DemoWorld, tmp_path: Path, url: object) -> None:
    """Neither a request nor silence: each is missing with its reason, and the run says so."""
    world = AlteredWorld(demo_world)
    world.tells("v1", LIVE_NOTE, with_sounds(url))
    with running(world) as fake:
        left = get(fake, tmp_path)
        assert left.code == 3
        assert left.gaps() == {"sound": "no-source", "music": "no-source"}
        assert set(left.files()) == {"image-1", "live-1"}
        assert not [asked for asked in fake.media if "one" in asked]
        assert len(left.billed) == 1


def test_a_subtitle(demo_world: DemoWorld, tmp_path: Path) -> None:
    """One of two subtitles of a language: the one that can be read has the language's name."""
    world = AlteredWorld(demo_world)

    def change(reply: Any) -> Any:
        media = reply["data"][0]["video_info_v2"]["media"]["video"]
        for listed in media["subtitles"].values():
            listed.insert(0, {"language": "zh-CN", "url": "no-scheme.example/a.srt"})
        return reply

    world.tells("v6", VIDEO_NOTE, change)
    with running(world) as fake:
        left = get(fake, tmp_path, notes=(VIDEO_NOTE,))
        untouched = set(demo_world.notes[VIDEO_NOTE].originals)
    assert left.code == 3
    assert set(left.files(VIDEO_NOTE)) == untouched
    assert set(left.gaps(VIDEO_NOTE).values()) == {"no-source"}
    assert [slot for slot in left.gaps(VIDEO_NOTE) if slot.startswith("subtitle")]


def test_blanks_and_letters_outside_ascii(demo_world: DemoWorld, tmp_path: Path) -> None:
    """They are sent percent-encoded; what else stands in the address is sent byte for byte."""
    world = AlteredWorld(demo_world)

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        live = {"h265": [{"master_url": f"http://sns-v8.rednotecdn.com{STREAM}?a|b%7C=曲 1&~"}]}
        note_in(reply)["images_list"][0]["live_photo"]["media"]["stream"] = live
        return reply

    world.tells("v1", LIVE_NOTE, change)
    with running(world) as fake:
        left = get(fake, tmp_path)
        assert left.is_complete()
        assert f"sns-v8.rednotecdn.com{STREAM}?a|b%7C=%E6%9B%B2%201&~" in fake.media


def test_more_pictures_than_are_read_of_one_note(demo_world: DemoWorld, tmp_path: Path) -> None:
    """Of 120 pictures 100 are read: the gap says so instead of calling the last ones without an address."""
    world = AlteredWorld(demo_world)

    def change(reply: dict[str, Any]) -> dict[str, Any]:
        pictures = note_in(reply)["images_list"]
        pictures += [{"fileid": "gone"} for _ in range(120 - len(pictures))]
        return reply

    world.tells("v1", LIVE_NOTE, change)
    with running(world) as fake:
        left = get(fake, tmp_path, "--retries", "0")
        text = next(tmp_path.glob("*/note.md")).read_text("utf-8")
    assert left.gaps()["image-101"] == "too-many"
    assert "more than 100 pictures" in text
    assert run(["reparse", "-d", tmp_path]).code == 0
    assert left.gaps()["image-101"] == "too-many"
