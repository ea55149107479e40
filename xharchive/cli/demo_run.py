"""Runs the demo: a local API and CDN on a loopback port, and an ordinary run against them."""

import argparse
import asyncio
import shlex
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from xharchive.archive import Archive
from xharchive.cli.runner import exit_code, open_to_write, run_and_report
from xharchive.cli.signals import run_until_signal
from xharchive.demo.server import RequestHandler, RunningServer, serve
from xharchive.demo.world import DemoWorld
from xharchive.errors import UsageError
from xharchive.events import Listener, RunFinished
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import TransportOptions
from xharchive.models import NoteId
from xharchive.redaction import Secret
from xharchive.run import ArchiveOptions, archive
from xharchive.sanitize import counted, printable
from xharchive.sources.requested_notes import NoteList

__all__ = ["archive_demo", "serve_demo"]

# The demo accepts any token. This one is no common word, because the token is removed from saved replies.
_TOKEN = Secret("no-token-needed")


def archive_demo(args: argparse.Namespace) -> int:
    """Archive all demo notes, and print where they are and what to do next; return the exit code.

    One note of the demo is empty on purpose, and does not change the exit code.

    Raises:
        UsageError: the port is in use.
        ArchiveError: the archive cannot be written.
    """
    store = Archive(Path(args.directory))
    world = DemoWorld()
    with open_to_write(store), NoteList() as notes:
        for text in world.notes:
            notes.add(NoteId(text))

        async def work(on_event: Listener) -> RunFinished:
            async with AsyncExitStack() as stack:
                options = _options(await _serving(stack, world, args.port))
                return await archive(notes, len(notes), store, options, on_event)

        finished = run_and_report(args, _TOKEN, store, work, names_places=False)
    if not args.quiet:
        if args.verbose:
            sys.stderr.write(_note_list_text(world))
        sys.stdout.write(_next_steps_text(world, store.root.resolve() / "index.html"))
    empty = sum(note.state == "empty" for note in world.notes.values())
    found_empty = finished.notes.get("empty", 0)
    unexpected = {**finished.notes, "empty": abs(found_empty - empty)}
    return int(exit_code(replace(finished, notes=unexpected), strict_empty=True))


def serve_demo(args: argparse.Namespace) -> int:
    """Serve the demo until a signal arrives, and print a command to try against it.

    Raises:
        UsageError: the port is in use.
        KeyboardInterrupt, Terminated: a signal arrived.
    """
    world = DemoWorld()

    async def stay() -> int:
        async with AsyncExitStack() as stack:
            running = await _serving(stack, world, args.port)
            sys.stdout.write(_command_text(running, world, args.directory))
            sys.stdout.flush()
            await asyncio.Event().wait()
        return 0

    return run_until_signal(stay(), args)


def _options(running: RunningServer) -> ArchiveOptions:
    borders = AllowList(overrides=(HostOverride("*", running.host, running.port),))
    transport = TransportOptions(api_base=running.base_url, token=_TOKEN, borders=borders)
    return ArchiveOptions(transport, gallery=True)


async def _serving(stack: AsyncExitStack, world: DemoWorld, port: int) -> RunningServer:
    try:
        return await stack.enter_async_context(serve(RequestHandler(world), port))
    except OSError as problem:
        raise UsageError(f"--port {port}: the server cannot start there ({problem.strerror})") from None


def _note_list_text(world: DemoWorld) -> str:
    lines = [f"  {note.id}  {printable(note.shows)}" for note in world.notes.values()]
    return "what the notes show:\n" + "\n".join(lines) + "\n"


def _next_steps_text(world: DemoWorld, gallery: Path) -> str:
    first = next(iter(world.notes))
    return (
        f"open the gallery in a browser: {printable(str(gallery))}\n"
        "then archive notes of your own, with the token of your API account:\n"
        "  export XHARCHIVE_TOKEN=...\n"
        f"  xharchive get {first} -d ~/notes\n"
    )


def _command_text(running: RunningServer, world: DemoWorld, directory: str) -> str:
    first, second, *_ = world.notes
    return (
        f"serving {counted(len(world.notes), 'note')} on {running.base_url}, until Ctrl-C. "
        "In another terminal, try:\n\n"
        f"XHARCHIVE_TOKEN={_TOKEN.reveal()} xharchive get {first} {second} -d {shlex.quote(directory)}"
        f" --api-base {running.base_url} --resolve '*={running.host}:{running.port}'\n"
    )
