"""A body on its way to the disk: whole, hashed, of its kind, and never in a place of somebody else's."""

import asyncio
import gzip
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.strategies import binary, integers, lists
from support.body_streams import JPEG_HEAD, MIB, MOVIE_HEAD, PICTURE, Arriving, take

from xharchive.download.file_checks import Body
from xharchive.download.part_file import FileOrigin
from xharchive.errors import CandidateFailed
from xharchive.media import JPEG, MP4, SRT, AssetKind


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
        length_proven=False,
        origin=FileOrigin("a.xhscdn.com", "/x"),
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
    """What an earlier run left, shorter or longer, leaves no byte behind.

    C1, C3 and C4 of docs/reliability.md#corruptions-seen-in-other-tools.
    """
    part = tmp_path / "x.part"
    part.write_bytes(stale)
    await take(Arriving(PICTURE), part, threads)
    assert part.read_bytes() == PICTURE


@pytest.mark.parametrize("plant", ["symlink_to", "hardlink_to", "mkfifo"])
async def test_what_stands_in_place_of_the_part_is_not_written_to(
    tmp_path: Path, threads: ThreadPoolExecutor, plant: str
) -> None:
    """A planted link, another name of a file, a pipe: it gives way to a new file of our own."""
    victim, path = tmp_path / "victim", tmp_path / "x.part"
    victim.write_text("mine")
    if plant == "mkfifo":
        os.mkfifo(path)
    else:
        getattr(path, plant)(victim)
    await take(Arriving(PICTURE), path, threads)
    assert victim.read_text() == "mine"
    assert path.read_bytes() == PICTURE
    assert (path.is_symlink(), path.stat().st_nlink) == (False, 1)


@pytest.mark.parametrize(
    ("incoming", "length_proven"),
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
    tmp_path: Path, threads: ThreadPoolExecutor, incoming: Arriving, length_proven: bool
) -> None:
    """A length, chunks, or a compressed stream's own end prove that all arrived; a label does not."""
    body, _ = await take(incoming, tmp_path / "x.part", threads)
    assert body.length_proven is length_proven


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


@pytest.mark.parametrize("missing", [-1, 1, len(PICTURE) - 10])
async def test_another_length_than_announced_is_no_file(
    tmp_path: Path, threads: ThreadPoolExecutor, descriptors: set[int], missing: int
) -> None:
    """A stream that ends in order, a byte short or a byte long: refused, and nothing of it stays."""
    incoming = Arriving(PICTURE, length=len(PICTURE) + missing)
    with pytest.raises(CandidateFailed, match=f"{len(PICTURE)} of {len(PICTURE) + missing} bytes") as failed:
        await take(incoming, tmp_path / "x.part", threads)
    assert failed.value.reason == "cut"
    assert not (tmp_path / "x.part").exists()
    assert not (tmp_path / "x.part.json").exists()
