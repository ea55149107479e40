"""Formats by their first bytes: every one we archive, and everything that only pretends to be one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xharchive import media
from xharchive.media import AssetKind, Family, Format, can_be, looks_like_text, of_type, sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """The box that an ISO file begins with."""
    body = major + bytes(4) + b"".join(compatible)
    return (8 + len(body)).to_bytes(4, "big") + b"ftyp" + body


SAMPLES: dict[str, tuple[bytes, Format]] = {
    "jpeg-jfif": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", media.JPEG),
    "jpeg-exif": (b"\xff\xd8\xff\xe1\x00\x10Exif\x00", media.JPEG),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", media.PNG),
    "gif87": (b"GIF87a\x01\x00", media.GIF),
    "gif89": (b"GIF89a\x01\x00", media.GIF),
    "webp": (b"RIFF\x24\x00\x00\x00WEBPVP8 ", media.WEBP),
    "wav": (b"RIFF\x24\x00\x00\x00WAVEfmt ", media.WAV),
    "heic": (ftyp(b"heic", b"mif1", b"heic"), media.HEIC),
    "heic-10-bit": (ftyp(b"heix", b"mif1", b"heix"), media.HEIC),
    "heic-mif1": (ftyp(b"mif1", b"heic"), media.HEIC),
    "heic-sequence": (ftyp(b"msf1", b"hevc"), media.HEIC),
    "avif": (ftyp(b"avif", b"mif1", b"miaf"), media.AVIF),
    "avif-sequence": (ftyp(b"avis", b"msf1"), media.AVIF),
    "avif-under-mif1": (ftyp(b"mif1", b"miaf", b"avif"), media.AVIF),
    "mp4-isom": (ftyp(b"isom", b"iso2", b"avc1", b"mp41"), media.MP4),
    "mp4-42": (ftyp(b"mp42", b"isom"), media.MP4),
    "mp4-of-an-unknown-brand": (ftyp(b"zzzz"), media.MP4),
    "mov": (ftyp(b"qt  "), media.MOV),
    "mov-wide": (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat", media.MOV),
    "mov-mdat": (b"\x20\x00\x10\x00mdat", media.MOV),
    "mov-moov": (b"\x00\x00\x10\x00moov\x00\x00\x00\x6cmvhd", media.MOV),
    "mov-free": (b"\x00\x00\x10\x00free" + bytes(20), media.MOV),
    "m4a": (ftyp(b"M4A ", b"isom"), media.M4A),
    "mp3-id3": (b"ID3\x04\x00\x00\x00\x00\x00\x00", media.MP3),
    "mp3-v1": (b"\xff\xfb\x90\x64" + bytes(8), media.MP3),
    "mp3-v2": (b"\xff\xf3\x40\xc0" + bytes(8), media.MP3),
    "mp3-layer-2": (b"\xff\xfd\x90\x64" + bytes(8), media.MP3),
    "aac-mpeg4": (b"\xff\xf1\x50\x80\x02\x1f\xfc", media.AAC),
    "aac-mpeg2": (b"\xff\xf9\x50\x80\x02\x1f\xfc", media.AAC),
    "ogg": (b"OggS\x00\x02" + bytes(8), media.OGG),
    "flac": (b"fLaC\x00\x00\x00\x22", media.FLAC),
    "srt": (b"1\r\n00:00:00,000 --> 00:00:01,500\r\nhello\r\n", media.SRT),
    "srt-bom": (b"\xef\xbb\xbf1\n00:00:00,000 --> 00:00:01,500\nhello\n", media.SRT),
    "srt-blank-lines-first": (b"\n\n12\n00:00:00,000 --> 00:00:01,500\n", media.SRT),
    "vtt": (b"WEBVTT\n\n00:00.000 --> 00:01.000\n", media.VTT),
    "vtt-bom": (b"\xef\xbb\xbfWEBVTT - title\n", media.VTT),
}

NOT_MEDIA: dict[str, bytes] = {
    "empty": b"",
    "one-byte": b"\xff",
    "three-bytes": b"\xff\xfb\x90",
    "html": b"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
    "html-bom": b"\xef\xbb\xbf  <html>",
    "xml": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "json": b'{"code":301,"message":"failed"}',
    "json-list": b"[1,2]",
    "json-utf-16": b"\xff\xfe" + '{"code":301}'.encode("utf-16-le"),
    "text-utf-16": b"\xff\xfe" + "[403] 禁止".encode("utf-16-le"),
    "error-text": b"Error: no such object",
    "words-at-the-place-of-an-atom": b"the free world",
    "more-words": b"the skipper",
    "words": b"not wide enough",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "riff-of-something-else": b"RIFF\x24\x00\x00\x00AVI LIST",
    "riff-cut": b"RIFF\x24\x00",
    "ftyp-cut-before-its-brand": b"\x00\x00\x00\x18ftyphei",
    "mpeg-bad-bitrate": b"\xff\xfb\xf0\x64",
    "mpeg-free-bitrate": b"\xff\xfb\x00\x64",
    "mpeg-bad-rate": b"\xff\xfb\x9c\x64",
    "mpeg-reserved-version": b"\xff\xeb\x90\x64",
    "mpeg-no-layer": b"\xff\xe1\x90\x64",
    "number-without-times": b"12\nhello\n",
    "times-without-number": b"hello\n00:00:00,000 --> 00:00:01,500\n",
    "pdf": b"%PDF-1.7",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_formats_are_known_by_their_first_bytes(name: str) -> None:
    """Every format that the CDN serves is told from the bytes alone, 10-bit HEIC included."""
    head, found = SAMPLES[name]
    assert sniff(head) == found


@pytest.mark.parametrize("name", NOT_MEDIA)
def test_what_is_no_medium_is_not_taken_for_one(name: str) -> None:
    """Error pages, JSON, cut heads and noise have no format."""
    assert sniff(NOT_MEDIA[name]) is None


@pytest.mark.parametrize("name", SAMPLES)
def test_a_cut_head_never_becomes_another_family(name: str) -> None:
    """However early a body was cut, what is left is unknown or still of its own family."""
    head, found = SAMPLES[name]
    for length in range(len(head)):
        seen = sniff(head[:length])
        assert seen is None or seen.family is found.family, length


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_no_json_object_is_a_medium(value: object) -> None:
    """An API's error body, whatever it says, is text and has no format."""
    body = json.dumps({"data": value}, ensure_ascii=True).encode()
    assert sniff(body) is None
    assert looks_like_text(body)


