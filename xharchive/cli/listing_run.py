"""The run of a listing verb: the archive held, pages paid for, notes printed, and with --get archived."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from xharchive.cli.running import exit_code, opened, until_signalled, watched
from xharchive.cli.spending import calls_to_hold_back, confirm_pages
from xharchive.config import archive_options, plain_http_warning
from xharchive.endpoints.sources import Listing
from xharchive.errors import ExitCode
from xharchive.events import Listener, RunFinished, Warned
from xharchive.holdings import Holdings
from xharchive.inputs import NoteList, spool
from xharchive.models import Listed, NoteType
from xharchive.naming import printable
from xharchive.pipeline import ArchiveOptions, archive
from xharchive.pipeline.listing import Found, kept_pages, list_notes
from xharchive.progress import ProgressOptions, json_line, listening
from xharchive.selection import Selection
from xharchive.stores import PosixStore

__all__ = ["list_and_get"]


def list_and_get(args: argparse.Namespace, ways: Sequence[Listing]) -> int:
    """List notes, print each as it comes, archive them if asked to; return the exit code.

    Raises:
        UsageError: a setting is wrong.
        NoteFailed: a page cannot be had.
        ArchiveError: the disk would not.
    """
    store = PosixStore(Path(args.directory))
    if args.dry_run:
        sys.stdout.write(_plan(args, store, ways))
        return int(ExitCode.OK)
    options = archive_options(args, os.environ)
    args.secret = options.transport.token
    confirm_pages(args, _most_pages(args))
    with opened(store) as holdings, spool() as notes:
        options = replace(options, cut_off=calls_to_hold_back(args, store, holdings, notes, options))
        found = _listed(args, ways, store, options, notes)
        code = ExitCode.REFUSED if found.stopped else ExitCode.OK
        if args.get and len(notes):
            code = max(code, _archived(args, store, holdings, notes, _after(options, found)))
    return int(code)


def _listed(
    args: argparse.Namespace,
    ways: Sequence[Listing],
    store: PosixStore,
    options: ArchiveOptions,
    notes: NoteList,
) -> Found:
    selection = Selection(args.after, args.before, NoteType(args.type) if args.type else None)

    def show(note: Listed) -> bool:
        if selection.takes(note.id, note.type, note.published):
            notes.add(note.id, note.type)
            if not args.get:
                sys.stdout.write(f"{note.id}\n" if args.ids else json_line(as_json(note)))
                sys.stdout.flush()
        return args.limit is None or len(notes) < args.limit

    shown = ProgressOptions(args.quiet, args.verbose, secret=options.transport.token)
    with listening(shown, out=sys.stdout, err=sys.stderr) as listen:
        for text in filter(None, (plain_http_warning(options), store.caution)):
            listen(Warned(text))
        work = list_notes(ways, store, options, show, _most_pages(args), listen)
        found = until_signalled(work, args)
    if not args.quiet:
        sys.stderr.write(printable(_report(found, len(notes))) + "\n")
    return found


def _most_pages(args: argparse.Namespace) -> int | None:
    if args.pages is not None or args.limit is not None:
        return cast("int | None", args.pages)
    return cast("int | None", args.default_pages)


def _report(found: Found, notes: int) -> str:
    pages = found.pages
    parts = [f"{notes} notes on {pages.pages} pages"]
    parts += [f"{pages.kept} pages kept from an earlier run"] if pages.kept else []
    parts += [f"{pages.repeated} repeated"] if pages.repeated else []
    parts += [f"{count} skipped: {kind}" for kind, count in sorted(pages.skipped.items())]
    parts.append(f"{found.calls} API calls ({found.billed} billed)")
    parts += [f"stopped: {found.stopped}"] if found.stopped else []
    return "; ".join(parts)


def _archived(
    args: argparse.Namespace, store: PosixStore, holdings: Holdings, notes: NoteList, options: ArchiveOptions
) -> ExitCode:
    holdings.remember(notes)

    async def work(listen: Listener) -> RunFinished:
        return await archive(notes, len(notes), store, holdings, options, listen, notes.hint)

    return exit_code(watched(args, options.transport.token, store, work))


def _after(options: ArchiveOptions, found: Found) -> ArchiveOptions:
    """The options for what follows a listing: its pages came out of the same budget."""
    if options.max_calls is None:
        return options
    return replace(options, max_calls=max(0, options.max_calls - found.calls))


def _plan(args: argparse.Namespace, store: PosixStore, ways: Sequence[Listing]) -> str:
    kept = kept_pages(store, ways)
    most = _most_pages(args)
    pages = f"at most {most} pages" if most else "as many pages as it takes"
    return f"{ways[0].subject}: {pages}, a call each; {kept} kept from an earlier run\nnothing was sent\n"


def as_json(note: Listed) -> dict[str, object]:
    """Return a listed note as a JSON object, as `get` takes it."""
    return {
        "id": note.id.text,
        "type": note.type.value,
        "title": note.title,
        "author": {"id": note.author.id, "name": note.author.name},
        "published": (note.published or note.id.published).isoformat(timespec="seconds"),
        "likes": note.likes,
        "cover": note.cover,
    }
