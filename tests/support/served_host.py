"""Serves a host that speaks for itself on loopback, from another thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

__all__ = ["serving"]


class Host(Protocol):
    """What answers connections; `port` is set when it is served."""

    port: int

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection to its end."""


_Host = TypeVar("_Host", bound=Host)


@contextmanager
def serving(host: _Host) -> Iterator[_Host]:
    """Serve it from another thread until the block ends."""
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    async def stay() -> None:
        talks: set[asyncio.Task[None]] = set()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            talks.add(task)
            await host.talk(reader, writer)
            talks.discard(task)

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        host.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()

    thread = threading.Thread(target=lambda: loop.run_until_complete(stay()), name="served-host")
    thread.start()
    started.wait()
    try:
        yield host
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