@given(st.binary(max_size=media.SNIFF_BYTES))
def test_any_bytes_can_be_looked_at(head: bytes) -> None:
    """No bytes make the sniffer fail."""
    assert isinstance(sniff(head), Format | None)
    assert isinstance(looks_like_text(head), bool)


def test_compatible_brands_count_only_within_their_box() -> None:
    """What lies behind the ftyp box does not make a HEIC an AVIF."""
    assert sniff(ftyp(b"mif1", b"heic") + b"avif") == media.HEIC


@pytest.mark.parametrize(
    "head", [b"<html>", b' \n{"a":1}', b"[1]", b"ERROR 5", b"error", b"\xef\xbb\xbf<?xml"]
)
def test_error_bodies_look_like_text(head: bytes) -> None:
    """HTML, XML, JSON and plain error words sent with status 200 are recognised (docs/api.md#delivery)."""
    assert looks_like_text(head)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_medium_looks_like_text(name: str) -> None:
    """A good file is never refused as an error page."""
    assert not looks_like_text(SAMPLES[name][0])


@pytest.mark.parametrize("kind", AssetKind)
@pytest.mark.parametrize(
    "found", {found.name: found for _, found in SAMPLES.values()}.values(), ids=lambda f: f.name
)
def test_a_format_suits_the_kinds_it_can_be(kind: AssetKind, found: Format) -> None:
    """A video never passes for an image, nor a picture for a video; sounds may come as movies."""
    wanted = {
        AssetKind.IMAGE: {Family.PICTURE},
        AssetKind.COVER: {Family.PICTURE},
        AssetKind.LIVE: {Family.MOVIE},
        AssetKind.VIDEO: {Family.MOVIE},
        AssetKind.SOUND: {Family.AUDIO, Family.MOVIE},
        AssetKind.MUSIC: {Family.AUDIO, Family.MOVIE},
        AssetKind.SUBTITLE: {Family.TEXT},
    }
    assert can_be(found, kind) == (found.family in wanted[kind])


def test_a_media_type_leads_back_to_its_format() -> None:
    """The types that manifests carry are ours, one for each format and suffix."""
    formats = {found for _, found in SAMPLES.values()}
    assert {of_type(found.media_type) for found in formats} == formats
    assert len({found.suffix for found in formats}) == len(formats)
    assert of_type("text/html") is None


@pytest.mark.parametrize("major", [b"1pic", b"MiHB", b"MiHE", b"MiHA", b"unif", b"zzzz"])
@pytest.mark.parametrize(("compatible", "name"), [(b"heic", "heif"), (b"mif1", "heif"), (b"avif", "avif")])
def test_a_heif_is_known_by_any_of_its_brands(major: bytes, compatible: bytes, name: str) -> None:
    """Encoders put profile names first; what a decoder needs is among the compatible brands."""
    head = (24).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"miaf" + compatible
    found = sniff(head + bytes(40))
    assert found is not None
    assert found.name == name


_MOVIE_BRANDS = (
    b"isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 isoc mp41 mp42 mp71 avc1 avc3 hvc1 hev1 av01 dby1 "
    b"dash msdh msix cmfc cmf2 cmfs piff 3gp4 3gp9 3gpp 3g2a 3ge6 3gh9 M4VH M4VP MSNV XAVC mmp4 f4v "
).split()
MOVIE_MAJORS = [major.ljust(4) for major in (*_MOVIE_BRANDS, b"M4V", b"F4V")]


@pytest.mark.parametrize("major", MOVIE_MAJORS)
def test_a_movie_with_a_poster_stays_a_movie(major: bytes) -> None:
    """Some cameras list `mif1` in a video's brands."""
    head = (24).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + b"mif1" + b"heic"
    assert sniff(head + bytes(40)) == media.MP4


def test_a_quicktime_movie_with_a_poster_stays_one() -> None:
    """The major brand decides."""
    assert sniff(ftyp(b"qt  ", b"mif1", b"heic")) == media.MOV
