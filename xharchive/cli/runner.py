"""What the archiving verbs share: hold the archive, run with signals and progress, end with a report."""

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes, open_archived_notes
from xharchive.cli.existing_archive import print_passed_over
from xharchive.cli.saved_options import kept_text, resume_command
from xharchive.cli.signals import until_signalled
from xharchive.config import progress_options
from xharchive.errors import ArchiveError, ExitCode, Terminated
from xharchive.events import Event, Listener, RunFinished, Warned
from xharchive.progress import bounds_text, listening, report_text
from xharchive.redaction import Secret
from xharchive.sanitize import counted, printable

__all__ = ["exit_code", "looked_into", "opened", "watched"]


@contextmanager
def opened(store: ArchiveFolder, *, trust_index: bool = False) -> Iterator[ArchivedNotes]:
    """Hold the archive and yield what it holds; its list of wanted notes is tidy afterwards.

    `trust_index`: as in `open_archived_notes`.

    Raises:
        ArchiveError: another process holds it, or the disk would not.
    """
    with store.held(), open_archived_notes(store, trust_index=trust_index) as holdings:
        print_passed_over(store)
        yield holdings
        holdings.tidy()


@contextmanager
def looked_into(store: ArchiveFolder, *, trust_index: bool) -> Iterator[ArchivedNotes | None]:
    """Yield what an archive holds without changing it, None if there is none; `trust_index` as in `opened`.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    if not store.exists:
        yield None
        return
    with open_archived_notes(store, read_only=True, trust_index=trust_index) as holdings:
        print_passed_over(store)
        yield holdings


def watched(
    args: argparse.Namespace,
    secret: Secret,
    store: ArchiveFolder,
    work: Callable[[Listener], Coroutine[Any, Any, RunFinished]],
    warning: str = "",
    *,
    names_places: bool = True,
) -> RunFinished:
    """Do the work with its events drawn, then print the report.

    Args:
        names_places: whether the report says where the archive and its gallery are.

    Raises:
        KeyboardInterrupt, Terminated: a signal came; what was done is printed.
        ArchiveError: the archive cannot be used any more; likewise.
    """
    ended: RunFinished | None = None

    def watch(event: Event) -> None:
        nonlocal ended
        if isinstance(event, RunFinished):
            ended = event
        listen(event)

    try:
        with listening(progress_options(args, secret), out=sys.stdout, err=sys.stderr) as listen:
            for text in filter(None, (warning, store.caution)):
                listen(Warned(text))
            finished = until_signalled(work(watch), args)
    except (KeyboardInterrupt, Terminated, ArchiveError):
        with suppress(ArchiveError):  # a list that cannot be read must not hide what ended the run
            args.go_on = getattr(args, "go_on", "") or _go_on(args, store)
        if ended is not None and not args.quiet:
            sys.stderr.write(f"{report_text(ended)}\n")
        raise
    lines = _troubles(finished)
    if not args.quiet:
        told = filter(None, (report_text(finished), bounds_text(finished)))
        lines = [*told, *([f"archive: {store.root.resolve()}"] if names_places else []), *lines]
        if names_places and not args.no_gallery and (store.folder / "index.html").is_file():
            lines.append(f"browse: {store.root.resolve() / 'index.html'}")
        if finished.left or finished.notes.get("partial") or finished.notes.get("failed"):
            lines.append(f"go on with: {_go_on(args, store)}")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return finished


def _go_on(args: argparse.Namespace, store: ArchiveFolder) -> str:
    """Return the command that goes on with this run.

    It names the options that are kept too, unless notes of other runs wait that were asked for with others.
    """
    own = kept_text(args, os.environ)
    others = any(options != own for options in store.wanted.options())
    return resume_command(args, os.environ, with_result=not others)


def _troubles(finished: RunFinished) -> list[str]:
    """What nobody may miss, however quiet the run is to be."""
    lines = [f"stopped: {finished.stopped}"] if finished.stopped else []
    if finished.held_back:
        undecided = counted(finished.held_back, "note")
        lines.append(
            f"undecided: {undecided}, for which a call of an earlier run was cut off and may have been "
            "billed; to ask again: --on-unknown pay"
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
