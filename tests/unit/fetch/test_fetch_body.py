"""A body on its way to the disk: whole, hashed, bounded, and its file closed whatever happens."""

import asyncio
import gzip
import hashlib
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, integers, lists

from xharchive.errors import ArchiveError, BodyCut, CandidateFailed
from xharchive.fetch.body import LARGEST, Body, receive
from xharchive.fetch.partial import Partial
from xharchive.media import JPEG, MP4, SRT, AssetKind, Family
from xharchive.transport import Incoming

JPEG_HEAD = b"\xff\xd8\xff\xe0"
PICTURE = JPEG_HEAD + bytes(range(256)) * 20
MOVIE_HEAD = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"
MIB = 1 << 20


class Arriving(Incoming):
    """A body in the pieces that a test wants; an exception among them is raised, a function called."""

    def __init__(
        self,
        *pieces: bytes | Exception | Callable[[], None],
        length: int | None = None,
        chunked: bool = False,
        encoding: str = "",
    ) -> None:
        self.host = "a.xhscdn.com"
        self.url = "https://a.xhscdn.com/x"
        self.status = 200
        self.validator, self.span = "", None
        self.length, self.chunked, self.encoding, self.retry_after = length, chunked, encoding, None
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        await asyncio.sleep(0)
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                return piece
            piece()
        return b""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """The threads that hash and write."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def descriptors(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """The descriptors opened for bodies and not closed yet; none is left at the end of a test."""
    opened: set[int] = set()
    really_open, really_close = os.open, os.close

    def recorded_open(path: object, *rest: object, **named: object) -> int:
        descriptor = really_open(path, *rest, **named)  # type: ignore[arg-type]
        opened.add(descriptor)
        return descriptor

    def recorded_close(descriptor: int) -> None:
        opened.discard(descriptor)
        really_close(descriptor)

    monkeypatch.setattr(os, "open", recorded_open)
    monkeypatch.setattr(os, "close", recorded_close)
    yield opened
    assert not opened, "a body's file was left open"


async def take(
    incoming: Incoming,
    path: Path,
    threads: ThreadPoolExecutor,
    kind: AssetKind = AssetKind.IMAGE,
    *,
    with_md5: bool = False,
) -> tuple[Body, int]:
    """Receive a body; return it and how many bytes were told of."""
    told: list[int] = []
    partial = Partial(path, "https://a.xhscdn.com/x", with_md5=with_md5)
    partial.start_over(incoming)
    body = await receive(incoming, partial, kind, threads, told.append)
    return body, sum(told)


@pytest.mark.parametrize(
    "cuts",
    [[len(PICTURE)], [1] * len(PICTURE), [3, 509, 1, 512], [512], [511], [513], [2, 2]],
    ids=["whole", "bytewise", "odd", "512", "511", "513", "twos"],
)
async def test_the_file_is_the_body_however_it_came(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int], cuts: list[int]
) -> None:
    """In one piece, byte by byte, across the sniffer's edge: same file, same digests."""
    pieces, rest = [], PICTURE
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    pieces = [piece for piece in [*pieces, rest] if piece]
    body, told = await take(Arriving(*pieces), tmp_path / "x.part", threads, with_md5=True)
    assert (tmp_path / "x.part").read_bytes() == PICTURE
    assert body == Body(
        len(PICTURE),
        hashlib.sha256(PICTURE).hexdigest(),
        hashlib.md5(PICTURE, usedforsecurity=False).hexdigest(),
        JPEG,
        announced=False,
    )
    assert told == len(PICTURE)


@settings(max_examples=30, deadline=None)
@given(sizes=lists(integers(1, 3 * MIB), min_size=1, max_size=4), tail=binary(max_size=64))
def test_any_sizes_of_pieces_give_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], tail: bytes
) -> None:
    """Pieces larger than a block, blocks that end anywhere."""
    pieces = [JPEG_HEAD, *(bytes([at]) * size for at, size in enumerate(sizes)), *([tail] if tail else [])]
    path = tmp_path_factory.mktemp("body") / "x.part"
    with ThreadPoolExecutor(2) as threads:
        body, told = asyncio.run(take(Arriving(*pieces), path, threads))
    whole = b"".join(pieces)
    assert path.read_bytes() == whole
    assert body.sha256 == hashlib.sha256(whole).hexdigest()
    assert told == body.size == len(whole)


