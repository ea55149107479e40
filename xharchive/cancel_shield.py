"""Finish work that a cancellation must not leave half done."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")


async def finish_before_cancel(
    work: Awaitable[_Result], on_cancel: Callable[[], None] = lambda: None
) -> _Result:
    """Await work until it ends, even if this is cancelled. Then raise the cancellation.

    Args:
        hurry: Called at a cancellation; it may make the work end sooner.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        if not task.done():
            on_cancel()
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieve it; the cancellation is raised instead
