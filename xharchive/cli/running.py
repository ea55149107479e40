"""What the archiving verbs share: hold the archive, run with signals and progress, end with a report."""

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from xharchive.config import archive_options, plain_http_warning, progress_options
from xharchive.errors import ExitCode, Terminated, UsageError
from xharchive.events import Listener, RunFinished, Warned
from xharchive.holdings import Holdings, open_holdings
from xharchive.inputs import NoteList
from xharchive.naming import printable
from xharchive.pipeline import archive
from xharchive.progress import listening, report_text
from xharchive.redaction import Secret
from xharchive.stores import PosixStore

__all__ = ["existing_store", "exit_code", "opened", "run_archive", "until_signalled", "watched"]

_Result = TypeVar("_Result")


def existing_store(root: Path) -> PosixStore:
    """Return the archive in a folder.

    Raises:
        UsageError: there is none.
    """
    store = PosixStore(root)
    if not store.exists:
        raise UsageError(f"there is no archive in {root}; name its folder with -d, or begin one with `get`")
    return store


@contextmanager
def opened(store: PosixStore) -> Iterator[Holdings]:
    """Hold the archive and yield what it holds; its list of wanted notes is tidy afterwards.

    Raises:
        ArchiveError: another process holds it, or the disk would not.
    """
    with store.held(), open_holdings(store) as holdings:
        yield holdings
        holdings.tidy()


def run_archive(
    args: argparse.Namespace, store: PosixStore, notes: NoteList, fill: Callable[[Holdings], None]
) -> int:
    """Let `fill` complete the list of notes, archive them, report, return the exit code."""
    options = archive_options(args, os.environ)
    with opened(store) as holdings:
        fill(holdings)

        async def work(listen: Listener) -> RunFinished:
            return await archive(notes, len(notes), store, holdings, options, listen)

        finished = watched(args, options.transport.token, store, work, plain_http_warning(options))
    return int(exit_code(finished))


def watched(
    args: argparse.Namespace,
    secret: Secret,
    store: PosixStore,
    work: Callable[[Listener], Coroutine[Any, Any, RunFinished]],
    warning: str = "",
) -> RunFinished:
    """Do the work with its events drawn, then print the report.

    Raises:
        KeyboardInterrupt, Terminated: a signal came.
    """
    with listening(progress_options(args, secret), out=sys.stdout, err=sys.stderr) as listen:
        for text in filter(None, (warning, store.caution)):
            listen(Warned(text))
        finished = until_signalled(work(listen))
    if not args.quiet:
        _report(finished, store, args.directory)
    return finished


def until_signalled(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine; SIGINT and SIGTERM cancel it, so that everything is closed in order.

    Raises:
        KeyboardInterrupt, Terminated: a signal came.
    """
    terminated = False

    async def guarded() -> _Result:
        task = asyncio.current_task()

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            if task is not None:
                task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await work

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if terminated:
            raise Terminated from None
        raise KeyboardInterrupt from None


def _report(finished: RunFinished, store: PosixStore, directory: str) -> None:
    lines = [report_text(finished), f"archive: {store.root.resolve()}"]
    if finished.stopped:
        lines.append(f"stopped: {finished.stopped}")
    if finished.left or finished.notes.get("partial") or finished.notes.get("failed"):
        lines.append(f"go on with: xharchive resume -d {shlex.quote(directory)}")
    sys.stderr.write("\n".join(map(printable, lines)) + "\n")


def exit_code(finished: RunFinished) -> ExitCode:
    """Return 0 only if everything asked for is there."""
    if finished.stopped:
        return ExitCode.REFUSED
    incomplete = ("partial", "empty", "failed")
    return ExitCode.INCOMPLETE if any(finished.notes.get(word) for word in incomplete) else ExitCode.OK