async def test_thousands_of_small_pieces_never_exceed_what_writev_takes(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 512 buffers a call, whatever the network made of the body."""
    writev, counts = os.writev, []

    def counted(descriptor: int, buffers: list[memoryview]) -> int:
        counts.append(len(buffers))
        return writev(descriptor, buffers)

    monkeypatch.setattr(os, "writev", counted)
    pieces = [JPEG_HEAD, *(bytes([at % 251]) * 7 for at in range(2000))]
    body, _ = await take(Arriving(*pieces), tmp_path / "x.part", threads)
    assert max(counts) <= 512
    assert (tmp_path / "x.part").read_bytes() == b"".join(pieces)
    assert body.size == 4 + 14_000


@pytest.mark.parametrize("most", [1, 2, 100, 4097])
async def test_a_write_that_took_only_part_is_continued(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """The kernel may take any number of bytes; the rest follows, in order, once."""

    def partial(descriptor: int, buffers: list[memoryview]) -> int:
        return os.write(descriptor, b"".join(buffers)[:most])

    monkeypatch.setattr(os, "writev", partial)
    pieces = [JPEG_HEAD, b"ab", b"c" * 100, b"", b"d" * 5000]
    body, _ = await take(Arriving(*(piece for piece in pieces if piece)), tmp_path / "x.part", threads)
    assert (tmp_path / "x.part").read_bytes() == b"".join(pieces)
    assert body.size == sum(map(len, pieces))


@pytest.mark.parametrize("stale", [b"", b"shorter", b"longer" * 100_000])
async def test_a_stale_part_is_overwritten(tmp_path: Path, threads: ThreadPoolExecutor, stale: bytes) -> None:
    """What an earlier run left, shorter or longer, leaves no byte behind (PEERS C1, C3, C4)."""
    part = tmp_path / "x.part"
    part.write_bytes(stale)
    await take(Arriving(PICTURE), part, threads)
    assert part.read_bytes() == PICTURE


async def test_a_link_in_place_of_the_part_is_refused(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Nothing is written through a planted link."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "x.part").symlink_to(victim)
    with pytest.raises(ArchiveError, match="link"):
        await take(Arriving(PICTURE), tmp_path / "x.part", threads)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(
    ("incoming", "announced"),
    [
        (Arriving(PICTURE), False),
        (Arriving(PICTURE, encoding="identity"), False),
        (Arriving(PICTURE, length=len(PICTURE)), True),
        (Arriving(PICTURE, chunked=True), True),
        (Arriving(gzip.compress(PICTURE), encoding="gzip"), True),
    ],
    ids=["nothing", "identity", "length", "chunked", "gzip"],
)
async def test_only_a_real_promise_counts_as_announced(
    tmp_path: Path, threads: ThreadPoolExecutor, incoming: Arriving, announced: bool
) -> None:
    """A length, chunks, or a compressed stream's own end prove that all arrived; a label does not."""
    body, _ = await take(incoming, tmp_path / "x.part", threads)
    assert body.announced is announced


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate"])
@pytest.mark.parametrize("size", [1, 100, 10**6])
async def test_a_compressed_body_is_unpacked(
    tmp_path: Path, threads: ThreadPoolExecutor, encoding: str, size: int
) -> None:
    """An encoding that nobody asked for is undone, in pieces of any size."""
    packed = zlib.compress(PICTURE) if encoding == "deflate" else gzip.compress(PICTURE)
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    body, told = await take(Arriving(*pieces, encoding=encoding), tmp_path / "x.part", threads)
    assert (tmp_path / "x.part").read_bytes() == PICTURE
    assert body.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert told == len(PICTURE)


PACKED = gzip.compress(PICTURE)


@pytest.mark.parametrize(
    ("pieces", "encoding", "reason"),
    [
        ((PACKED[:-1],), "gzip", "cut"),
        ((PACKED[:20],), "gzip", "cut"),
        ((zlib.compress(PICTURE)[:-4],), "deflate", "cut"),
        ((PACKED[:40] + b"\xff" * 40 + PACKED[80:],), "gzip", "encoded"),
        ((PICTURE,), "gzip", "encoded"),
        ((PACKED, b"junk"), "gzip", "encoded"),
        ((PACKED + gzip.compress(b"second member"),), "gzip", "encoded"),
        ((PICTURE,), "br", "encoded"),
        ((PICTURE,), "zstd", "encoded"),
        ((PACKED,), "gzip, gzip", "encoded"),
        ((gzip.compress(b""),), "gzip", "zero-bytes"),
    ],
)
async def test_a_broken_or_unknown_encoding_is_refused(
    tmp_path: Path,
    threads: ThreadPoolExecutor,
    descriptors: set[int],
    pieces: tuple[bytes, ...],
    encoding: str,
    reason: str,
) -> None:
    """Cut, damaged, followed by more, or packed in a way we cannot undo: never a file."""
    with pytest.raises(CandidateFailed) as failed:
        await take(Arriving(*pieces, encoding=encoding), tmp_path / "x.part", threads)
    assert failed.value.reason == reason


async def test_a_bomb_is_defused_in_small_steps(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kilobytes that unpack to more than is accepted: refused, and never whole in memory."""
    monkeypatch.setitem(LARGEST, Family.PICTURE, 8 * MIB)
    bomb = gzip.compress(JPEG_HEAD + bytes(64 * MIB))
    largest = written = 0
    writev = os.writev

    def watched(descriptor: int, buffers: list[memoryview]) -> int:
        nonlocal largest, written
        largest = max(largest, *map(len, buffers))
        written += sum(map(len, buffers))
        return writev(descriptor, buffers)

    monkeypatch.setattr(os, "writev", watched)
    with pytest.raises(CandidateFailed) as failed:
        await take(Arriving(bomb, encoding="gzip"), tmp_path / "x.part", threads)
    assert failed.value.reason == "too-large"
    assert 0 < largest <= MIB
    assert 0 < written <= 9 * MIB
    assert not (tmp_path / "x.part").exists()


async def test_an_endless_body_ends(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than any file of the family has: refused while it arrives."""
    monkeypatch.setitem(LARGEST, Family.PICTURE, 2 * MIB)
    with pytest.raises(CandidateFailed, match="2 MiB") as failed:
        await take(Arriving(PICTURE, *[bytes(MIB)] * 100), tmp_path / "x.part", threads)
    assert failed.value.reason == "too-large"


async def test_an_announced_size_beyond_the_limit_is_refused_at_the_head(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    """No need to receive it first."""
    incoming = Arriving(PICTURE, length=LARGEST[Family.PICTURE] + 1)
    with pytest.raises(CandidateFailed) as failed:
        await take(incoming, tmp_path / "x.part", threads)
    assert failed.value.reason == "too-large"


@pytest.mark.parametrize(
    ("pieces", "kind", "reason"),
    [
        ((), AssetKind.IMAGE, "zero-bytes"),
        ((b"<!DOCTYPE html>" + b" " * 600,), AssetKind.IMAGE, "not-media"),
        ((b'{"error": 1}',), AssetKind.VIDEO, "not-media"),
        ((b"\x00" * 600,), AssetKind.IMAGE, "unknown-format"),
        ((b"?",), AssetKind.IMAGE, "unknown-format"),
        ((MOVIE_HEAD + bytes(600),), AssetKind.IMAGE, "wrong-kind"),
        ((PICTURE,), AssetKind.VIDEO, "wrong-kind"),
        ((PICTURE,), AssetKind.SUBTITLE, "wrong-kind"),
    ],
)
async def test_what_is_no_such_asset_is_refused_at_its_first_bytes(
    tmp_path: Path,
    threads: ThreadPoolExecutor,
    descriptors: set[int],
    pieces: tuple[bytes, ...],
    kind: AssetKind,
    reason: str,
) -> None:
    """A page, a message, another kind, nothing: refused before the rest is waited for."""

    def not_reached() -> None:
        raise AssertionError("read on after the head had been judged")

    more = (not_reached,) if pieces and len(pieces[0]) >= 512 else ()
    with pytest.raises(CandidateFailed) as failed:
        await take(Arriving(*pieces, *more), tmp_path / "x.part", threads, kind)
    assert failed.value.reason == reason


async def test_a_short_file_is_judged_at_its_end(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """A subtitle is often shorter than the sniffer's head; a tiny movie is a movie."""
    text = b"1\n00:00:00,000 --> 00:00:01,000\nhello\n"
    body, _ = await take(Arriving(text), tmp_path / "a.part", threads, AssetKind.SUBTITLE)
    assert body.found == SRT
    body, _ = await take(Arriving(MOVIE_HEAD), tmp_path / "b.part", threads, AssetKind.LIVE)
    assert body.found == MP4
    assert body.md5 == ""


async def test_a_break_in_the_middle_is_told_and_the_file_closed(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int]
) -> None:
    """The network's error comes through as it is."""
    with pytest.raises(BodyCut):
        await take(Arriving(PICTURE, bytes(2 * MIB), BodyCut("cut")), tmp_path / "x.part", threads)


async def test_a_full_disk_is_the_archives_trouble(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever block does not fit: the run ends with the disk's own reason, and the file is closed."""

    def full(_descriptor: int, _buffers: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    for pieces in ((PICTURE,), (PICTURE, bytes(2 * MIB), bytes(2 * MIB), bytes(2 * MIB))):
        with pytest.raises(ArchiveError, match="disk is full"):
            await take(Arriving(*pieces), tmp_path / "x.part", threads)


async def test_a_folder_that_is_gone_is_the_archives_trouble(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    """The part cannot be opened: not the candidate's fault."""
    with pytest.raises(ArchiveError):
        await take(Arriving(PICTURE), tmp_path / "gone" / "x.part", threads)


class Held:
    """A `writev` that waits in its thread until the test lets it go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.closed_too_early = False
        self._writev = os.writev
        monkeypatch.setattr(os, "writev", self._write)

    def _write(self, descriptor: int, buffers: list[memoryview]) -> int:
        self.begun.set()
        self.go_on.wait(10)
        try:
            return self._writev(descriptor, buffers)
        except OSError:
            self.closed_too_early = True
            raise


@pytest.mark.parametrize("blocks", [1, 3])
async def test_cancelling_while_a_block_is_in_flight_waits_for_it_and_closes_the_file(
    tmp_path: Path,
    threads: ThreadPoolExecutor,
    descriptors: set[int],
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
) -> None:
    """A descriptor is never closed under a thread that writes to it, and never left open."""
    held = Held(monkeypatch)
    pieces = [JPEG_HEAD + bytes(2 * MIB)] * blocks
    taking = asyncio.create_task(take(Arriving(*pieces), tmp_path / "x.part", threads))
    await asyncio.to_thread(held.begun.wait, 10)
    for _ in range(20):
        await asyncio.sleep(0)
    taking.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not taking.done(), "did not wait for the block"
    held.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert not held.closed_too_early


async def test_cancelling_at_every_step_leaves_no_file_open(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int]
) -> None:
    """The nth turn of the loop is the last, for every n."""
    finished = False
    steps = 0
    while not finished:
        pieces = [JPEG_HEAD + bytes(MIB), bytes(MIB), b"end"]
        taking = asyncio.create_task(take(Arriving(*pieces), tmp_path / "x.part", threads))
        for _ in range(steps):
            await asyncio.sleep(0)
        finished = taking.done()
        taking.cancel()
        try:
            await taking
        except asyncio.CancelledError:
            assert not finished
        assert not descriptors, f"open after {steps} steps"
        steps = steps + 1 if steps < 40 else steps * 2
