"""Subtitles for a page that may not load them by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.gallery.from_manifest import read_cues
from xharchive.gallery.pages import Cue

SRT = """\ufeff1
00:00:01,000 --> 00:00:02,500
你好

2
01:00:03,5 --> 01:00:04,000
<i>two</i> {\\an8}lines
<b>here</b>

3
00:00:09,000 --> 00:00:08,000
backwards

nothing
"""


def test_srt() -> None:
    """Times in seconds, markup gone, lines kept; what makes no sense is passed over."""
    assert tuple(read_cues(SRT)) == (Cue(1.0, 2.5, "你好"), Cue(3603.5, 3604.0, "two lines\nhere"))


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_vtt(ending: str) -> None:
    """Hours may be missing, settings follow the times."""
    text = ending.join(["WEBVTT", "", "00:01.000 --> 00:02.000 line:0", "a", "00:02.000 --> 00:03.000", "b"])
    assert tuple(read_cues(text)) == (Cue(1.0, 2.0, "a"), Cue(2.0, 3.0, "b"))


@given(st.text())
def test_any_text_is_subtitles_or_none(text: str) -> None:
    """No file makes a page fail."""
    assert all(cue.ends > cue.begins for cue in read_cues(text))
