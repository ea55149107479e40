"""Work that a cancellation must not leave half done."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

__all__ = ["to_its_end"]

_Made = TypeVar("_Made")


async def to_its_end(work: Awaitable[_Made], hurry: Callable[[], None] = lambda: None) -> _Made:
    """Await work to its end, however often that is cancelled; the cancellation goes on when it is through.

    `hurry` is called at a cancellation; it may have the work end sooner.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            hurry()
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen here: a cancellation has the first word
