"""The demo's movies and sounds are real files: they walk, they probe, they play."""

import json
import subprocess
import wave
from io import BytesIO
from pathlib import Path

import pytest

from tools.demo_media.boxes import box, child, walk
from tools.demo_media.movies import Codec, make_m4a, make_movie
from tools.demo_media.sounds import make_subtitles, make_wav
from xharchive.media import sniff

PIXELS = (96, 128)
FRAMES = 6
CODECS: tuple[Codec, ...] = ("h264", "h265")

needs_ffprobe = pytest.mark.needs("ffprobe")
needs_ffmpeg = pytest.mark.needs("ffmpeg")


def probe(path: Path) -> list[dict[str, object]]:
    """Return what ffprobe says of each stream; it must not complain."""
    command = ["ffprobe", "-v", "warning", "-count_frames", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    streams: list[dict[str, object]] = json.loads(done.stdout)["streams"]
    return streams


def movie(codec: Codec, *, quicktime: bool = False) -> bytes:
    return make_movie(codec, 7, PIXELS, FRAMES, created=1_773_065_442, quicktime=quicktime)


@needs_ffprobe
@pytest.mark.parametrize("quicktime", [False, True])
@pytest.mark.parametrize(("codec", "names"), [("h264", ["h264", "aac"]), ("h265", ["hevc", "aac"])])
def test_a_movie_passes_ffprobe(tmp_path: Path, codec: Codec, names: list[str], quicktime: bool) -> None:
    """Codecs, size and the number of frames that really decode are as asked."""
    path = tmp_path / "movie"
    path.write_bytes(movie(codec, quicktime=quicktime))
    picture, sound = probe(path)
    assert [picture["codec_name"], sound["codec_name"]] == names
    assert (picture["width"], picture["height"]) == PIXELS
    assert picture["nb_read_frames"] == str(FRAMES)


@needs_ffmpeg
@pytest.mark.parametrize("codec", CODECS)
def test_a_movie_moves(tmp_path: Path, codec: Codec) -> None:
    """Decoded, no two neighbouring frames are the same."""
    path = tmp_path / "movie.mp4"
    path.write_bytes(movie(codec))
    command = ["ffmpeg", "-v", "warning", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    digests = [line.split(",")[-1] for line in done.stdout.splitlines() if not line.startswith("#")]
    assert done.stderr == ""
    assert len(set(digests)) == FRAMES


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    ("quicktime", "order"), [(False, ["moov", "free", "mdat"]), (True, ["wide", "mdat", "moov"])]
)
def test_the_boxes_walk_to_the_end(codec: Codec, quicktime: bool, order: list[str]) -> None:
    """A web movie has its index in front, a camera's file at the end; both are whole."""
    data = movie(codec, quicktime=quicktime)
    assert [part.name.decode() for part in walk(data)] == ["ftyp", *order]
    known = sniff(data)
    assert known is not None
    assert known.suffix == ("mov" if quicktime else "mp4")


@pytest.mark.parametrize("data", [b"\0\0\0", b"\0\0\0\x04free", b"\0\0\0\x10free"])
def test_a_broken_box_is_refused(data: bytes) -> None:
    """The walk says where boxes stop making sense."""
    with pytest.raises(ValueError, match="box"):
        list(walk(data))


def test_a_missing_box_is_refused() -> None:
    """There is no such thing as an empty answer."""
    with pytest.raises(ValueError, match="no b'moov' box"):
        child(box(b"free"), b"moov")


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_seed_gives_the_same_movie(codec: Codec) -> None:
    """Digests can be declared before a file is asked for."""
    assert movie(codec) == movie(codec)


@needs_ffprobe
def test_music_is_aac_in_an_m4a(tmp_path: Path) -> None:
    """Browsers play it; its brand tells it from a video."""
    data = make_m4a(4, 3.0)
    path = tmp_path / "music"
    path.write_bytes(data)
    (sound,) = probe(path)
    known = sniff(data)
    assert sound["codec_name"] == "aac"
    assert float(str(sound["duration"])) == pytest.approx(3.0, abs=0.1)
    assert known is not None
    assert known.suffix == "m4a"


def test_a_note_sound_is_pcm_of_the_asked_length() -> None:
    """The Wave module of Python reads it whole."""
    with wave.open(BytesIO(make_wav(1, 2.25))) as sound:
        assert sound.getnframes() / sound.getframerate() == 2.25
        assert any(sound.readframes(sound.getnframes()))


def test_subtitles_are_subrip() -> None:
    """Numbers, times and lines, a blank line between cues."""
    text = make_subtitles(["一", "二"])
    known = sniff(text)
    assert known is not None
    assert known.suffix == "srt"
    assert text.decode().split("\n\n")[1] == "2\n00:00:02,000 --> 00:00:04,000\n二\n"
