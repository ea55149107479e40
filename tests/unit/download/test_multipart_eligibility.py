"""Which bodies may come over several connections: large ones that other answers can be held against."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from support.archive_paths import guarded
from support.body_streams import Arriving
from support.raw_http import head, listening_on, say

from xharchive.download.hosts import HostHealth
from xharchive.download.part_file import PartFile
from xharchive.download.scheduler import SPLIT_ABOVE, Multipart, TransferScheduler
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import StreamResponse, Transport, TransportOptions, connect

HOST = "sns-video-bd.xhscdn.com"
URL = f"https://{HOST}/a"
STRONG = 'ETag: "strong"'
WEAK = 'ETag: W/"weak"'
LONG_AGO = "Last-Modified: Sat, 21 Nov 2026 09:00:00 GMT"
NOW = "Date: Sat, 21 Nov 2026 10:00:05 GMT"
CHUNKED = "Transfer-Encoding: chunked"


def splits(threads: ThreadPoolExecutor, *, ranges: bool = True) -> Multipart:
    """A run's, with as many idle slots as one could wish; it is asked for its judgement only."""
    nobody = cast("Transport", None)
    health = HostHealth(lambda: 0.0, first_backoff=8.0)
    return Multipart(nobody, health, TransferScheduler(16), threads, lambda: 0.0, ranges)


@asynccontextmanager
async def answered(
    *lines: str, length: int | None = SPLIT_ABOVE + 1, status: int = 200
) -> AsyncIterator[StreamResponse]:
    """An answer with this head, as it comes from a server; of its body nothing is read."""
    async with listening_on(say(head(status, *lines, length=length))) as wire:
        borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", wire.port),))
        async with (
            connect(TransportOptions(borders=borders)) as transport,
            transport.open(URL, {}) as incoming,
        ):
            yield incoming


def begun(folder: Path, incoming: StreamResponse) -> PartFile:
    """The partial file of a body that begins."""
    partial = PartFile(guarded(folder / "x.part"), URL)
    partial.restart(incoming)
    return partial


@pytest.mark.parametrize(
    ("size", "can_be"), [(SPLIT_ABOVE - 1, False), (SPLIT_ABOVE, False), (SPLIT_ABOVE + 1, True)]
)
async def test_it_must_be_large(
    tmp_path: Path, threads: ThreadPoolExecutor, size: int, *, can_be: bool
) -> None:
    """More than 16 MiB are to come: one byte decides."""
    assert SPLIT_ABOVE == 16 * 1024 * 1024
    async with answered(STRONG, length=size) as incoming:
        partial = begun(tmp_path, incoming)
        assert partial.remote.can_be_split
        assert splits(threads).applies_to(incoming, partial, HOST) is can_be


@pytest.mark.parametrize(("to_come", "can_be"), [(SPLIT_ABOVE, False), (SPLIT_ABOVE + 1, True)])
async def test_what_counts_is_what_is_still_to_come(
    tmp_path: Path, threads: ThreadPoolExecutor, to_come: int, *, can_be: bool
) -> None:
    """However large the file is of which a part is there already."""
    there = b"the first bytes"
    total = len(there) + to_come
    async with answered(STRONG, length=total) as whole:
        partial = begun(tmp_path, whole)
    partial.write([there], more=True)
    partial.close()
    span = f"Content-Range: bytes {len(there)}-{total - 1}/{total}"
    async with answered(STRONG, span, length=to_come, status=206) as rest:
        assert partial.remote.matches_rest(rest, partial.size)
        partial.resume(rest)
        assert splits(threads).applies_to(rest, partial, HOST) is can_be


