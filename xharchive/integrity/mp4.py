"""Check MP4, M4A and QuickTime files: boxes fill the file, and all sample tables point into the media data.

A cut movie whose tables come first still has them, and players show its full duration
(docs/reliability.md#pictures-films-and-names). Movie fragments (ISO/IEC 14496-12 8.8) list their samples in
`moof` boxes instead.
"""

import array
import sys
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass

from xharchive.integrity.boxes import Box, child_boxes, file_ends_at_last_box, first_child, top_level_boxes
from xharchive.integrity.reader import FileReader, Structure, StructureError, read_uint

_MAX_CHUNKS = 2_000_000
_MAX_SAMPLE_ENTRIES = 64
_UNKNOWN_32, _UNKNOWN_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Track:
    """Facts of one `trak` box. `chunks` and `has_samples` count its own tables, not fragments."""

    id: int
    handler: bytes
    width: int
    height: int
    codecs: tuple[str, ...]
    chunks: int
    has_samples: bool


def check_mp4(reader: FileReader) -> Structure:
    """Check an MP4 or M4A file, which begins with `ftyp`."""
    boxes, trailing_problem = top_level_boxes(reader)
    if boxes[0].kind != b"ftyp":
        raise StructureError("there is no ftyp box")
    return check_boxes(reader, boxes, trailing_problem)


def check_quicktime(reader: FileReader) -> Structure:
    """Check a QuickTime file. Older ones have no `ftyp`."""
    return check_boxes(reader, *top_level_boxes(reader))


def check_boxes(reader: FileReader, boxes: list[Box], trailing_problem: str) -> Structure:
    """Check the movie in a file.

    A movie with fragments, or with the announcement of fragments, proves its length only by the random access
    box at its end: a cut between two fragments is invisible. A movie without fragments, whose tables find all
    samples, is complete whatever follows it; but trailing bytes then leave its length unproven.

    Args:
        reader: the file.
        boxes: its top-level boxes.
        trailing_problem: the problem with the bytes after the boxes, "" if there is none.

    Raises:
        StructureError: the movie is cut or damaged.
    """
    by_kind = {box.kind: box for box in reversed(boxes)}
    media_data = [(box.start, box.end) for box in boxes if box.kind == b"mdat"]
    if b"moov" not in by_kind or not media_data:
        missing = "mdat" if b"moov" in by_kind else "moov"
        raise StructureError(trailing_problem or f"there is no {missing} box")
    movie = by_kind[b"moov"].payload(reader)
    tracks = _parse_tracks(reader, movie, media_data)
    if not tracks:
        raise StructureError("the movie has no track")
    fragmented = b"moof" in by_kind or first_child(reader, movie, b"mvex") is not None
    if trailing_problem and (fragmented or not all(track.chunks for track in tracks)):
        raise StructureError(trailing_problem)
    video = next((track for track in tracks if track.handler == b"vide" and track.width), None)
    proves_length = file_ends_at_last_box(boxes, trailing_problem)
    if fragmented:
        proves_length = proves_length and boxes[-1].kind == b"mfra"
    handlers = _handlers_with_samples(reader, boxes, tracks)
    return Structure(
        whole=True,
        width=video.width if video else 0,
        height=video.height if video else 0,
        duration_ms=_duration_ms(reader, movie),
        codecs=tuple(dict.fromkeys(codec for track in tracks for codec in track.codecs)),
        proves_length=proves_length,
        has_video=b"vide" in handlers,
        has_audio=b"soun" in handlers,
    )


def _handlers_with_samples(reader: FileReader, boxes: list[Box], tracks: list[_Track]) -> set[bytes]:
    """Return the handler types of the tracks with samples, in their own tables or in fragments."""
    found = {track.handler for track in tracks if track.has_samples}
    lacking = {track.id: track.handler for track in tracks if track.handler in {b"vide", b"soun"} - found}
    in_fragments = tracks_with_samples(reader, boxes, set(lacking))
    return found | {lacking[track] for track in in_fragments}


