"""Check files in the ISO base media file format (ISO/IEC 14496-12): MP4, M4A, QuickTime, HEIF and AVIF.

Such a file is made of boxes (QuickTime: atoms). They fill the file, and all samples of a movie or items of an
image lie inside it. A cut movie whose tables come first still has them, and players show its full duration
(docs/reliability.md#pictures-films-and-names).
"""

import array
import sys
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from xharchive.integrity.reader import FileReader, Structure, StructureError

_MAX_BOXES = 100_000
_MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
_MAX_CHUNKS = 2_000_000
_MAX_SAMPLE_ENTRIES = 64
_MAX_EXTENTS = 100_000
# The first fragments of a video have samples of all its tracks. Reading thousands more is slow.
_MAX_FRAGMENTS = 1_000
# Top-level boxes of movies and images (ISO/IEC 14496-12 table 1). If one of these is cut, the file is cut.
# A cut box of another type may be unrelated trailing data.
_TOP_LEVEL_KINDS = frozenset(
    b"ftyp styp moov mdat free skip wide pnot uuid udta meta moof mfra sidx ssix pdin emsg prft imda".split()
)
_SIZE_TO_END, _SIZE_IN_64_BITS = 0, 1
_UNKNOWN_DURATIONS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_METHOD_FILE_OFFSET = 0


class _Box(NamedTuple):
    """A top-level box: its type, and where its payload is in the file."""

    kind: bytes
    start: int
    end: int


class _Track(NamedTuple):
    """Facts of one `trak` box. `chunks` and `has_samples` count its own tables, not fragments."""

    id: int
    handler: bytes
    width: int
    height: int
    codecs: tuple[str, ...]
    chunks: int
    has_samples: bool


class _BoxFile:
    """The boxes of one file, whose number is limited over all levels.

    Attributes:
        boxes: the complete top-level boxes from the start of the file.
        trailing_problem: the problem with the bytes after them; "" if they fill the file.
        proves_length: the last box declares its size, and the file ends there.
    """

    def __init__(self, reader: FileReader) -> None:
        self.size = reader.size
        self.trailing_problem = ""
        self.proves_length = True
        self._reader = reader
        self._boxes_left = _MAX_BOXES
        self.boxes = [self._read_box(0)]
        while (at := self.boxes[-1].end) < self.size:
            try:
                self.boxes.append(self._read_box(at))
            except StructureError as problem:
                is_cut_box = self.size - at >= 8 and reader.read_at(at + 4, 4) in _TOP_LEVEL_KINDS
                if is_cut_box or self._boxes_left < 0:
                    raise
                self.trailing_problem, self.proves_length = str(problem), False
                break

    def payload(self, box: _Box) -> memoryview:
        """Read the payload of a top-level box, at most 64 MiB."""
        if box.end - box.start > _MAX_PAYLOAD_BYTES:
            raise StructureError(f"the {box.kind.decode('latin-1')} box is too large")
        return memoryview(self._reader.read_at(box.start, box.end - box.start))

    def children(self, payload: memoryview) -> Iterator[tuple[bytes, memoryview]]:
        """Yield type and payload of each box. Ignore fewer than eight bytes after the last one."""
        while len(payload) >= 8:
            kind, header, size = self._parse_header(payload[:16], len(payload))
            if size > len(payload):
                raise StructureError(f"the {kind.decode('latin-1')} box does not fit where it stands")
            yield kind, payload[header:size]
            payload = payload[size:]

    def child(self, payload: memoryview | None, *path: bytes) -> memoryview | None:
        """Return the payload of the first box of a type, or of a path of types; None if there is none."""
        for wanted in path:
            boxes = self.children(payload) if payload is not None else ()
            payload = next((inner for kind, inner in boxes if kind == wanted), None)
        return payload

    def _read_box(self, at: int) -> _Box:
        left = self.size - at
        if left < 8:
            raise StructureError("the file ends too early")
        head = memoryview(self._reader.read_at(at, min(16, left)))
        kind, header, size = self._parse_header(head, left)
        if not kind.isascii() or kind < b"    ":
            raise StructureError("something that is no box follows the last one")
        if size > left:
            raise StructureError(f"the file ends inside the {kind.decode()} box")
        self.proves_length = _uint(head, 0, 4) != _SIZE_TO_END
        return _Box(kind, at + header, at + size)

    def _parse_header(self, head: memoryview, room: int) -> tuple[bytes, int, int]:
        """Return a box's type, and the bytes of its header and of the whole box; all of `room` by default."""
        self._boxes_left -= 1
        if self._boxes_left < 0:
            raise StructureError("too many boxes")
        size, kind, header = _uint(head, 0, 4), bytes(head[4:8]), 8
        if size == _SIZE_IN_64_BITS:
            size, header = _uint(head, 8, 8), 16
        elif size == _SIZE_TO_END:
            size = room
        if size < header:
            raise StructureError("a box has an impossible size")
        return kind, header, size


