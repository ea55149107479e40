"""One run over a list of notes that may hold short links: followed first, then all is archived."""

import argparse
from collections.abc import Callable
from dataclasses import replace

from xharchive.cli.failed_out import write_failed
from xharchive.cli.following import follow_links, recall_links
from xharchive.cli.running import run_archive
from xharchive.errors import ExitCode
from xharchive.holdings import Holdings
from xharchive.inputs import NoteList
from xharchive.pipeline import ArchiveOptions
from xharchive.selection import Selection
from xharchive.stores import PosixStore

__all__ = ["ListRun"]


class ListRun:
    """Archives what is on a list, after `fill` has completed it from what the archive holds."""

    def __init__(
        self,
        args: argparse.Namespace,
        store: PosixStore,
        notes: NoteList,
        selection: Selection,
        fill: Callable[[Holdings], None] = lambda _: None,
    ) -> None:
        self._args = args
        self._store = store
        self._notes = notes
        self._selection = selection
        self._fill_up = fill
        self._waits = 0  # short links whose call was cut off in an earlier run

    def run(self) -> ExitCode:
        """Archive, and return how it went; a short link that leads nowhere makes it incomplete.

        Raises:
            UsageError: a setting is wrong.
            Refused: the user says no.
            ArchiveError: the disk would not.
        """
        code = run_archive(
            self._args, self._store, self._notes, fill=self._fill, begin=self._begin, end=self._end
        )
        if self._args.dry_run:
            return code
        if self._waits:
            return max(code, ExitCode.REFUSED)
        return max(code, ExitCode.INCOMPLETE) if self._notes.links else code

    def _fill(self, holdings: Holdings) -> None:
        self._fill_up(holdings)
        if self._notes.links:
            recall_links(self._store, self._notes, self._selection)

    def _begin(self, holdings: Holdings, options: ArchiveOptions) -> ArchiveOptions:
        holdings.remember(self._notes.wants(holdings.lacks))
        if not self._notes.links:
            return options
        followed = follow_links(self._args, self._store, self._notes, options, self._selection)
        holdings.remember(self._notes.wants(holdings.lacks))
        self._waits = followed.held_back
        return replace(options, spent=followed.spent, refused=followed.stopped)

    def _end(self, holdings: Holdings) -> None:
        write_failed(getattr(self._args, "failed_out", None), self._notes, holdings)
