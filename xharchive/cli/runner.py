"""Steps that archiving commands share: open the archive, run with progress and signals, print a report."""

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes, open_archived_notes
from xharchive.cli.open_archive import print_skipped_folders
from xharchive.cli.saved_options import resume_command, saved_text
from xharchive.cli.signals import run_until_signal
from xharchive.config import progress_options
from xharchive.errors import ArchiveError, ExitCode, Terminated
from xharchive.events import Event, Listener, RunFinished, Warned
from xharchive.progress import bottleneck_text, event_printer, report_text
from xharchive.redaction import Secret
from xharchive.sanitize import counted, printable

__all__ = ["exit_code", "open_to_read", "open_to_write", "run_and_report"]


@contextmanager
def open_to_write(store: ArchiveFolder, *, trust_index: bool = False) -> Iterator[ArchivedNotes]:
    """Lock the archive and yield its archived notes; afterwards tidy the list of pending notes.

    Args:
        store: the archive's folder.
        trusting: trust the index instead of checking files, as in `open_archived_notes`.

    Raises:
        ArchiveError: another process writes to the archive, or files cannot be read or written.
    """
    with store.held(), open_archived_notes(store, trust_index=trust_index) as archived:
        print_skipped_folders(store)
        yield archived
        archived.clean_up()


@contextmanager
def open_to_read(store: ArchiveFolder, *, trust_index: bool) -> Iterator[ArchivedNotes | None]:
    """Yield the archived notes of an archive without changing it; None if there is no archive.

    Args:
        store: the archive's folder.
        trusting: trust the index instead of checking files.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    if not store.exists:
        yield None
        return
    with open_archived_notes(store, read_only=True, trust_index=trust_index) as archived:
        print_skipped_folders(store)
        yield archived


def run_and_report(
    args: argparse.Namespace,
    secret: Secret,
    store: ArchiveFolder,
    work: Callable[[Listener], Coroutine[Any, Any, RunFinished]],
    warning: str = "",
    *,
    names_places: bool = True,
) -> RunFinished:
    """Run a coroutine, print its events and then the report; return the event that ends the run.

    Args:
        args: the options.
        secret: the API token, to redact it.
        store: the archive's folder.
        work: starts the run with a listener for its events.
        warning: printed first.
        names_places: whether the report names the archive and its gallery.

    Raises:
        KeyboardInterrupt, Terminated: a signal arrived; the report so far is printed.
        ArchiveError: the archive can no longer be read or written; the report so far is printed.
    """
    ended: RunFinished | None = None

    def watch(event: Event) -> None:
        nonlocal ended
        if isinstance(event, RunFinished):
            ended = event
        on_event(event)

    try:
        with event_printer(progress_options(args, secret), out=sys.stdout, err=sys.stderr) as on_event:
            for text in filter(None, (warning, store.lock_warning)):
                on_event(Warned(text))
            finished = run_until_signal(work(watch), args)
    except (KeyboardInterrupt, Terminated, ArchiveError):
        with suppress(ArchiveError):  # an unreadable list must not hide the reason
            args.continue_with = getattr(args, "continue_with", "") or _resume_command(args, store)
        if ended is not None and not args.quiet:
            sys.stderr.write(f"{report_text(ended)}\n")
        raise
    lines = _problems(finished)
    if not args.quiet:
        report = filter(None, (report_text(finished), bottleneck_text(finished)))
        lines = [*report, *([f"archive: {store.root.resolve()}"] if names_places else []), *lines]
        if names_places and not args.no_gallery and (store.folder / "index.html").is_file():
            lines.append(f"browse: {store.root.resolve() / 'index.html'}")
        if finished.left or finished.notes.get("partial") or finished.notes.get("failed"):
            lines.append(f"continue with: {_resume_command(args, store)}")
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))
    return finished


def _resume_command(args: argparse.Namespace, store: ArchiveFolder) -> str:
    """Return the command that continues this run.

    It names saved options too, unless notes with other options are pending.
    """
    own = saved_text(args, os.environ)
    others = any(options != own for options in store.pending.options())
    return resume_command(args, os.environ, include_saved=not others)


def _problems(finished: RunFinished) -> list[str]:
    """Return the lines that are printed even with --quiet."""
    lines = [f"stopped: {finished.stopped}"] if finished.stopped else []
    if finished.held_back:
        undecided = counted(finished.held_back, "note")
        lines.append(
            f"undecided: {undecided}, for which a call of an earlier run was cut off and may have been "
            "billed; to ask again: --on-unknown pay"
        )
    return lines


def exit_code(finished: RunFinished, *, strict_empty: bool = False) -> ExitCode:
    """Return the exit code of a run: 0 only if all notes that it was asked for are archived.

    Notes that an earlier run found empty count only with `strict_empty`.
    """
    if finished.stopped or finished.held_back:
        return ExitCode.REFUSED
    if finished.left:
        return ExitCode.INCOMPLETE
    missing = sum(finished.notes.get(outcome, 0) for outcome in ("partial", "empty", "failed"))
    expected = 0 if strict_empty else finished.known_empty
    return ExitCode.INCOMPLETE if missing > expected else ExitCode.OK