def _check_mp4(reader: FileReader) -> Structure:
    file = _BoxFile(reader)
    if file.boxes[0].kind != b"ftyp":
        raise StructureError("there is no ftyp box")
    return _check_movie(file)


def _check_quicktime(reader: FileReader) -> Structure:
    return _check_movie(_BoxFile(reader))  # older ones have no `ftyp`


def _check_heif(reader: FileReader) -> Structure:
    """Check an image of items (ISO/IEC 23008-12), or as a movie an image sequence without items (`msf1`)."""
    file = _BoxFile(reader)
    if file.boxes[0].kind != b"ftyp":
        raise StructureError("there is no ftyp box")
    meta = next((box for box in file.boxes if box.kind == b"meta"), None)
    if meta is None:
        return _check_movie(file)
    locations = file.child(file.payload(meta)[4:], b"iloc")  # after version and flags
    if locations is None:
        raise StructureError("there is no iloc box")
    _check_item_locations(locations, file.size)
    # Width and height stay 0: the boxes have the coded size with padding. The decoder reports the shown size.
    return Structure(whole=True, proves_length=file.proves_length)


CHECKS = {
    "mp4": _check_mp4,
    "m4a": _check_mp4,
    "mov": _check_quicktime,
    "heif": _check_heif,
    "avif": _check_heif,
}
"""The check of each format."""


def _check_item_locations(table: memoryview, file_size: int) -> None:
    """Check that each extent of each item location (ISO/IEC 14496-12 8.11.3) ends inside the file."""
    version, widths = _uint(table, 0, 1), _uint(table, 4, 2)
    offset_bytes, length_bytes = widths >> 12, widths >> 8 & 15
    base_bytes, index_bytes = widths >> 4 & 15, widths & 15 if version else 0
    id_bytes = 4 if version == 2 else 2
    at = 6 + id_bytes
    extents_left = _MAX_EXTENTS
    for _ in range(_uint(table, 6, id_bytes)):
        at += id_bytes
        method = _uint(table, at, 2) & 15 if version else _METHOD_FILE_OFFSET
        at += 4 if version else 2
        base = _uint(table, at, base_bytes)
        extents = _uint(table, at + base_bytes, 2)
        at += base_bytes + 2
        extents_left -= extents + 1
        if extents_left < 0:
            raise StructureError("too many items")
        for _ in range(extents):
            at += index_bytes
            offset = base + _uint(table, at, offset_bytes)
            length = _uint(table, at + offset_bytes, length_bytes)
            at += offset_bytes + length_bytes
            if method == _METHOD_FILE_OFFSET and offset + length > file_size:
                raise StructureError("an item lies outside the file")


