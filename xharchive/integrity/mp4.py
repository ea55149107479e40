"""MP4, M4A and QuickTime: boxes tile the file, and every sample table points into the media data.

A cut movie keeps its tables when they come first, and players open it with its full length
(docs/reliability.md#pictures-films-and-names).
"""

import array
import sys
from bisect import bisect_right
from dataclasses import dataclass

from xharchive.integrity.boxes import Box, children, closed, leading_boxes, only
from xharchive.integrity.fragments import tracks_with_samples
from xharchive.integrity.reader import Broken, Source, Structure, number

__all__ = ["mp4", "quicktime", "within"]

_MOST_CHUNKS = 2_000_000
_MOST_SAMPLE_ENTRIES = 64
_UNKNOWN_32, _UNKNOWN_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Track:
    """What one `trak` box says; `has_samples` is about its own tables, not about fragments."""

    id: int
    handler: bytes
    width: int
    height: int
    codecs: tuple[str, ...]
    chunks: int
    has_samples: bool


def mp4(source: Source) -> Structure:
    """Check an MP4 or M4A file, which begins with `ftyp`."""
    boxes, tail = leading_boxes(source)
    if boxes[0].kind != b"ftyp":
        raise Broken("there is no ftyp box")
    return within(source, boxes, tail)


def quicktime(source: Source) -> Structure:
    """Check a QuickTime file, whose older kind has no `ftyp`."""
    return within(source, *leading_boxes(source))


def within(source: Source, boxes: list[Box], tail: str) -> Structure:
    """Check the movie that these top boxes of a file hold; `tail` is what is wrong behind them, if anything.

    A fragmented one, and one that says it goes on in fragments, proves its length only by the random access
    box that closes it: between two fragments it can be cut unseen. One whose tables find all their samples is
    whole whatever hangs on behind it, but then it does not prove that nothing more should follow.
    """
    held = {box.kind: box for box in reversed(boxes)}
    media_data = [(box.start, box.end) for box in boxes if box.kind == b"mdat"]
    if b"moov" not in held or not media_data:
        raise Broken(tail or f"there is no {'mdat' if b'moov' in held else 'moov'} box")
    movie = held[b"moov"].held(source)
    tracks = _tracks(source, movie, media_data)
    if not tracks:
        raise Broken("the movie has no track")
    fragmented = b"moof" in held or only(source, movie, b"mvex") is not None
    if tail and (fragmented or not all(track.chunks for track in tracks)):
        raise Broken(tail)
    video = next((track for track in tracks if track.handler == b"vide" and track.width), None)
    handlers = _handlers_with_samples(source, boxes, tracks)
    return Structure(
        whole=True,
        width=video.width if video else 0,
        height=video.height if video else 0,
        duration_ms=_duration(source, movie),
        codecs=tuple(dict.fromkeys(codec for track in tracks for codec in track.codecs)),
        proves_length=closed(boxes, tail) and (not fragmented or boxes[-1].kind == b"mfra"),
        has_pictures=b"vide" in handlers,
        has_sound=b"soun" in handlers,
    )


def _handlers_with_samples(source: Source, boxes: list[Box], tracks: list[_Track]) -> set[bytes]:
    """Return the handlers of the tracks that have samples, in their own tables or in fragments."""
    found = {track.handler for track in tracks if track.has_samples}
    lacking = {track.id: track.handler for track in tracks if track.handler in {b"vide", b"soun"} - found}
    in_fragments = tracks_with_samples(source, boxes, set(lacking))
    return found | {lacking[track] for track in in_fragments}


def _duration(source: Source, movie: bytes) -> int:
    """Return the movie's length in milliseconds; a fragmented one tells it in `mehd`, or nowhere."""
    header = only(source, movie, b"mvhd")
    if header is None:
        raise Broken("there is no mvhd box")
    long = number(movie, header.start, 1) == 1
    scale = number(movie, header.start + (20 if long else 12), 4)
    length = number(movie, header.start + (24 if long else 16), 8 if long else 4)
    extends = only(source, movie, b"mvex")
    fragments = only(source, movie, b"mehd", extends) if extends else None
    if fragments and not length:
        length = number(movie, fragments.start + 4, 8 if number(movie, fragments.start, 1) == 1 else 4)
    return length * 1000 // scale if scale and length not in (_UNKNOWN_32, _UNKNOWN_64) else 0


def _tracks(source: Source, movie: bytes, media_data: list[tuple[int, int]]) -> list[_Track]:
    tracks: list[_Track] = []
    chunks_left = _MOST_CHUNKS
    for box in children(source, movie):
        if box.kind == b"trak":
            tracks.append(_track(source, movie, box, media_data))
            chunks_left -= tracks[-1].chunks
            if chunks_left < 0:
                raise Broken("too many chunks")
    return tracks


