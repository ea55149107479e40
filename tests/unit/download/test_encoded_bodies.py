"""Bodies that were packed on the way, and bodies that never end."""

import gzip
import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.body_streams import JPEG_HEAD, MIB, PICTURE, Arriving, take

from xharchive.download.receive import MAX_BODY_SIZE
from xharchive.errors import CandidateFailed
from xharchive.media import Family


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
    monkeypatch.setitem(MAX_BODY_SIZE, Family.PICTURE, 8 * MIB)
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


async def test_a_packed_body_may_be_flushed_often(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """A server that flushes after every few bytes adds some to each, and is not refused for that."""
    packer = zlib.compressobj(0, wbits=31)  # stored, like content that cannot be packed
    content = JPEG_HEAD + os.urandom(MIB)
    parts = [content[at : at + 64] for at in range(0, len(content), 64)]
    packed = b"".join(packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts)
    await take(Arriving(packed + packer.flush(), encoding="gzip"), tmp_path / "x.part", threads)
    assert (tmp_path / "x.part").read_bytes() == content


async def test_packed_blocks_without_content_end(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """A compressed body that unpacks to nothing more is refused after a bounded number of bytes."""
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(PICTURE) + packer.flush(zlib.Z_SYNC_FLUSH)
    empty = b"\x00\x00\x00\xff\xff" * (MIB // 5)
    arriving = Arriving(begun, *[empty] * 100, encoding="gzip")
    with pytest.raises(CandidateFailed, match="far larger than its content") as failed:
        await take(arriving, tmp_path / "x.part", threads)
    assert failed.value.reason == "encoded"
    assert not (tmp_path / "x.part").exists()


async def test_an_endless_body_ends(
    tmp_path: Path, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than any file of the family has: refused while it arrives."""
    monkeypatch.setitem(MAX_BODY_SIZE, Family.PICTURE, 2 * MIB)
    with pytest.raises(CandidateFailed, match="2 MiB") as failed:
        await take(Arriving(PICTURE, *[bytes(MIB)] * 100), tmp_path / "x.part", threads)
    assert failed.value.reason == "too-large"


async def test_an_announced_size_beyond_the_limit_is_refused_at_the_head(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    """No need to receive it first."""
    incoming = Arriving(PICTURE, length=MAX_BODY_SIZE[Family.PICTURE] + 1)
    with pytest.raises(CandidateFailed) as failed:
        await take(incoming, tmp_path / "x.part", threads)
    assert failed.value.reason == "too-large"
