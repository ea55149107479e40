"""What the archiving verbs share: hold the archive, run with signals and progress, end with a report."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from xharchive.cli.signals import until_signalled
from xharchive.cli.spending import calls_to_hold_back, confirm, show_plan
from xharchive.cli.standing import print_passed_over
from xharchive.config import archive_options, plain_http_warning, progress_options
from xharchive.errors import ExitCode
from xharchive.events import Listener, RunFinished, Warned
from xharchive.holdings import Holdings, open_holdings
from xharchive.inputs import NoteList
from xharchive.pipeline import ArchiveOptions, archive
from xharchive.printing import printable
from xharchive.progress import bounds_text, listening, report_text
from xharchive.redaction import Secret
from xharchive.stores import PosixStore

__all__ = ["exit_code", "opened", "run_archive", "watched"]


@contextmanager
def opened(store: PosixStore, *, trusting: bool = False) -> Iterator[Holdings]:
    """Hold the archive and yield what it holds; its list of wanted notes is tidy afterwards.

    `trusting`: as in `open_holdings`.

    Raises:
        ArchiveError: another process holds it, or the disk would not.
    """
    with store.held(), open_holdings(store, trusting=trusting) as holdings:
        print_passed_over(store)
        yield holdings
        holdings.tidy()


def run_archive(
    args: argparse.Namespace,
    store: PosixStore,
    notes: NoteList,
    *,
    fill: Callable[[Holdings], None] = lambda _: None,
    begin: Callable[[Holdings, ArchiveOptions], ArchiveOptions] = lambda _, options: options,
    end: Callable[[Holdings], None] = lambda _: None,
) -> ExitCode:
    """Let `fill` complete the list of notes, archive them, report, return the exit code.

    `begin` is called when nothing stands in the way of the run any more, and may still change its settings;
    `end` after it, however it ended.
    """
    if args.dry_run:
        looking = partial(open_holdings, store, to_read=True, trusting=args.trust_index)
        with looking() if store.exists else nullcontext() as known:
            if known is not None:
                print_passed_over(store)
                fill(known)
            show_plan(args, store, known, notes)
        return ExitCode.OK
    options = archive_options(args, os.environ)
    args.secret = options.transport.token  # for the last sentence, should there be one
    with opened(store, trusting=args.trust_index) as holdings:
        fill(holdings)
        held = calls_to_hold_back(args, store, holdings, notes, options, notes.has_link)
        options = replace(options, cut_off=held)
        confirm(args, store, holdings, notes, options)
        try:
            options = begin(holdings, options)

            async def work(listen: Listener) -> RunFinished:
                return await archive(notes, len(notes), store, holdings, options, listen, notes.hint)

            finished = watched(args, options.transport.token, store, work, plain_http_warning(options))
        finally:
            end(holdings)
    return exit_code(finished, strict_empty=args.strict_empty)


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
        finished = until_signalled(work(listen), args)
    lines = _troubles(finished)
    if not args.quiet:
        told = filter(None, (report_text(finished), bounds_text(finished)))
        lines = [*told, f"archive: {store.root.resolve()}", *lines]
        if not args.no_gallery and (store.folder / "index.html").is_file():
            lines.append(f"browse: {store.root.resolve() / 'index.html'}")
        if finished.left or finished.notes.get("partial") or finished.notes.get("failed"):
            lines.append(f"go on with: xharchive resume -d {shlex.quote(args.directory)}")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return finished


def _troubles(finished: RunFinished) -> list[str]:
    """What nobody may miss, however quiet the run is to be."""
    lines = [f"stopped: {finished.stopped}"] if finished.stopped else []
    if finished.held_back:
        lines.append(
            f"undecided: {finished.held_back} notes, for which a call of an earlier run was cut off and may "
            "have been billed; to ask again: --on-unknown pay"
        )
    return lines


def exit_code(finished: RunFinished, *, strict_empty: bool = False) -> ExitCode:
    """Return 0 only if everything asked for is there.

    A note that an earlier run found empty is no news, so it counts with `strict_empty` only.
    """
    if finished.stopped or finished.held_back:
        return ExitCode.REFUSED
    if finished.left:
        return ExitCode.INCOMPLETE
    missing = sum(finished.notes.get(outcome, 0) for outcome in ("partial", "empty", "failed"))
    expected = 0 if strict_empty else finished.known_empty
    return ExitCode.INCOMPLETE if missing > expected else ExitCode.OK
