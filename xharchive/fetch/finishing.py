"""Work that a cancellation must not leave half done."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

__all__ = ["to_its_end"]

_Made = TypeVar("_Made")


async def to_its_end(work: Awaitable[_Made]) -> _Made:
    """Await work to its end, however often that is cancelled; the cancellation goes on when it is through."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen here: a cancellation has the first word
