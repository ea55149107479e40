"""Bodies that arrive in the pieces that a test wants, and their reception."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast
from unittest.mock import patch

from support.archive_paths import guarded
from xharchive.download import file_checks
from xharchive.download.file_checks import Body, FetchRequest
from xharchive.download.hosts import HostHealth, HostThroughput
from xharchive.download.http_file import Downloader, Transfer
from xharchive.download.part_file import PartFile
from xharchive.download.scheduler import Multipart, TransferScheduler
from xharchive.events import Event, Listener, Progressed
from xharchive.http import StreamResponse, Transport
from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, NoteId, Quality, Slot

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
    """Receive a body, unchecked; return it and how many bytes were told of."""
    told: list[Event] = []
    url, part = "https://a.xhscdn.com/x", guarded(path)
    asset = Asset(Slot(kind, 1), "v1", ())
    request = FetchRequest(NoteId("69aed4e2000000000e00c358"), asset, (), part, part.with_name("derivative"))
    candidate = Candidate(url, Quality.ORIGINAL, "field", md5="0" * 32 if with_md5 else "")
    transfer = Transfer(request, candidate, "a.xhscdn.com", is_retry=False, is_new=True)
    transfer.file = PartFile(part, url, with_md5=with_md5)
    transfer.file.restart(incoming)
    with (
        patch.object(file_checks, "check_declared", return_value=()),
        patch.object(file_checks, "check_structure", return_value=(None, ())),
        patch.object(file_checks, "check_content"),
    ):
        checked = await downloader(threads, told.append)._receive(incoming, transfer, {})
    return checked.body, sum(event.bytes for event in told if isinstance(event, Progressed))


def downloader(threads: ThreadPoolExecutor, listen: Listener) -> Downloader:
    """A downloader of a run that never connects."""
    transport, clock = cast("Transport", None), time.monotonic
    multipart = Multipart(transport, HostHealth(clock, 8.0), TransferScheduler(4), threads, clock)
    return Downloader(HostThroughput(clock), multipart, listen, "")
