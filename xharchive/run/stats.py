"""Adds a run up from its own events, so that the report can say nothing that was not told."""

from collections import Counter
from collections.abc import Mapping

from xharchive.bottleneck import OTHER
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

__all__ = ["Tally"]


class Tally:
    """A listener that counts and passes every event on."""

    def __init__(self, listen: Listener) -> None:
        self._listen = listen
        self._outcomes: Counter[Outcome] = Counter()
        self._bytes = 0
        self._bills: Counter[str] = Counter()
        self._known_empty = 0

    def __call__(self, event: Event) -> None:
        """Count the event, then pass it on."""
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
        """Return the end report of a run over so many notes, with `shares` only if something was fetched."""
        outcomes = {outcome.value: self._outcomes[outcome] for outcome in Outcome}
        left = notes - sum(outcomes.values())
        told = shares if shares and self._bytes else {}
        bound = max((name for name in told if name != OTHER), key=lambda name: told[name], default="")
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
            shares=told,
            known_empty=self._known_empty,
        )