def _duration_ms(reader: FileReader, movie: bytes) -> int:
    """Return the duration in milliseconds, 0 if unknown. A movie with fragments may declare it in `mehd`."""
    header = first_child(reader, movie, b"mvhd")
    if header is None:
        raise StructureError("there is no mvhd box")
    long = read_uint(movie, header.start, 1) == 1
    scale = read_uint(movie, header.start + (20 if long else 12), 4)
    length = read_uint(movie, header.start + (24 if long else 16), 8 if long else 4)
    extends = first_child(reader, movie, b"mvex")
    fragments = first_child(reader, movie, b"mehd", extends) if extends else None
    if fragments and not length:
        length = read_uint(movie, fragments.start + 4, 8 if read_uint(movie, fragments.start, 1) == 1 else 4)
    return length * 1000 // scale if scale and length not in (_UNKNOWN_32, _UNKNOWN_64) else 0


def _parse_tracks(reader: FileReader, movie: bytes, media_data: list[tuple[int, int]]) -> list[_Track]:
    tracks: list[_Track] = []
    chunks_left = _MAX_CHUNKS
    for box in child_boxes(reader, movie):
        if box.kind == b"trak":
            tracks.append(_parse_track(reader, movie, box, media_data))
            chunks_left -= tracks[-1].chunks
            if chunks_left < 0:
                raise StructureError("too many chunks")
    return tracks


def _parse_track(reader: FileReader, movie: bytes, track: Box, media_data: list[tuple[int, int]]) -> _Track:
    header = first_child(reader, movie, b"tkhd", track)
    description = first_child(reader, movie, b"mdia", track)
    if header is None or description is None:
        raise StructureError("a track has no header")
    handler = first_child(reader, movie, b"hdlr", description)
    information = first_child(reader, movie, b"minf", description)
    table_box = first_child(reader, movie, b"stbl", information) if information else None
    if table_box is None:
        raise StructureError("a track has no sample tables")
    tables = {box.kind: box for box in child_boxes(reader, movie, table_box.start, table_box.end)}
    chunks = _check_chunks(movie, tables, media_data)
    long = read_uint(movie, header.start, 1) == 1
    size_at = header.start + (88 if long else 76)
    # 16.16 fixed point
    width, height = read_uint(movie, size_at, 4) >> 16, read_uint(movie, size_at + 4, 4) >> 16
    if _is_rotated_sideways(movie, size_at - 36):
        width, height = height, width
    return _Track(
        id=read_uint(movie, header.start + (20 if long else 12), 4),
        handler=movie[handler.start + 8 : handler.start + 12] if handler else b"",
        width=width,
        height=height,
        codecs=_codecs(reader, movie, tables.get(b"stsd")),
        chunks=chunks,
        has_samples=chunks > 0 and _has_nonempty_samples(movie, tables),
    )


def _is_rotated_sideways(movie: bytes, matrix: int) -> bool:
    """Whether a track's matrix (ISO/IEC 14496-12 6.2.2) rotates its frames by 90 or 270 degrees."""
    a, b, _, c, d = (read_uint(movie, matrix + 4 * index, 4) for index in range(5))
    return not a and not d and bool(b) and bool(c)


def _has_nonempty_samples(movie: bytes, tables: dict[bytes, Box]) -> bool:
    """Whether a track's size table (ISO/IEC 14496-12 8.7.3) lists a sample with bytes."""
    table = tables.get(b"stsz") or tables.get(b"stz2")
    if table is None or not read_uint(movie, table.start + 8, 4):
        return False
    same_for_all = table.kind == b"stsz" and read_uint(movie, table.start + 4, 4)
    return bool(same_for_all) or bool(movie[table.start + 12 : table.end].strip(b"\0"))


def _codecs(reader: FileReader, movie: bytes, entries: Box | None) -> tuple[str, ...]:
    if entries is None:
        return ()
    limited = zip(
        range(_MAX_SAMPLE_ENTRIES), child_boxes(reader, movie, entries.start + 8, entries.end), strict=False
    )
    return tuple("".join(filter(str.isprintable, box.name)) for _, box in limited)


