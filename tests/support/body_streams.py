"""Bodies that arrive in the pieces that a test wants, and their reception."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.archive_paths import guarded
from xharchive.download.part_file import PartFile
from xharchive.download.stream_to_file import Body, receive
from xharchive.http import StreamResponse
from xharchive.media import AssetKind

__all__ = ["JPEG_HEAD", "MIB", "MOVIE_HEAD", "PICTURE", "Arriving", "take"]

JPEG_HEAD = b"\xff\xd8\xff\xe0"
PICTURE = JPEG_HEAD + bytes(range(256)) * 20
MOVIE_HEAD = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"
MIB = 1 << 20


class Arriving(StreamResponse):
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


async def take(
    incoming: StreamResponse,
    path: Path,
    threads: ThreadPoolExecutor,
    kind: AssetKind = AssetKind.IMAGE,
    *,
    with_md5: bool = False,
) -> tuple[Body, int]:
    """Receive a body; return it and how many bytes were told of."""
    told: list[int] = []
    partial = PartFile(guarded(path), "https://a.xhscdn.com/x", with_md5=with_md5)
    partial.restart(incoming)
    body = await receive(incoming, partial, kind, threads, told.append, lambda body: body)
    return body, sum(told)
