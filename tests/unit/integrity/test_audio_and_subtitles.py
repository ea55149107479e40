"""WAV, Ogg, FLAC, MP3, AAC and subtitles."""

import pytest
from integrity_samples import adts, flac, look, ogg_page, wav

from xharchive import media
from xharchive.media import Format

FORMAT_CHUNK = b"fmt \x10\x00\x00\x00" + bytes(8) + b"\x80\x3e\x00\x00" + bytes(4)


def test_a_wav_tells_its_duration() -> None:
    """Bytes over bytes a second."""
    seen = look(wav(800), media.WAV)
    assert (seen.duration_ms, seen.proves_length) == (100, True)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_is_whole_without_proof(size: int) -> None:
    """0 and all ones are what a writer leaves that cannot go back; the file's length then counts."""
    for data in (wav(800, riff_size=size, data_size=size), wav(800, data_size=size)):
        seen = look(data, media.WAV)
        assert (seen.whole, seen.duration_ms, seen.proves_length) == (True, 100, False)


def test_chunks_before_the_sound_are_passed_over() -> None:
    """Odd chunks are padded."""
    data = wav()
    extra = data[:12] + b"LIST\x03\x00\x00\x00abc\x00" + data[12:]
    assert look(extra, media.WAV).whole


def test_a_flac_tells_its_duration() -> None:
    """Samples over the rate; a rate of zero tells nothing."""
    assert look(flac(), media.FLAC).duration_ms == 1000
    assert look(flac(rate=0), media.FLAC).duration_ms == 0


def test_an_ogg_with_an_empty_last_page_is_whole() -> None:
    """The end mark may stand on a page of its own."""
    empty = b"OggS\x00\x04" + bytes(21)
    seen = look(ogg_page(b"OggS in the sound") + empty, media.OGG)
    assert (seen.whole, seen.proves_length) == (True, True)


def test_a_page_mark_inside_the_sound_is_passed_over() -> None:
    """The letters may occur in the last page's body."""
    assert look(ogg_page(b"sound OggS sound", flags=4), media.OGG).whole


@pytest.mark.parametrize("padding", [b"", bytes(300), b"3DI\x04" + bytes(6)])
def test_an_mp3_begins_behind_its_tag(padding: bytes) -> None:
    """The tag's size has seven bits a byte; padding or a footer may follow it."""
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x02" + b"\xff" * 130
    assert look(tag + padding + b"\xff\xfb\x90\x00", media.MP3).whole


@pytest.mark.parametrize("text", ["豫园", "豫園"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_subtitles_come_in_two_encodings(text: str, encoding: str) -> None:
    """UTF-8 with or without a mark, and the Chinese national standard."""
    line = f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n"
    assert look(line.encode(encoding), media.SRT).whole


@pytest.mark.parametrize(
    ("found", "data", "problem"),
    [
        (media.WAV, wav(riff_size=99_999), "the file is shorter than it says"),
        (media.WAV, wav(riff_size=36, data_size=9999), "the file ends inside the data chunk"),
        (media.WAV, b"RIFF\x04\x00\x00\x00AVI ", "the first bytes are another format's"),
        (media.WAV, b"RIFF\x0c\x00\x00\x00WAVEdata\x00\x00\x00\x00", "there is no fmt chunk"),
        (media.WAV, b"RIFF\x1c\x00\x00\x00WAVE" + FORMAT_CHUNK, "the file ends too early"),
        (
            media.FLAC,
            flac().replace(b"\x00\x00\x00\x22", b"\x00\x00\x00\x23"),
            "the stream info block is missing",
        ),
        (
            media.FLAC,
            flac().replace(b"\x00\x00\x00\x22", b"\x01\x00\x00\x22"),
            "the stream info block is missing",
        ),
        (media.FLAC, flac().replace(b"\xff\xf8", b"\x00\x00"), "there is no sound behind the metadata"),
        (media.OGG, ogg_page(b"sound")[:-1], "the file ends inside a page"),
        (media.MP3, b"ID3\x04\x00\x00\x00\x00\x00\x05" + bytes(5), "the file ends too early"),
        (media.MP3, b"ID3\x04\x00\x00\x00\x00\x00\x05" + bytes(900), "there is no sound behind the tag"),
        (media.AAC, adts(6), "the first frame is missing"),
        (media.AAC, b"\xff\xe1" + adts()[2:], "the first frame is missing"),
        (media.AAC, adts()[:-1], "the file ends too early"),
        (media.SRT, b"just words", "there is no time line"),
        (media.SRT, b"<!DOCTYPE html><p>1 --> 2</p>", "it is a page, no subtitle"),
        (media.SRT, b"1\n0 --> 1\n\x00", "it cannot be decoded as text"),
        (media.SRT, b"1\n0 --> 1\n\xff\xff", "it cannot be decoded as text"),
        (media.SRT, b"1\n0 --> 1\n" + b"x" * (16 << 20), "too large for a subtitle"),
        (media.VTT, b"1\n0 --> 1\n", "it does not begin with WEBVTT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_file_is_refused_with_its_reason(found: Format, data: bytes, problem: str) -> None:
    """What is missing or impossible is named in a few words."""
    seen = look(data, found)
    assert (seen.whole, seen.problem) == (False, problem)


def test_what_follows_a_wav_proves_nothing() -> None:
    """Bytes behind the end that the RIFF header declares may be cut unseen."""
    assert look(wav(), media.WAV).proves_length
    seen = look(wav() + b"LIST", media.WAV)
    assert seen.whole
    assert not seen.proves_length


def test_a_sound_without_samples_is_not_heard() -> None:
    """A WAV file of no data, an Ogg file of headers alone; the others have sound if they are whole."""
    assert look(wav(), media.WAV).has_audio
    assert not look(wav(0), media.WAV).has_audio
    page = ogg_page(b"sound", flags=4)
    assert not look(page, media.OGG).has_audio
    assert look(page[:6] + b"\x08" + page[7:], media.OGG).has_audio
    for found, data in ((media.FLAC, flac()), (media.AAC, adts()), (media.MP3, b"\xff\xfb\x90\x00" * 9)):
        assert look(data, found).has_audio


SRT_TEXT = "1\n00:00:01,000 --> 00:00:02,000\n豫园\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [SRT_TEXT, SRT_TEXT.removeprefix("1\n"), "WEBVTT\n\n" + SRT_TEXT])
def test_subtitles_in_any_unicode_are_known_and_whole(encoding: str, text: str) -> None:
    """With a mark or without, numbered or not."""
    data = text.encode(encoding)
    found = media.sniff(data[: media.SNIFF_BYTES])
    assert found == (media.VTT if text.startswith("W") else media.SRT)
    assert look(data, found).whole
    assert media.decode_text(data) == text


@pytest.mark.parametrize("data", [b"\n", b"\xef\xbb\xbf\r\n", b"\xff\xfe", b"\xff\xfe\n\x00", b"  "])
def test_subtitles_without_words_are_whole(data: bytes) -> None:
    """A film in which nobody speaks has an empty text."""
    assert media.is_blank(data)
    assert look(data, media.SRT).whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
def test_a_page_is_no_subtitle_in_whatever_encoding(encoding: str) -> None:
    """Nor is a text without times."""
    page = "<html>1\n00:00:01,000 --> 00:00:02,000</html>".encode(encoding)
    assert media.sniff(page) is None
    assert media.looks_like_text(page)
    assert look(page, media.SRT).problem == "it is a page, no subtitle"
    assert not look("hello".encode(encoding), media.SRT).whole
    assert not media.is_blank("hello".encode(encoding))
