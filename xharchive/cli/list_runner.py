"""One run over a list of notes that may hold short links: followed first, then all is archived."""

import argparse
import os
from dataclasses import replace

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes
from xharchive.cli.confirm import calls_to_hold_back, confirm, show_plan
from xharchive.cli.failed_list import write_failed
from xharchive.cli.link_following import follow_links, recall_links
from xharchive.cli.runner import exit_code, watched
from xharchive.cli.saved_options import kept_text
from xharchive.config import plain_http_warning
from xharchive.errors import ExitCode
from xharchive.events import Listener, RunFinished
from xharchive.filters import NoteFilter
from xharchive.inputs import NoteList
from xharchive.run import ArchiveOptions, archive

__all__ = ["ListRun"]


class ListRun:
    """Archives what is on a list.

    After the run, `spent` is what it and the runs before it took of the budget, calls that never left this
    machine included, so that it errs towards paying less; `stopped`: the API or the budget refused more.
    """

    def __init__(
        self, args: argparse.Namespace, store: ArchiveFolder, notes: NoteList, note_filter: NoteFilter
    ) -> None:
        self._args = args
        self._store = store
        self._notes = notes
        self._selection = note_filter
        self._waits = 0  # short links whose call was cut off in an earlier run
        self.spent = 0
        self.stopped = False

    def plan(self, holdings: ArchivedNotes | None) -> None:
        """Print what the run would do and pay; without holdings there is no archive yet.

        Raises:
            UsageError: the order of endpoints is wrong.
            ArchiveError: the archive cannot be read.
        """
        if holdings is not None:
            self._recall_links()
        show_plan(self._args, self._store, holdings, self._notes)

    def archive(self, holdings: ArchivedNotes, options: ArchiveOptions) -> ExitCode:
        """Archive, and return how it went; a short link that leads nowhere makes it incomplete.

        Raises:
            Refused: the user says no.
            ArchiveError: the archive cannot be read or written.
            KeyboardInterrupt, Terminated: a signal came.
        """
        args, store, notes = self._args, self._store, self._notes
        args.secret = options.transport.token  # for the last sentence, should there be one
        self._recall_links()
        held = calls_to_hold_back(args, store, holdings, notes, options, notes.has_unfollowed)
        options = replace(options, cut_off=held)
        confirm(args, store, holdings, notes, options)
        try:
            options = self._begin(holdings, options)

            async def work(listen: Listener) -> RunFinished:
                return await archive(notes, len(notes), store, holdings, options, listen, notes.hint)

            finished = watched(args, options.transport.token, store, work, plain_http_warning(options))
        finally:
            write_failed(getattr(args, "failed_out", None), notes, holdings)
        self.spent = options.spent + finished.calls
        self.stopped = bool(finished.stopped)
        code = exit_code(finished, strict_empty=args.strict_empty)
        if self._waits:
            return max(code, ExitCode.REFUSED)
        return max(code, ExitCode.INCOMPLETE) if notes.links else code

    def _recall_links(self) -> None:
        if self._notes.links:
            recall_links(self._store, self._notes, self._selection)

    def _begin(self, holdings: ArchivedNotes, options: ArchiveOptions) -> ArchiveOptions:
        """Write down what is wanted, then follow short links; return the options with the calls that took."""
        kept = kept_text(self._args, os.environ)
        holdings.remember(self._notes.pending_notes(holdings.lacks), kept)
        if not self._notes.links:
            return options
        followed = follow_links(self._args, self._store, self._notes, options, self._selection)
        holdings.remember(self._notes.pending_notes(holdings.lacks), kept)
        self._waits = followed.held_back
        return replace(options, spent=followed.spent, refused=followed.stopped)
