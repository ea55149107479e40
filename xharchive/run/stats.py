"""Make the end report of a run from its events, so that report and events always agree."""

from collections import Counter
from collections.abc import Mapping

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
from xharchive.run.bottleneck import OTHER


class RunStats:
    """Count events, and forward each one to a listener."""

    def __init__(self, listen: Listener) -> None:
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
            case _:
                pass
        self._listen(event)

    def report(
        self, notes: int, stopped: str, held_back: int = 0, shares: Mapping[str, float] | None = None
    ) -> RunFinished:
        """Return the end report.

        Args:
            notes: how many notes the run has.
            stopped: the reason why the run ended early, or "".
            held_back: how many notes need a decision about an interrupted call.
            shares: the part of the run's time by bottleneck; omitted if nothing was fetched.
        """
        outcomes = {outcome.value: self._outcomes[outcome] for outcome in Outcome}
        left = notes - sum(outcomes.values())
        reported = shares if shares and self._bytes else {}
        bound = max((name for name in reported if name != OTHER), key=lambda name: reported[name], default="")
        return RunFinished(
            outcomes,
            self._bytes,
            calls=self._bills.total(),
            billed=self._bills["yes"],
            perhaps_billed=self._bills["unknown"],
            free=self._bills["no"],
            left=left,
            stopped=stopped,
            held_back=held_back,
            bound_by=bound,
            shares=reported,
            known_empty=self._known_empty,
        )