def _check_movie(file: _BoxFile) -> Structure:
    """Check the movie in a file.

    A movie with fragments, or with the announcement of fragments, proves its length only by the random access
    box at its end: a cut between two fragments is invisible. A movie without fragments, whose tables find all
    samples, is complete whatever follows it; but trailing bytes then leave its length unproven.
    """
    by_kind = {box.kind: box for box in reversed(file.boxes)}
    media_data = [(box.start, box.end) for box in file.boxes if box.kind == b"mdat"]
    if b"moov" not in by_kind or not media_data:
        missing = "mdat" if b"moov" in by_kind else "moov"
        raise StructureError(file.trailing_problem or f"there is no {missing} box")
    movie = file.payload(by_kind[b"moov"])
    tracks = _parse_tracks(file, movie, media_data)
    if not tracks:
        raise StructureError("the movie has no track")
    fragmented = b"moof" in by_kind or file.child(movie, b"mvex") is not None
    if file.trailing_problem and (fragmented or not all(track.chunks for track in tracks)):
        raise StructureError(file.trailing_problem)
    sizes = ((each.width, each.height) for each in tracks if each.handler == b"vide" and each.width)
    width, height = next(sizes, (0, 0))
    handlers = _handlers_with_samples(file, tracks)
    return Structure(
        whole=True,
        width=width,
        height=height,
        duration_ms=_duration_ms(file, movie),
        codecs=tuple(dict.fromkeys(codec for track in tracks for codec in track.codecs)),
        proves_length=file.proves_length and (not fragmented or file.boxes[-1].kind == b"mfra"),
        has_video=b"vide" in handlers,
        has_audio=b"soun" in handlers,
    )


def _handlers_with_samples(file: _BoxFile, tracks: list[_Track]) -> set[bytes]:
    """Return the handler types of the tracks with samples, in their own tables or in `moof` boxes (8.8)."""
    found = {track.handler for track in tracks if track.has_samples}
    lacking = {track.id: track.handler for track in tracks if track.handler in {b"vide", b"soun"} - found}
    for box in islice((box for box in file.boxes if box.kind == b"moof"), _MAX_FRAGMENTS):
        if not lacking:
            break
        for kind, fragment in file.children(file.payload(box)):
            header = file.child(fragment, b"tfhd") if kind == b"traf" else None
            if header is None:
                continue
            runs = (run for run_kind, run in file.children(fragment) if run_kind == b"trun")
            track = _uint(header, 4, 4)
            if track in lacking and any(_uint(run, 4, 4) for run in runs):
                found.add(lacking.pop(track))
    return found


def _duration_ms(file: _BoxFile, movie: memoryview) -> int:
    """Return the duration in milliseconds, 0 if unknown. A movie with fragments may declare it in `mehd`."""
    header = file.child(movie, b"mvhd")
    if header is None:
        raise StructureError("there is no mvhd box")
    long = _uint(header, 0, 1) == 1
    scale = _uint(header, 20 if long else 12, 4)
    length = _uint(header, 24 if long else 16, 8 if long else 4)
    fragments = file.child(movie, b"mvex", b"mehd")
    if fragments is not None and not length:
        length = _uint(fragments, 4, 8 if _uint(fragments, 0, 1) == 1 else 4)
    return length * 1000 // scale if scale and length not in _UNKNOWN_DURATIONS else 0


def _parse_tracks(file: _BoxFile, movie: memoryview, media_data: list[tuple[int, int]]) -> list[_Track]:
    tracks: list[_Track] = []
    chunks_left = _MAX_CHUNKS
    for kind, payload in file.children(movie):
        if kind == b"trak":
            tracks.append(_parse_track(file, payload, media_data))
            chunks_left -= tracks[-1].chunks
            if chunks_left < 0:
                raise StructureError("too many chunks")
    return tracks


def _parse_track(file: _BoxFile, track: memoryview, media_data: list[tuple[int, int]]) -> _Track:
    header, description = file.child(track, b"tkhd"), file.child(track, b"mdia")
    if header is None or description is None:
        raise StructureError("a track has no header")
    handler = file.child(description, b"hdlr")
    table_box = file.child(description, b"minf", b"stbl")
    if table_box is None:
        raise StructureError("a track has no sample tables")
    tables = dict(file.children(table_box))
    chunks = _check_chunks(tables, media_data)
    long = _uint(header, 0, 1) == 1
    size_at = 88 if long else 76
    width, height = _uint(header, size_at, 4) >> 16, _uint(header, size_at + 4, 4) >> 16  # 16.16 fixed point
    # A matrix (6.2.2) without the diagonal turns the frames by 90 or 270 degrees.
    a, b, _, c, d = (_uint(header, size_at - 36 + 4 * index, 4) for index in range(5))
    if not a and not d and b and c:
        width, height = height, width
    entries = file.children(tables.get(b"stsd", memoryview(b""))[8:])
    return _Track(
        id=_uint(header, 20 if long else 12, 4),
        handler=bytes(handler[8:12]) if handler else b"",
        width=width,
        height=height,
        codecs=tuple(
            "".join(filter(str.isprintable, kind.decode("latin-1")))
            for kind, _ in islice(entries, _MAX_SAMPLE_ENTRIES)
        ),
        chunks=chunks,
        has_samples=chunks > 0 and _has_nonempty_samples(tables),
    )