@pytest.mark.parametrize(
    "lines",
    [
        (STRONG,),
        (STRONG, "Content-Encoding: identity"),
        (STRONG, LONG_AGO, NOW),
        (STRONG, "Accept-Ranges: none"),
        (LONG_AGO, NOW),
        ("Last-Modified: Sat, 21 Nov 2026 10:00:04 GMT", NOW),
    ],
    ids=["etag", "identity", "etag and date", "ranges are tried", "old date", "date of a second before"],
)
async def test_a_strong_validator_is_enough(
    tmp_path: Path, threads: ThreadPoolExecutor, lines: tuple[str, ...]
) -> None:
    """An ETag; without any, the date of the last change, if that is past (RFC 9110, 8.8.2.2)."""
    async with answered(*lines) as incoming:
        partial = begun(tmp_path, incoming)
        assert partial.remote.can_be_split
        assert splits(threads).applies_to(incoming, partial, HOST)
    proof = lines[0].partition(": ")[2]
    assert partial.remote.range_headers(5, 9) == {"Range": "bytes=5-9", "If-Range": proof}


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (WEAK,),
        (WEAK, LONG_AGO, NOW),
        ("ETag: unquoted",),
        (LONG_AGO,),
        ("Last-Modified: Sat, 21 Nov 2026 10:00:05 GMT", NOW),
        ("Last-Modified: Sat, 21 Nov 2026 10:00:06 GMT", NOW),
        ("Last-Modified: yesterday", NOW),
        (NOW,),
    ],
    ids=[
        "nothing",
        "weak",
        "weak, with a date",
        "unquoted",
        "no clock",
        "same second",
        "later",
        "no date",
        "clock only",
    ],
)
async def test_nothing_else_is(tmp_path: Path, threads: ThreadPoolExecutor, lines: tuple[str, ...]) -> None:
    """Two files may share it: bytes of one answer say nothing of another's, however large the body is."""
    async with answered(*lines) as incoming:
        partial = begun(tmp_path, incoming)
        assert not partial.remote.can_be_split
        assert not splits(threads).applies_to(incoming, partial, HOST)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_an_encoded_body_is_not_the_file(
    tmp_path: Path, threads: ThreadPoolExecutor, encoding: str
) -> None:
    """Its bytes are numbered otherwise; not even a part that could be split makes up for that."""
    async with answered(STRONG, f"Content-Encoding: {encoding}") as incoming:
        partial = begun(tmp_path, incoming)
        assert not partial.remote.can_be_split
        assert not splits(threads).applies_to(incoming, partial, HOST)
        async with answered(STRONG) as plain:
            assert not splits(threads).applies_to(incoming, begun(tmp_path, plain), HOST)


async def test_a_body_of_unknown_length(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """Nobody knows where a piece of it could begin; not even where another answer told the size."""
    async with answered(STRONG, CHUNKED, length=None) as incoming:
        partial = begun(tmp_path, incoming)
        assert not partial.remote.can_be_split
        assert not splits(threads).applies_to(incoming, partial, HOST)
        async with answered(STRONG) as counted:
            assert not splits(threads).applies_to(incoming, begun(tmp_path, counted), HOST)


async def test_a_rest_of_unknown_length_beside_ranges_of_an_earlier_run(
    tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    """Content-Range tells its end, but the body may end earlier: it is read as it comes."""
    async with answered(STRONG) as whole:
        partial = begun(tmp_path, whole)
    partial.write([b"the first bytes"], more=True)
    partial.close()
    partial.has_ranges = True
    span = f"Content-Range: bytes {partial.size}-{SPLIT_ABOVE}/{SPLIT_ABOVE + 1}"
    async with answered(STRONG, span, CHUNKED, length=None, status=206) as rest:
        assert partial.remote.matches_rest(rest, partial.size)
        partial.resume(rest)
        assert partial.remote.can_be_split
        assert not splits(threads).applies_to(rest, partial, HOST)


async def test_ranges_may_be_switched_off(tmp_path: Path, threads: ThreadPoolExecutor) -> None:
    """`--no-ranges`: one connection, whatever the body is."""
    async with answered(STRONG) as incoming:
        partial = begun(tmp_path, incoming)
        assert splits(threads).applies_to(incoming, partial, HOST)
        assert not splits(threads, ranges=False).applies_to(incoming, partial, HOST)


@pytest.mark.parametrize("status", [200, 206, 416])
def test_ranges_do_not_work_there(threads: ThreadPoolExecutor, status: int) -> None:
    """All of it though a range was asked for, another range, none at all: nobody asks for one again."""
    assert not helps_after(status, None, threads)


@pytest.mark.parametrize("status", [403, 404, 408, 410, 425, 429, 500, 502, 503, 504])
def test_anything_else_passes(threads: ThreadPoolExecutor, status: int) -> None:
    """It says nothing of ranges: the next body from there is helped."""
    assert helps_after(status, None, threads)


@pytest.mark.parametrize(("rest", "helps"), [(10.0, True), (60.0, False)])
def test_a_rest_that_was_asked_for(threads: ThreadPoolExecutor, rest: float, *, helps: bool) -> None:
    """Nobody helps until it is over; after a long one, which every body would have to wait out, never."""
    assert helps_after(503, rest, threads) is helps


def helps_after(status: int, retry_after: float | None, threads: ThreadPoolExecutor) -> bool:
    """Whether another body of a host may be helped, a minute after a helper was answered so."""
    now = [0.0]
    health = HostHealth(lambda: now[0], first_backoff=8.0)
    nobody = cast("Transport", None)
    run = Multipart(nobody, health, TransferScheduler(4), threads, lambda: now[0])
    answer = Arriving()
    answer.status, answer.retry_after = status, retry_after
    run.refuse(answer, HOST)
    assert run.is_available(HOST) == (retry_after is None and status not in (200, 206, 416))
    now[0] = 61.0
    return run.is_available(HOST)
