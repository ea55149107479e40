"""MP4, M4A and QuickTime."""

import struct
from dataclasses import replace

import pytest
from integrity_samples import (
    FTYP,
    Track,
    box,
    endless_box,
    good_track,
    long_box,
    look,
    movie,
    mvhd,
    numbers,
)

from xharchive import media
from xharchive.media import Format


def test_it_tells_size_duration_and_codecs() -> None:
    """The first video track's stored size, the movie's length and the sample entries are read."""
    seen = look(movie(good_track()), media.MP4)
    assert (seen.width, seen.height, seen.duration_ms, seen.codecs) == (64, 48, 400, ("avc1",))


def test_long_headers_are_read() -> None:
    """Version 1 of the headers, with 64-bit times, and 64-bit chunk offsets."""
    track = Track(version=1, chunks=[0], wide=True)
    seen = look(movie(track, header=mvhd(90_000, 45_000, version=1)), media.MP4)
    assert (seen.width, seen.height, seen.duration_ms) == (64, 48, 2000)


@pytest.mark.parametrize("header", [mvhd(0xFFFFFFFF), mvhd(400, 0)])
def test_an_unknown_duration_is_zero(header: bytes) -> None:
    """All ones, and a time scale of zero, mean that nobody knows."""
    assert look(movie(good_track(), header=header), media.MP4).duration_ms == 0


def test_a_sound_has_no_size_and_an_unnamed_handler_no_kind() -> None:
    """Only a video track's header speaks of pixels."""
    for handler in (b"soun", None):
        seen = look(movie(Track(handler=handler, chunks=None, entries=b"")), media.M4A)
        assert (seen.whole, seen.width, seen.height, seen.codecs) == (True, 0, 0, ())


def test_old_quicktime_has_no_ftyp_and_mp4_must() -> None:
    """QuickTime files may begin with any atom."""
    data = movie(Track(chunks=None)).removeprefix(FTYP)
    assert look(data, media.MOV).whole
    assert look(data, media.MP4).problem == "there is no ftyp box"


def test_boxes_may_have_64_bit_sizes_or_reach_to_the_end() -> None:
    """A size of 1 is followed by the real one; a size of 0 ends with the file."""
    moov = box("moov", mvhd(), Track(chunks=None).box())
    assert look(FTYP + moov + long_box("mdat", b"abc"), media.MP4).whole
    assert look(FTYP + moov + endless_box("mdat", b"abc"), media.MP4).whole
    assert not look(FTYP + moov + long_box("mdat", b"abc")[:-1], media.MP4).whole


def test_media_data_to_the_end_is_held_against_the_tables() -> None:
    """With no size of its own the media data are cut unseen, but the last sample then misses its end."""
    data = movie(good_track())
    at = data.rindex(b"mdat") - 4
    data = data[:at] + bytes(4) + data[at + 4 :]
    assert look(data, media.MP4).whole
    assert look(data[:-1], media.MP4).problem == "the last sample ends outside the media data"
    assert look(data[:-20], media.MP4).problem == "a chunk lies outside the media data"


def test_chunks_may_lie_in_several_stretches_of_media_data() -> None:
    """Each chunk must lie in one of them, not between two."""
    filler = box("mdat", bytes(50)) + box("free", bytes(50)) + box("mdat", bytes(50))
    first = len(FTYP) + 8
    moov = [box("moov", mvhd(), Track(chunks=[first, at]).box()) for at in (first + 120, first + 70, 3)]
    assert look(FTYP + filler + moov[0], media.MP4).whole
    assert look(FTYP + filler + moov[1], media.MP4).problem == "a chunk lies outside the media data"
    assert look(FTYP + filler + moov[2], media.MP4).problem == "a chunk lies outside the media data"


