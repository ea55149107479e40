"""The end report of a run: counts of its events, and what it waited for."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum

from xharchive.api import ApiClient
from xharchive.events import (
    Call,
    Event,
    Listener,
    NoteFinished,
    NotesUnchanged,
    Outcome,
    Progressed,
    RunFinished,
)
from xharchive.run.archive_asset import RunServices
from xharchive.run.archive_note import NoteRun

_SAMPLE_INTERVAL = 0.1  # seconds between two looks


class Stage(StrEnum):
    """The stages of a run, in the order of the work: notes are resolved, downloaded, decoded, committed."""

    API = "api"
    NETWORK = "network"
    CPU = "cpu"
    DISK = "disk"


OTHER = "other"
"""The name of the time in which no stage had work: the start, the end, and the gallery."""


class Bottleneck:
    """Add up the time of a run by the stage that it waited for.

    A run waits for the last stage that is full, else for the first one that has work. `capacity` is how much
    work each stage can do at once, and times are in seconds.
    """

    def __init__(self, capacity: Mapping[Stage, int], now: float) -> None:
        self._capacity = capacity
        self._sampled_at = now
        self._seconds = dict.fromkeys([*Stage, OTHER], 0.0)

    async def watch(self, services: RunServices, calls: ApiClient, notes: Collection[NoteRun]) -> None:
        """Look at the work of all stages ten times a second, until the task of this is cancelled."""
        while True:
            await asyncio.sleep(_SAMPLE_INTERVAL)
            decoding = services.converter.active
            work = {
                Stage.API: calls.active,
                Stage.NETWORK: max(0, services.fetcher.active - decoding),
                Stage.CPU: decoding,
                Stage.DISK: calls.writing + sum(note.is_committing for note in notes),
            }
            self.sample(time.monotonic(), work)

    def sample(self, now: float, work: Mapping[Stage, int]) -> None:
        """Add the time since the last look; `work` is that of each stage, waiting or in progress."""
        full = [stage for stage in Stage if work[stage] >= self._capacity[stage]]
        busy = [stage for stage in Stage if work[stage]]
        waited_for = full[-1] if full else busy[0] if busy else OTHER
        self._seconds[waited_for] += now - self._sampled_at
        self._sampled_at = now

    def shares(self) -> dict[str, float]:
        """Return the part of the time so far (0 to 1, in thousandths) by stage, and for `OTHER`."""
        total = sum(self._seconds.values()) or 1.0
        return {str(name): round(seconds / total, 3) for name, seconds in self._seconds.items()}


class RunStats:
    """Count events, and forward each one to a listener; report and events always agree.

    Attributes:
        finished: the report that was forwarded; None before.
    """

    def __init__(self, listen: Listener) -> None:
        self.finished: RunFinished | None = None
        self._listen = listen
        self._outcomes: Counter[Outcome] = Counter()
        self._bytes = 0
        self._bills: Counter[str] = Counter()
        self._known_empty = 0

    def __call__(self, event: Event) -> None:
        """Count the event, then forward it."""
        match event:
            case Progressed():
                self._bytes += event.bytes
            case Call():
                self._bills[event.billed] += 1
            case NoteFinished():
                self._outcomes[event.outcome] += 1
                self._known_empty += event.known and event.outcome is Outcome.EMPTY
            case NotesUnchanged():
                self._outcomes[Outcome.UNCHANGED] += event.notes
            case RunFinished():
                self.finished = event
            case _:
                pass
        self._listen(event)

    def report(
        self, notes: int, stopped: str, held_back: int = 0, shares: Mapping[str, float] | None = None
    ) -> RunFinished:
        """Return the end report of a run over `notes` notes; without `shares` if nothing was fetched."""
        outcomes = {outcome.value: self._outcomes[outcome] for outcome in Outcome}
        reported = shares if shares and self._bytes else {}
        return RunFinished(
            outcomes,
            self._bytes,
            calls=self._bills.total(),
            billed=self._bills["yes"],
            perhaps_billed=self._bills["unknown"],
            free=self._bills["no"],
            left=notes - sum(outcomes.values()),
            stopped=stopped,
            held_back=held_back,
            bound_by=max((stage for stage in Stage if reported), key=reported.__getitem__, default=""),
            shares=reported,
            known_empty=self._known_empty,
        )
