"""Subtitles in UTF-16, without numbers, without a word: archived, and shown where there is something."""

from pathlib import Path

from support.altered_demo_world import AlteredWorld
from support.command import folder_of, run
from support.fake_world import FakeWorld
from support.single_run import VIDEO_NOTE


def test_they_are_archived_as_they_are(altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path) -> None:
    """One in UTF-16 without numbers, one that is empty but for its mark."""
    world, fake = altered
    keys = world.notes[VIDEO_NOTE].originals
    text = "00:00:00,500 --> 00:00:02,000\n凌晨四点\n".encode("utf-16")
    world.serves(keys["subtitle-zh-CN"], text)
    world.serves(keys["subtitle-en-US"], b"\xef\xbb\xbf\r\n")
    assert run(["get", VIDEO_NOTE, "-d", tmp_path, *fake.with_gallery]).code == 0
    folder = folder_of(tmp_path, VIDEO_NOTE)
    assert (folder / "video.zh-CN.srt").read_bytes() == text
    assert (folder / "video.en-US.srt").read_bytes() == b"\xef\xbb\xbf\r\n"
    assert "凌晨四点" in (folder / "index.html").read_text("utf-8").partition("<video")[2]
