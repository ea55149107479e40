"""What a run tells whoever listens, as frozen values; text and JSON are two printers of this one stream.

Texts in events are for people and already free of secrets; ids, kinds and reasons are stable words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

__all__ = [
    "AssetArchived",
    "Call",
    "CandidateRefused",
    "Event",
    "GalleryRefreshed",
    "Gapped",
    "Listener",
    "NoteFinished",
    "NoteResolved",
    "NotesUnchanged",
    "Outcome",
    "Progressed",
    "RunFinished",
    "RunPlanned",
    "RunStarted",
    "Warned",
    "as_json",
    "ignore",
]


class Outcome(StrEnum):
    """How a note ended in this run."""

    ARCHIVED = "archived"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The input is read and valid: `notes` distinct ids will be looked at."""

    notes: int
    archive: str


@dataclass(frozen=True, slots=True)
class GalleryRefreshed(Event):
    """The gallery is up to date: the notes it shows, the pages and small pictures that were written."""

    notes: int
    pages: int
    pictures: int
    index: str


@dataclass(frozen=True, slots=True)
class RunPlanned(Event):
    """What a run would do, found out without asking anybody.

    Of `notes`, `settled` need nothing, `paid` only media, `held_back` a decision about a call that was cut
    off. All others together need at least `calls` API calls, at most `most_calls`; retries come on top.
    `links` are short links that nobody followed yet; they are not among the notes.
    """

    notes: int
    settled: int
    paid: int
    held_back: int
    calls: int
    most_calls: int
    links: int = 0


@dataclass(frozen=True, slots=True)
class Call(Event):
    """One API call came back (or did not): `code` is the vendor's, None if there was no readable answer.

    `billed` is "yes", "no" or "unknown".
    """

    note: str
    endpoint: str
    reason: str
    code: int | None
    billed: str


@dataclass(frozen=True, slots=True)
class NoteResolved(Event):
    """A note is known: it declares `assets`; `waiting` of them must be fetched (`bytes`: as declared)."""

    note: str
    title: str
    assets: int
    waiting: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Progressed(Event):
    """`bytes` more media bytes arrived and are on disk."""

    bytes: int


@dataclass(frozen=True, slots=True)
class CandidateRefused(Event):
    """A URL did not give the asset; `reason` is a stable word, `detail` a sentence."""

    note: str
    asset: str
    host: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AssetArchived(Event):
    """An asset's bytes are verified."""

    note: str
    asset: str
    file: str
    bytes: int
    quality: str
    host: str


@dataclass(frozen=True, slots=True)
class Gapped(Event):
    """A declared asset, or a derivative, could not be made."""

    note: str
    asset: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class NoteFinished(Event):
    """A note's end in this run; `folder` is relative to the archive, "" if there is none.

    `known`: the outcome is that of an earlier run, and no API call was made.
    """

    note: str
    title: str
    outcome: Outcome
    folder: str
    files: int
    gaps: int
    detail: str = ""
    known: bool = False


@dataclass(frozen=True, slots=True)
class NotesUnchanged(Event):
    """So many `notes` were there whole; in place of an end for each, where nobody looks at those."""

    notes: int


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know that stops nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The end report: notes by outcome, media bytes fetched, API calls and their bills.

    Of the `calls` some are `billed`, some `perhaps_billed` (they were sent, and no reply tells), and some are
    `free`: the API says so, or they never left this machine. `left` notes were not begun, or asked for while
    the API did not reply to any. `held_back` ones wait for a decision: a call for them was cut off and may
    have been billed. `stopped` says why the run ended early, "" if it did not. `bound_by` is what it waited
    for most: "api", "network", "cpu" or "disk"; `shares` are the parts of its time for each, and for "other";
    both are empty if nothing was fetched. `known_empty` of the empty notes
    were found empty by an earlier run.
    """

    notes: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    calls: int = 0
    billed: int = 0
    left: int = 0
    stopped: str = ""
    held_back: int = 0
    bound_by: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)
    perhaps_billed: int = 0
    free: int = 0
    known_empty: int = 0


Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """The default listener: does nothing."""


def as_json(event: Event) -> dict[str, object]:
    """Return the event as a JSON object: its `event` name in snake case, then its fields."""
    name = "".join("_" + char.lower() if char.isupper() else char for char in type(event).__name__)
    values = {item.name: getattr(event, item.name) for item in fields(event)}
    return {"event": name.lstrip("_"), **values}
