"""Whatever the bytes: no exception, no cut file taken for a whole one."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from integrity_samples import PROVING, UNPROVEN, look

from xharchive import media
from xharchive.integrity import Structure
from xharchive.media import Family, Format, sniff

SAMPLES = PROVING + UNPROVEN
FORMATS = sorted({found.name: found for found, _ in SAMPLES}.values(), key=lambda found: found.name)


@pytest.mark.parametrize(("found", "data"), PROVING, ids=lambda value: getattr(value, "name", ""))
def test_a_good_file_is_whole_and_no_cut_of_it_is(found: Format, data: bytes) -> None:
    """A format that proves its length refuses every shorter beginning of the file."""
    assert look(data, found).whole
    assert look(data, found).proves_length
    assert not any(_claims_wholeness(data[:cut], found) for cut in range(len(data)))


def _claims_wholeness(data: bytes, found: Format) -> bool:
    seen = look(data, found)
    return seen.whole and seen.proves_length


@pytest.mark.parametrize(("found", "data"), UNPROVEN, ids=lambda value: getattr(value, "name", ""))
def test_a_stream_is_whole_but_does_not_prove_its_length(found: Format, data: bytes) -> None:
    """Formats that may end anywhere say so: the caller needs another proof."""
    assert look(data, found).whole
    assert look(data, found).problem == ""
    assert not look(data, found).proves_length


@pytest.mark.parametrize("found", FORMATS, ids=lambda found: found.name)
def test_nothing_is_whole_when_there_is_nothing(found: Format) -> None:
    """An empty file, one byte and an error page are never whole; only a subtitle may have no words."""
    nothing = () if found.name == "srt" else (b"",)
    for data in (*nothing, b"\x00", b"<html>403 Forbidden</html>", b'{"code":500}'):
        assert not look(data, found).whole
        assert look(data, found).problem


def test_an_unknown_format_is_taken_as_it_comes() -> None:
    """Where no check exists nothing is refused, and nothing proven."""
    unknown = Format("new", "new", "image/new", Family.PICTURE)
    assert look(b"anything", unknown) == Structure(whole=True, proves_length=False)


@given(data=st.binary(max_size=600), found=st.sampled_from(FORMATS))
def test_arbitrary_bytes_raise_nothing(data: bytes, found: Format) -> None:
    """Any bytes under any format give an answer."""
    look(data, found)


@given(
    sample=st.sampled_from(SAMPLES),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=12),
    drop=st.tuples(st.integers(0, 2000), st.integers(0, 40)),
)
def test_mutated_good_files_raise_nothing(
    sample: tuple[Format, bytes], edits: list[tuple[int, int]], drop: tuple[int, int]
) -> None:
    """Good files with bytes changed and taken out give an answer."""
    found, good = sample
    data = bytearray(good)
    for place, value in edits:
        data[place % len(data)] = value
    del data[drop[0] % len(data) : drop[0] % len(data) + drop[1]]
    answer = look(bytes(data), found)
    assert answer.whole is (answer.problem == "")


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("plain.mp4", "-f lavfi -i testsrc=d=0.3:s=64x48:r=10 -f lavfi -i sine=d=0.3"),
        ("first.mp4", "-f lavfi -i testsrc=d=0.3:s=64x48:r=10 -movflags faststart"),
        ("plain.mov", "-f lavfi -i testsrc=d=0.3:s=64x48:r=10 -f lavfi -i sine=d=0.3"),
        ("sound.m4a", "-f lavfi -i sine=d=0.3"),
        ("ima.mov", "-f lavfi -i sine=d=0.3 -c:a adpcm_ima_qt"),
        ("sound.wav", "-f lavfi -i sine=d=0.1:r=8000"),
        ("moving.gif", "-f lavfi -i testsrc=d=0.3:s=64x48:r=10"),
    ],
)
def test_files_by_ffmpeg_are_whole_and_no_cut_of_them_is(name: str, settings: str, tmp_path: Path) -> None:
    """Another program's files agree: whole as they are, refused at every shorter length."""
    made = tmp_path / name
    subprocess.run(["ffmpeg", "-v", "error", *settings.split(), made], check=True)
    data = made.read_bytes()
    found = sniff(data[: media.SNIFF_BYTES])
    assert found is not None
    seen = look(data, found)
    contents = {"width": 0, "height": 0, "codecs": (), "duration_ms": 0}
    contents |= {"has_video": False, "has_audio": False}
    assert replace(seen, **contents) == Structure(whole=True)  # type: ignore[arg-type]
    assert seen.has_video == ("testsrc" in settings and found.family is Family.MOVIE)
    assert seen.has_audio == ("sine" in settings)
    assert not any(look(data[:cut], found).whole for cut in range(0, len(data), 7))
    assert not look(data[:-1], found).whole


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe+delay_moov", "dash"])
def test_a_fragmented_film_by_ffmpeg_is_seen_and_heard(flags: str, tmp_path: Path) -> None:
    """Its tables are empty, or hold the first samples only; the rest is in fragments."""
    made = tmp_path / "film.mp4"
    settings = f"-f lavfi -i testsrc=d=0.3:s=64x48:r=10 -f lavfi -i sine=d=0.3 -movflags {flags}"
    subprocess.run(["ffmpeg", "-v", "error", *settings.split(), made], check=True)
    seen = look(made.read_bytes(), media.MP4)
    assert (seen.whole, seen.has_video, seen.has_audio) == (True, True, True)
