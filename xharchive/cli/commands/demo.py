"""`xharchive demo`: run the program against a local API and CDN; needs no token and no network."""

import argparse
import asyncio
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xharchive.cli.console import Console, run_until_signal
from xharchive.cli.options import OUTPUT, directory, number
from xharchive.cli.parser import Verb, option
from xharchive.errors import ExitCode, UsageError
from xharchive.events import RunFinished
from xharchive.sanitize import counted, printable

if TYPE_CHECKING:
    from xharchive.demo.server import RunningServer
    from xharchive.demo.world import DemoWorld
    from xharchive.progress import ProgressOptions
    from xharchive.run import ArchiveOptions

# The demo accepts any token. This one is no common word, because the token is removed from saved replies.
_TOKEN = "no-token-needed"  # noqa: S105 - no secret


VERBS = {
    "demo": Verb(
        "Start the bundled API and CDN on this machine, archive their notes, and print\n"
        "where the gallery is and what to do next. -v also prints what each note shows.\n"
        "With --serve the server stays up, and a command to try against it is printed.",
        """\
  xharchive demo
  xharchive demo -d /tmp/notes
  xharchive demo --serve --port 8080""",
        (
            directory("demo-archive"),
            option("network: --serve", "only serve, until Ctrl-C"),
            option(
                "network: --port N",
                "port of the server (default: any free one)",
                type=number(0, 65_535),
                default=0,
            ),
            *OUTPUT,
        ),
    )
}


def run(args: argparse.Namespace, console: Console) -> int:
    """Archive the demo's notes, or serve them; return the exit code."""
    from xharchive.demo.world import DemoWorld
    from xharchive.progress import ProgressOptions

    world = DemoWorld()
    console.continue_with = "the same command again"
    if args.serve:
        return run_until_signal(_serve(world, args.port, args.directory), console)
    shown = ProgressOptions(args.quiet, args.verbose, args.json)
    return _archive(world, args.port, args.directory, shown, console)


def _archive(
    world: "DemoWorld", port: int, directory: str, shown: "ProgressOptions", console: Console
) -> ExitCode:
    """Archive all demo notes, and print where they are and what to do next.

    One note of the demo is empty on purpose, and does not change the exit code.
    """
    from xharchive.archive import Archive
    from xharchive.cli.open_archive import open_to_write
    from xharchive.cli.runner import archive_with_progress, exit_code, print_report, print_warnings
    from xharchive.models import NoteId
    from xharchive.run import Archiver
    from xharchive.sources.requested_notes import NoteList

    store = Archive(Path(directory))
    with open_to_write(store), NoteList() as notes:
        for text in world.notes:
            notes.add(NoteId(text))

        async def work() -> RunFinished:
            async with _serving(world, port) as running:
                archiver = Archiver(store, _options(running))
                print_warnings(archiver, shown)
                return await archive_with_progress(archiver, notes, shown)

        finished = run_until_signal(work(), console)
    print_report(finished, quiet=shown.quiet)
    if not shown.quiet:
        if shown.verbose:
            sys.stderr.write(_note_list_text(world))
        sys.stdout.write(_next_steps_text(world, store.root.resolve() / "index.html"))
    empty = sum(note.state == "empty" for note in world.notes.values())
    unexpected = {**finished.notes, "empty": abs(finished.notes.get("empty", 0) - empty)}
    return exit_code(replace(finished, notes=unexpected), strict_empty=True)


async def _serve(world: "DemoWorld", port: int, directory: str) -> ExitCode:
    """Serve the demo until a signal arrives, and print a command to try against it."""
    async with _serving(world, port) as running:
        sys.stdout.write(_command_text(running, world, directory))
        sys.stdout.flush()
        await asyncio.Event().wait()
    return ExitCode.OK


@asynccontextmanager
async def _serving(world: "DemoWorld", port: int) -> "AsyncIterator[RunningServer]":
    from xharchive.demo.server import RequestHandler, serve

    async with AsyncExitStack() as stack:
        try:
            running = await stack.enter_async_context(serve(RequestHandler(world), port))
        except OSError as problem:
            raise UsageError(f"--port {port}: the server cannot start there ({problem.strerror})") from None
        yield running


def _options(running: "RunningServer") -> "ArchiveOptions":
    from xharchive.host_allowlist import AllowList, HostOverride
    from xharchive.http import TransportOptions
    from xharchive.redaction import Secret
    from xharchive.run import ArchiveOptions

    borders = AllowList(overrides=(HostOverride("*", running.host, running.port),))
    transport = TransportOptions(api_base=running.base_url, token=Secret(_TOKEN), borders=borders)
    return ArchiveOptions(transport, gallery=True)


def _note_list_text(world: "DemoWorld") -> str:
    lines = [f"  {note.id}  {printable(note.shows)}" for note in world.notes.values()]
    return "what the notes show:\n" + "\n".join(lines) + "\n"


def _next_steps_text(world: "DemoWorld", gallery: Path) -> str:
    first = next(iter(world.notes))
    return (
        f"open the gallery in a browser: {printable(str(gallery))}\n"
        "then archive notes of your own, with the token of your API account:\n"
        "  export XHARCHIVE_TOKEN=...\n"
        f"  xharchive get {first} -d ~/notes\n"
    )


def _command_text(running: "RunningServer", world: "DemoWorld", directory: str) -> str:
    first, second, *_ = world.notes
    return (
        f"serving {counted(len(world.notes), 'note')} on {running.base_url}, until Ctrl-C. "
        "In another terminal, try:\n\n"
        f"XHARCHIVE_TOKEN={_TOKEN} xharchive get {first} {second} -d {shlex.quote(directory)}"
        f" --api-base {running.base_url} --resolve '*={running.host}:{running.port}'\n"
    )
