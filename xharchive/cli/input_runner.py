"""Runs over a list of notes: follows its short links first, then archives all notes."""

import argparse
import os
from dataclasses import replace

from xharchive.archive import Archive
from xharchive.cli.confirm import calls_to_skip, confirm, show_plan
from xharchive.cli.failed_list import write_failed
from xharchive.cli.link_following import apply_known_links, follow_links
from xharchive.cli.runner import exit_code, run_and_report
from xharchive.cli.saved_options import saved_text
from xharchive.config import plain_http_warning
from xharchive.errors import ExitCode
from xharchive.events import Listener, RunFinished
from xharchive.run import ArchiveOptions, archive
from xharchive.sources.requested_notes import NoteFilter, NoteList

__all__ = ["ListRun"]


class ListRun:
    """One run over a list of notes.

    Attributes:
        spent: calls that this run and the runs before it spent of the budget. It includes attempts that
            never left this machine, so the budget is rather too small than too large.
        stopped: whether the API or the budget refused further calls.
    """

    def __init__(
        self, args: argparse.Namespace, store: Archive, notes: NoteList, note_filter: NoteFilter
    ) -> None:
        self._args = args
        self._store = store
        self._notes = notes
        self._selection = note_filter
        self._undecided_links = 0  # short links whose call was cut off in an earlier run
        self.spent = 0
        self.stopped = False

    def plan(self) -> None:
        """Print what the run would do and pay.

        Raises:
            UsageError: the order of endpoints is wrong.
            ArchiveError: the archive cannot be read.
        """
        if self._store.is_open:
            self._apply_known_links()
        show_plan(self._args, self._store, self._notes)

    def archive(self, options: ArchiveOptions) -> ExitCode:
        """Archive the notes and return the exit code, which counts short links that lead to no note.

        Raises:
            Refused: the user does not confirm the cost.
            ArchiveError: the archive cannot be read or written.
            KeyboardInterrupt, Terminated: a signal arrived.
        """
        args, store, notes = self._args, self._store, self._notes
        args.secret = options.transport.token  # for the message of an early end
        self._apply_known_links()
        links = {link.url for link in notes.links}
        held = calls_to_skip(args, store, notes, options, links.__contains__)
        options = replace(options, cut_off=held)
        confirm(args, store, notes, options)
        try:
            options = self._save_pending(options)

            async def work(on_event: Listener) -> RunFinished:
                return await archive(notes, len(notes), store, options, on_event, notes.hint)

            finished = run_and_report(args, options.transport.token, store, work, plain_http_warning(options))
        finally:
            write_failed(getattr(args, "failed_out", None), notes, store)
        self.spent = options.spent + finished.calls
        self.stopped = bool(finished.stopped)
        code = exit_code(finished, strict_empty=args.strict_empty)
        if self._undecided_links:
            return max(code, ExitCode.REFUSED)
        return max(code, ExitCode.INCOMPLETE) if notes.links else code

    def _apply_known_links(self) -> None:
        if self._notes.links:
            apply_known_links(self._store, self._notes, self._selection)

    def _save_pending(self, options: ArchiveOptions) -> ArchiveOptions:
        """Save the pending notes, then follow short links; return the options with the calls spent."""
        options_text = saved_text(self._args, os.environ)
        self._store.add_pending(self._notes.pending_notes(), options_text)
        if not self._notes.links:
            return options
        followed = follow_links(self._args, self._store, self._notes, options, self._selection)
        self._store.add_pending(self._notes.pending_notes(), options_text)
        self._undecided_links = followed.held_back
        return replace(options, spent=followed.spent, refused=followed.stopped)