def _check_chunks(movie: bytes, tables: dict[bytes, Box], media_data: list[tuple[int, int]]) -> int:
    """Check that all chunks begin in media data and the last sample ends in it; return the chunk count."""
    offsets = _chunk_offsets(movie, tables)
    if not offsets:
        return 0
    starts = [start for start, _ in media_data]
    # A single range contains all offsets if it contains the smallest and the largest.
    checked_offsets = (min(offsets), max(offsets)) if len(media_data) == 1 else offsets
    for offset in checked_offsets:
        if not _is_inside_one(media_data, starts, offset, offset):
            raise StructureError("a chunk lies outside the media data")
    if not _is_inside_one(
        media_data, starts, offsets[-1], offsets[-1] + _last_chunk_bytes(movie, tables, len(offsets))
    ):
        raise StructureError("the last sample ends outside the media data")
    return len(offsets)


def _is_inside_one(media_data: list[tuple[int, int]], starts: list[int], first: int, last: int) -> bool:
    """Whether one range of media data contains the bytes from `first` to `last`."""
    at = bisect_right(starts, first) - 1
    return at >= 0 and last <= media_data[at][1]


def _chunk_offsets(movie: bytes, tables: dict[bytes, Box]) -> "array.array[int]":
    wide = b"co64" in tables
    table = tables.get(b"co64") or tables.get(b"stco")
    offsets = array.array("Q" if wide else "I")
    if table is None:
        return offsets
    count = read_uint(movie, table.start + 4, 4)
    end = table.start + 8 + count * offsets.itemsize
    if count > _MAX_CHUNKS or end > table.end:
        raise StructureError("a chunk table is longer than its box")
    offsets.frombytes(movie[table.start + 8 : end])
    if sys.byteorder == "little":  # pragma: no branch - the tests run on little-endian machines only
        offsets.byteswap()
    return offsets


def _last_chunk_bytes(movie: bytes, tables: dict[bytes, Box], chunks: int) -> int:
    """Return the least number of bytes in the last chunk; 0 if the tables do not say."""
    runs, sizes = tables.get(b"stsc"), tables.get(b"stsz")
    if runs is None or sizes is None:
        return 0
    run_count = read_uint(movie, runs.start + 4, 4)
    last_run = runs.start + 8 + (run_count - 1) * 12
    if not run_count or last_run + 12 > runs.end or read_uint(movie, last_run, 4) > chunks:
        return 0
    samples = read_uint(movie, last_run + 4, 4)
    uniform, count = read_uint(movie, sizes.start + 4, 4), read_uint(movie, sizes.start + 8, 4)
    if uniform:
        # For compressed audio, QuickTime writes a size of 1 and counts in another unit.
        return samples * uniform if uniform > 1 else 0
    table_end = sizes.start + 12 + count * 4
    if table_end > sizes.end or samples > count:
        raise StructureError("a sample table is longer than its box")
    return sum(memoryview(_big_endian_uints(movie[table_end - samples * 4 : table_end])))


def _big_endian_uints(table: bytes) -> "array.array[int]":
    numbers = array.array("I", table)
    if sys.byteorder == "little":  # pragma: no branch - as above
        numbers.byteswap()
    return numbers


# The first fragments of a video have samples of all its tracks. Reading thousands more is slow.
_MAX_FRAGMENTS = 1_000


def tracks_with_samples(reader: FileReader, boxes: list[Box], track_ids: Collection[int]) -> set[int]:
    """Return the track ids, of those given, for which a fragment lists samples.

    Args:
        reader: the file.
        boxes: its top-level boxes.
        track_ids: the tracks to look for.

    Raises:
        StructureError: a fragment is damaged.
    """
    found: set[int] = set()
    for box in [box for box in boxes if box.kind == b"moof"][:_MAX_FRAGMENTS]:
        if found.issuperset(track_ids):
            break
        found |= _track_ids_with_samples(reader, box.payload(reader)).intersection(track_ids)
    return found


def _track_ids_with_samples(reader: FileReader, fragment: bytes) -> set[int]:
    """Return the ids of the tracks for which one fragment lists samples."""
    found: set[int] = set()
    for track in child_boxes(reader, fragment):
        header = first_child(reader, fragment, b"tfhd", track) if track.kind == b"traf" else None
        if header is None:
            continue
        runs = (box for box in child_boxes(reader, fragment, track.start, track.end) if box.kind == b"trun")
        if any(read_uint(fragment, run.start + 4, 4) for run in runs):
            found.add(read_uint(fragment, header.start + 4, 4))
    return found