def _track(source: Source, movie: bytes, track: Box, media_data: list[tuple[int, int]]) -> _Track:
    header, description = only(source, movie, b"tkhd", track), only(source, movie, b"mdia", track)
    if header is None or description is None:
        raise Broken("a track has no header")
    handler = only(source, movie, b"hdlr", description)
    information = only(source, movie, b"minf", description)
    tables = only(source, movie, b"stbl", information) if information else None
    if tables is None:
        raise Broken("a track has no sample tables")
    parts = {box.kind: box for box in children(source, movie, tables.start, tables.end)}
    chunks = _checked_chunks(movie, parts, media_data)
    long = number(movie, header.start, 1) == 1
    sides = header.start + (88 if long else 76)
    # 16.16 fixed point
    width, height = number(movie, sides, 4) >> 16, number(movie, sides + 4, 4) >> 16
    if _lies_on_its_side(movie, sides - 36):
        width, height = height, width
    return _Track(
        id=number(movie, header.start + (20 if long else 12), 4),
        handler=movie[handler.start + 8 : handler.start + 12] if handler else b"",
        width=width,
        height=height,
        codecs=_codecs(source, movie, parts.get(b"stsd")),
        chunks=chunks,
        has_samples=chunks > 0 and _have_bytes(movie, parts),
    )


def _lies_on_its_side(movie: bytes, matrix: int) -> bool:
    """Whether a track's matrix (ISO/IEC 14496-12 6.2.2) turns its pictures by 90 or 270 degrees."""
    a, b, _, c, d = (number(movie, matrix + 4 * place, 4) for place in range(5))
    return not a and not d and bool(b) and bool(c)


def _have_bytes(movie: bytes, parts: dict[bytes, Box]) -> bool:
    """Whether a track's size table counts samples that are not all empty (ISO/IEC 14496-12 8.7.3)."""
    table = parts.get(b"stsz") or parts.get(b"stz2")
    if table is None or not number(movie, table.start + 8, 4):
        return False
    same_for_all = table.kind == b"stsz" and number(movie, table.start + 4, 4)
    return bool(same_for_all) or bool(movie[table.start + 12 : table.end].strip(b"\0"))


def _codecs(source: Source, movie: bytes, entries: Box | None) -> tuple[str, ...]:
    if entries is None:
        return ()
    stretch = zip(
        range(_MOST_SAMPLE_ENTRIES), children(source, movie, entries.start + 8, entries.end), strict=False
    )
    return tuple("".join(filter(str.isprintable, box.name)) for _, box in stretch)


def _checked_chunks(movie: bytes, parts: dict[bytes, Box], media_data: list[tuple[int, int]]) -> int:
    """Check that every chunk begins in media data, and that the last sample ends in it; return how many."""
    offsets = _chunk_offsets(movie, parts)
    if not offsets:
        return 0
    starts = [start for start, _ in media_data]
    # One stretch holds all of them if it holds the outermost two.
    suspects = (min(offsets), max(offsets)) if len(media_data) == 1 else offsets
    for offset in suspects:
        if not _holds(media_data, starts, offset, offset):
            raise Broken("a chunk lies outside the media data")
    if not _holds(
        media_data, starts, offsets[-1], offsets[-1] + _last_chunk_bytes(movie, parts, len(offsets))
    ):
        raise Broken("the last sample ends outside the media data")
    return len(offsets)


def _holds(media_data: list[tuple[int, int]], starts: list[int], first: int, last: int) -> bool:
    """Whether one stretch of media data reaches from `first` to `last`."""
    at = bisect_right(starts, first) - 1
    return at >= 0 and last <= media_data[at][1]


def _chunk_offsets(movie: bytes, parts: dict[bytes, Box]) -> "array.array[int]":
    wide = b"co64" in parts
    table = parts.get(b"co64") or parts.get(b"stco")
    offsets = array.array("Q" if wide else "I")
    if table is None:
        return offsets
    count = number(movie, table.start + 4, 4)
    end = table.start + 8 + count * offsets.itemsize
    if count > _MOST_CHUNKS or end > table.end:
        raise Broken("a chunk table is longer than its box")
    offsets.frombytes(movie[table.start + 8 : end])
    if sys.byteorder == "little":  # pragma: no branch - big-endian machines are out of reach of the tests
        offsets.byteswap()
    return offsets


def _last_chunk_bytes(movie: bytes, parts: dict[bytes, Box], chunks: int) -> int:
    """Return how many bytes the last chunk holds at least; 0 where the tables do not tell."""
    runs, sizes = parts.get(b"stsc"), parts.get(b"stsz")
    if runs is None or sizes is None:
        return 0
    run_count = number(movie, runs.start + 4, 4)
    last_run = runs.start + 8 + (run_count - 1) * 12
    if not run_count or last_run + 12 > runs.end or number(movie, last_run, 4) > chunks:
        return 0
    samples = number(movie, last_run + 4, 4)
    uniform, count = number(movie, sizes.start + 4, 4), number(movie, sizes.start + 8, 4)
    if uniform:
        # QuickTime gives compressed sound a size of 1 and counts in another unit.
        return samples * uniform if uniform > 1 else 0
    table_end = sizes.start + 12 + count * 4
    if table_end > sizes.end or samples > count:
        raise Broken("a sample table is longer than its box")
    return sum(memoryview(_swapped(movie[table_end - samples * 4 : table_end])))


def _swapped(table: bytes) -> "array.array[int]":
    numbers = array.array("I", table)
    if sys.byteorder == "little":  # pragma: no branch - as above
        numbers.byteswap()
    return numbers