def _has_nonempty_samples(tables: dict[bytes, memoryview]) -> bool:
    """Whether a track's size table (8.7.3) lists a sample with bytes."""
    table = tables.get(b"stsz") or tables.get(b"stz2")
    if not table or not _uint(table, 8, 4):
        return False
    same_for_all = b"stsz" in tables and _uint(table, 4, 4)
    return bool(same_for_all or bytes(table[12:]).strip(b"\0"))


def _check_chunks(tables: dict[bytes, memoryview], media_data: list[tuple[int, int]]) -> int:
    """Check that all chunks begin in media data and the last sample ends in it; return the chunk count."""
    offsets = _chunk_offsets(tables)
    if not offsets:
        return 0
    starts = [start for start, _ in media_data]

    def is_inside_one(first: int, last: int) -> bool:
        at = bisect_right(starts, first) - 1
        return at >= 0 and last <= media_data[at][1]

    # A single range contains all offsets if it contains the smallest and the largest.
    for offset in (min(offsets), max(offsets)) if len(media_data) == 1 else offsets:
        if not is_inside_one(offset, offset):
            raise StructureError("a chunk lies outside the media data")
    if not is_inside_one(offsets[-1], offsets[-1] + _last_chunk_bytes(tables, len(offsets))):
        raise StructureError("the last sample ends outside the media data")
    return len(offsets)


def _chunk_offsets(tables: dict[bytes, memoryview]) -> "array.array[int]":
    wide = b"co64" in tables
    table = tables.get(b"co64" if wide else b"stco")
    if table is None:
        return array.array("I")
    count = _uint(table, 4, 4)
    if count > _MAX_CHUNKS or 8 + count * (8 if wide else 4) > len(table):
        raise StructureError("a chunk table is longer than its box")
    return _big_endian("Q" if wide else "I", table[8:], count)


def _last_chunk_bytes(tables: dict[bytes, memoryview], chunks: int) -> int:
    """Return the least number of bytes in the last chunk; 0 if the tables do not say."""
    runs, sizes = tables.get(b"stsc"), tables.get(b"stsz")
    if runs is None or sizes is None:
        return 0
    run_count = _uint(runs, 4, 4)
    last_run = 8 + (run_count - 1) * 12
    if not run_count or last_run + 12 > len(runs) or _uint(runs, last_run, 4) > chunks:
        return 0
    samples = _uint(runs, last_run + 4, 4)
    uniform, count = _uint(sizes, 4, 4), _uint(sizes, 8, 4)
    if uniform:
        # For compressed audio, QuickTime writes a size of 1 and counts in another unit.
        return samples * uniform if uniform > 1 else 0
    if 12 + count * 4 > len(sizes) or samples > count:
        raise StructureError("a sample table is longer than its box")
    return sum(_big_endian("I", sizes[12 + (count - samples) * 4 :], samples))


def _big_endian(typecode: str, table: memoryview, count: int) -> "array.array[int]":
    numbers = array.array(typecode)
    numbers.frombytes(table[: count * numbers.itemsize])
    if sys.byteorder == "little":  # pragma: no branch - the tests run on little-endian machines only
        numbers.byteswap()
    return numbers


def _uint(data: memoryview, at: int, length: int) -> int:
    """Return `length` bytes from offset `at` as an unsigned big-endian number."""
    if at + length > len(data):
        raise StructureError("a table ends too early")
    return int.from_bytes(data[at : at + length], "big")