@pytest.mark.parametrize(
    "change",
    [
        {"runs": None},
        {"sizes": None},
        {"runs": numbers(0, 0)},
        {"runs": numbers(0, 1)},
        {"runs": numbers(0, 1, 9, 2, 1)},
        {"sizes": numbers(0, 1, 1000)},
        {"sizes": numbers(0, 7, 4)},
    ],
)
def test_tables_that_do_not_tell_the_last_samples_end_are_tolerated(change: dict[str, bytes | None]) -> None:
    """What cannot be known cheaply is not held against a file; equal sizes are multiplied."""
    assert look(movie(replace(good_track(), **change)), media.MP4).whole  # type: ignore[arg-type]


def test_equal_sizes_tell_the_end_too() -> None:
    """Two samples of 8 bytes do not fit behind byte 15 of 30."""
    assert not look(movie(replace(good_track(), sizes=numbers(0, 8, 4))), media.MP4).whole


@pytest.mark.parametrize(
    "sizes", [numbers(0, 0, 9, 7, 8), numbers(0, 0, 1, 7)], ids=["longer than its box", "too few samples"]
)
def test_a_size_table_that_lies_is_refused(sizes: bytes) -> None:
    """A table must hold what it counts, and at least the last chunk's samples."""
    seen = look(movie(replace(good_track(), sizes=sizes)), media.MP4)
    assert seen.problem == "a sample table is longer than its box"


def test_a_chunk_table_that_lies_is_refused() -> None:
    """Neither more entries than fit, nor millions of them, are read."""
    data = movie(Track(chunks=[0]))
    at = data.index(b"stco") + 8
    for count in (2, 3_000_000):
        lying = data[:at] + numbers(count) + data[at + 4 :]
        assert look(lying, media.MP4).problem == "a chunk table is longer than its box"


def test_a_fragmented_movie_proves_its_length_only_by_its_closing_index() -> None:
    """Between two fragments such a file can be cut unseen; `mehd` tells its length."""
    extends = box("mvex", box("mehd", bytes(4), numbers(1500)))
    longer = box("mvex", box("mehd", b"\x01\x00\x00\x00", struct.pack(">Q", 1500)))
    for part in (extends, longer, box("mvex")):
        moov = box("moov", mvhd(0), Track().box(), part)
        open_ended = FTYP + moov + box("moof", b"") + box("mdat", b"abc")
        seen = look(open_ended, media.MP4)
        assert (seen.whole, seen.proves_length) == (True, False)
        assert seen.duration_ms == (0 if part == box("mvex") else 1500)
        assert look(open_ended + box("mfra", b""), media.MP4).proves_length


