"""What a body must prove before it gets its final name, judged on files of the demo's world."""

from pathlib import Path

import pytest
from support.archive_paths import guarded

from xharchive.demo.world import DemoWorld
from xharchive.download.file_checks import Body, check_declared, check_picture, check_structure
from xharchive.errors import ArchiveError, CandidateFailed
from xharchive.images import DecodedImage, DecodeStatus
from xharchive.media import JPEG, MP4, SRT, Format
from xharchive.models import Candidate, Quality

NOTE = "69aed4e2000000000e00c358"


def body(size: int = 10, md5: str = "", found: Format = MP4, *, length_proven: bool = True) -> Body:
    """A body as the reception tells of it."""
    return Body(size, "sha", md5, found, length_proven)


def candidate(size: int = 0, md5: str = "") -> Candidate:
    """A candidate with what the reply declares."""
    return Candidate("https://a.xhscdn.com/k", Quality.ORIGINAL, "field", size, md5)


@pytest.mark.parametrize(
    ("arrived", "declared", "checks"),
    [
        (body(), candidate(), ("length",)),
        (body(length_proven=False), candidate(), ()),
        (body(), candidate(size=10), ("length", "declared-size")),
        (body(md5="ab"), candidate(md5="ab"), ("length", "md5")),
        (body(md5="ab", length_proven=False), candidate(10, "ab"), ("declared-size", "md5")),
    ],
)
def test_the_checks_that_were_made_are_named(
    arrived: Body, declared: Candidate, checks: tuple[str, ...]
) -> None:
    """The manifest says what was verified, no more."""
    assert check_declared(arrived, declared) == checks


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        (candidate(size=11), "size-differs"),
        (candidate(size=9), "size-differs"),
        (candidate(md5="cd"), "md5-differs"),
    ],
)
def test_what_differs_from_the_reply_is_refused(declared: Candidate, reason: str) -> None:
    """One byte more or less, another digest: another file."""
    with pytest.raises(CandidateFailed) as failed:
        check_declared(body(md5="ab"), declared)
    assert failed.value.reason == reason


def test_a_whole_movie_proves_its_own_length(demo_world: DemoWorld, tmp_path: Path) -> None:
    """Its boxes add up to the file, so nothing else needs to prove it."""
    path = tmp_path / "x"
    path.write_bytes(demo_world.original(NOTE, "live-1"))
    structure, checks = check_structure(guarded(path), body(), ())
    assert checks == ("structure",)
    assert structure.width > 0


def test_a_cut_movie_is_not_whole(demo_world: DemoWorld, tmp_path: Path) -> None:
    """However its transfer ended."""
    path = tmp_path / "x"
    path.write_bytes(demo_world.original(NOTE, "live-1")[:-1])
    with pytest.raises(CandidateFailed, match="not whole") as failed:
        check_structure(guarded(path), body(), ("length",))
    assert failed.value.reason == "not-whole"


def test_a_text_that_nothing_proves_is_refused(tmp_path: Path) -> None:
    """Subtitles have no end mark: without a length or a digest a cut one would look whole."""
    path = tmp_path / "x"
    path.write_bytes(b"1\n00:00:00,000 --> 00:00:01,000\nhello\n\n")
    with pytest.raises(CandidateFailed) as failed:
        check_structure(guarded(path), body(found=SRT, length_proven=False), ())
    assert failed.value.reason == "unproven"
    assert check_structure(guarded(path), body(found=SRT), ("length",))[1] == ("length", "structure")


def test_a_file_that_vanished_is_the_archives_trouble(tmp_path: Path) -> None:
    """Not the candidate's."""
    with pytest.raises(ArchiveError, match="reading gone"):
        check_structure(guarded(tmp_path / "gone"), body(found=JPEG), ())


def test_a_decoded_picture_is_proven_and_an_undecoded_one_says_why() -> None:
    """A picture that is whole and that no decoder reads is kept with its problem."""
    good = check_picture(DecodedImage(DecodeStatus.DECODED, width=3, height=2), ("length",))
    assert (good.checks, good.width, good.height, good.problem) == (("length", "decoded"), 3, 2, "")
    bad = check_picture(DecodedImage(DecodeStatus.DIED, detail="killed"), ("length",))
    assert (bad.checks, bad.problem) == (("length",), "killed")