def test_a_movie_that_tells_its_length_ignores_the_fragments() -> None:
    """`mehd` only counts where `mvhd` says nothing."""
    header = mvhd(400) + box("mvex", box("mehd", bytes(4), numbers(1500)))
    assert look(movie(good_track(), header=header), media.MP4).duration_ms == 400


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (FTYP + box("mdat"), "there is no moov box"),
        (FTYP + box("moov", mvhd(), Track().box()), "there is no mdat box"),
        (FTYP + box("moov", mvhd()) + box("mdat"), "the movie has no track"),
        (FTYP + box("moov", Track().box()) + box("mdat"), "there is no mvhd box"),
        (FTYP + box("moov", mvhd(), box("trak")) + box("mdat"), "a track has no header"),
        (FTYP + box("moov", Track().box(), box("mvhd")) + box("mdat"), "a table ends too early"),
        (
            FTYP + box("moov", mvhd(), box("trak", box("tkhd"), box("mdia"))) + box("mdat"),
            "a track has no sample tables",
        ),
        (
            FTYP + box("moov", numbers(99) + b"trak") + box("mdat"),
            "the trak box does not fit where it stands",
        ),
        (FTYP + box("moov", numbers(4) + b"trak") + box("mdat"), "a box has an impossible size"),
        (FTYP + box("moov", box("free") * 100_001) + box("mdat"), "too many boxes"),
        (FTYP + box("moov", bytes(1 + (64 << 20))) + box("mdat"), "the moov box is too large"),
        (FTYP + box("mdat", bytes(9))[:-1], "the file ends inside the mdat box"),
        (FTYP + box("mdat") + bytes(100), "something that is no box follows the last one"),
        (FTYP + box("mdat") + bytes(5), "the file ends too early"),
        (FTYP + box("\xff\xfe\xfd\xfc"), "something that is no box follows the last one"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_movie_is_refused_with_its_reason(data: bytes, problem: str) -> None:
    """Missing parts, sizes that cannot be and hostile amounts end the walk with a few words."""
    seen = look(data, media.MP4)
    assert (seen.whole, seen.problem) == (False, problem)


def test_a_few_bytes_behind_the_last_child_are_tolerated() -> None:
    """QuickTime writers close some lists with a zero."""
    assert look(movie(good_track(), header=mvhd()), media.MOV).whole
    moov = box("moov", mvhd(), Track(chunks=None).box(), bytes(4))
    assert look(FTYP + moov + box("mdat"), media.MOV).whole


@pytest.mark.parametrize(
    "tail",
    [
        bytes(4),
        bytes(64),
        b"junk behind the last box",
        bytes(range(200, 237)),
        b"\xff\xd9",
        box("abcd", bytes(40))[:-1],
    ],
    ids=["4 zeros", "64 zeros", "words", "37 bytes", "2 bytes", "cut unknown box"],
)
@pytest.mark.parametrize("found", [media.MP4, media.MOV])
def test_a_tail_that_is_no_box_leaves_a_movie_whole(found: Format, tail: bytes) -> None:
    """All samples are there; but only an announced length tells that nothing more should follow."""
    good = movie(good_track())
    assert look(good, found).proves_length
    seen = look(good + tail, found)
    assert seen.whole, seen.problem
    assert not seen.proves_length


def test_a_tail_is_no_excuse_for_missing_samples() -> None:
    """Without tables that find their samples, or with fragments, the rest may be missing."""
    unproven = movie(replace(good_track(), chunks=[]))
    fragmented = movie(good_track()) + box("moof", bytes(8))
    for data in (unproven, fragmented):
        assert look(data, media.MP4).whole
        assert not look(data + b"tail", media.MP4).whole


def test_every_cut_is_refused_or_proves_nothing() -> None:
    """A cut file is never taken for a whole one on the strength of its structure alone."""
    good = movie(good_track()) + box("free", bytes(50))
    for length in range(len(good)):
        seen = look(good[:length], media.MP4)
        assert not (seen.whole and seen.proves_length) or length == len(movie(good_track()))
        assert not seen.whole or length >= len(movie(good_track()))


@pytest.mark.parametrize("kind", ["free", "udta", "mdat", "moof", "uuid"])
def test_a_cut_box_of_a_movie_is_a_cut_movie(kind: str) -> None:
    """A box that belongs there and is not all there is no litter: bytes are missing."""
    good = movie(good_track()) + box(kind, bytes(40))
    assert look(good, media.MP4).whole
    assert not look(good[:-1], media.MP4).whole


def test_an_announced_fragment_is_missed() -> None:
    """A movie that says it goes on in fragments is not proven by its first samples."""
    announced = mvhd() + box("mvex", box("trex", bytes(24)))
    good = movie(good_track(), header=announced)
    for data, proven in ((good, False), (good + box("moof", bytes(8)) + box("mfra"), True)):
        seen = look(data, media.MP4)
        assert (seen.whole, seen.proves_length) == (True, proven)
    for tail in (b"\x00\x00\x00\x10", box("moof", bytes(8))[:-1], box("free", bytes(8))[:-1]):
        assert not look(good + tail, media.MP4).whole


@pytest.mark.parametrize("sizes", [good_track().sizes, None])
def test_a_last_box_without_a_size_proves_nothing(sizes: bytes | None) -> None:
    """It has no end mark: what stands behind the last known sample can be cut unseen."""
    data = movie(replace(good_track(), sizes=sizes))
    at = data.rindex(b"mdat") - 4
    seen = look(data[:at] + bytes(4) + data[at + 4 :], media.MP4)
    assert (seen.whole, seen.proves_length) == (True, False)


@pytest.mark.parametrize("handler", [b"vide", b"soun"])
def test_a_track_with_samples_is_seen_or_heard(handler: bytes) -> None:
    """Sizes of their own, and one size for all."""
    for sizes in (good_track().sizes, numbers(0, 7, 4)):
        seen = look(movie(replace(good_track(), handler=handler, sizes=sizes)), media.MP4)
        assert (seen.has_video, seen.has_audio) == (handler == b"vide", handler == b"soun")


@pytest.mark.parametrize(
    "track",
    [
        Track(chunks=None),
        Track(chunks=[]),
        replace(good_track(), sizes=None),
        replace(good_track(), runs=None, sizes=numbers(0, 0, 0)),
        replace(good_track(), sizes=numbers(0, 0, 4, 0, 0, 0, 0)),
        replace(good_track(), chunks=[]),
        replace(good_track(), handler=b"tmcd"),
    ],
    ids=["no tables", "no chunks", "no sizes", "no samples", "empty samples", "no places", "time codes"],
)
def test_a_track_without_samples_shows_nothing(track: Track) -> None:
    """The file is whole all the same; who wants pictures of it has to ask."""
    seen = look(movie(track), media.MP4)
    assert seen.whole, seen.problem
    assert (seen.has_video, seen.has_audio) == (False, False)


def test_compact_sizes_are_read() -> None:
    """`stz2` has sizes of 4, 8 or 16 bits, and its count in the same place."""
    data = movie(replace(good_track(), runs=None, sizes=numbers(0, 8, 2) + b"\x07\x08"))
    assert look(data.replace(b"stsz", b"stz2"), media.MP4).has_video


def fragment(track: int, samples: int) -> bytes:
    """A moof box that lists so many samples of a track."""
    run = box("trun", numbers(0, samples))
    return box("moof", box("mfhd", bytes(8)), box("traf", box("tfhd", numbers(0, track)), run))


def fragmented(*fragments: bytes) -> bytes:
    """A movie whose only track, number 0, has all its samples in fragments."""
    moov = box("moov", mvhd(0), Track().box(), box("mvex", box("trex", bytes(24))))
    return FTYP + moov + b"".join(part + box("mdat", b"abc") for part in fragments)


def test_the_samples_of_a_fragmented_film_are_found() -> None:
    """In whichever of its first fragments they are."""
    seen = look(fragmented(fragment(7, 3), fragment(0, 3)), media.MP4)
    assert (seen.whole, seen.has_video, seen.has_audio) == (True, True, False)


@pytest.mark.parametrize(
    "part",
    [fragment(7, 3), fragment(0, 0), box("moof"), box("moof", box("traf"))],
    ids=["another track's", "none", "no track", "no header"],
)
def test_a_fragmented_film_without_samples_shows_nothing(part: bytes) -> None:
    """A fragment alone is no picture."""
    seen = look(fragmented(part), media.MP4)
    assert (seen.whole, seen.has_video) == (True, False)


def test_a_film_on_its_side_tells_the_sides_that_are_seen() -> None:
    """Phones record upright films lying, with a matrix that turns them."""
    data = movie(good_track())
    at = data.index(b"tkhd") + 4 + 76 - 36
    for matrix, sides in (
        ((0, 1, 0, 9, 0), (48, 64)),
        ((1, 0, 0, 0, 1), (64, 48)),
        ((0, 1, 0, 0, 0), (64, 48)),
    ):
        seen = look(data[:at] + numbers(*matrix) + data[at + 20 :], media.MP4)
        assert (seen.width, seen.height) == sides
