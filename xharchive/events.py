"""The events of a run, as frozen values. The console and `--json` print the same stream of them.

Fields are a public format: a script reads them. Ids, kinds and reasons are stable words; other texts are
sentences for people. No text holds a secret.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum


class Outcome(StrEnum):
    """How a note ended in this run."""

    ARCHIVED = "archived"
    UNCHANGED = "unchanged"
    PARTIAL = "partial"
    EMPTY = "empty"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run. Notes are named by id, assets by slot."""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The input is read and valid, and names `notes` distinct notes."""

    notes: int
    archive: str


@dataclass(frozen=True, slots=True)
class GalleryRefreshed(Event):
    """The gallery is up to date. It shows `notes`; `pages` and `pictures` (thumbnails) were written."""

    notes: int
    pages: int
    pictures: int
    index: str


@dataclass(frozen=True, slots=True)
class RunPlanned(Event):
    """The plan of a run, made without a request.

    Of `notes`, `settled` need nothing, `paid` need media only, and `held_back` need a decision about an
    interrupted call. The others together need between `calls` and `most_calls` API calls, without retries.
    `links` counts short links with unknown targets; `notes` does not include them.
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
    """One API call ended, with a reply or without.

    `code` is the vendor's code, None without a readable reply. `billed` is "yes", "no" or "unknown".
    """

    note: str
    endpoint: str
    reason: str
    code: int | None
    billed: str


@dataclass(frozen=True, slots=True)
class NoteResolved(Event):
    """A reply has the note. It declares `assets`; `waiting` of them must be fetched.

    `bytes` is the sum of the sizes that the first candidates of the waiting assets declare.
    """

    note: str
    title: str
    assets: int
    waiting: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Progressed(Event):
    """`bytes` more media bytes arrived and are written."""

    bytes: int


@dataclass(frozen=True, slots=True)
class CandidateRefused(Event):
    """A candidate did not give the asset. `reason` is a stable word, `detail` a sentence."""

    note: str
    asset: str
    host: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AssetArchived(Event):
    """The original of an asset is downloaded and verified."""

    note: str
    asset: str
    file: str
    bytes: int
    quality: str
    host: str


@dataclass(frozen=True, slots=True)
class AssetMissing(Event):
    """An asset could not be archived, or its derivative could not be made."""

    note: str
    asset: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class NoteFinished(Event):
    """A note ended in this run. `folder` is relative to the archive, "" without one.

    `files` counts originals, `gaps` missing assets. `known`: an earlier run had this outcome, and this run
    made no call for the note.
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
    """`notes` unchanged notes in one event, instead of a `NoteFinished` for each."""

    notes: int


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something that the user should know. The run continues."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """The report at the end of a run.

    - `notes`: the number of notes by outcome; `known_empty` of them an earlier run found empty.
    - `bytes`: downloaded media bytes.
    - `calls`: API calls: the sum of `billed`, `free` (not billed by the API, or never sent) and
      `perhaps_billed` (sent, without a reply that says whether).
    - `left`: notes that the run did not begin, or called the API for while it replied to no call.
    - `held_back`: notes that need a decision: an interrupted call for them may have been billed.
    - `stopped`: the reason why the run ended early, "" if it did not.
    - `bound_by`, `shares`: the bottleneck ("api", "network", "cpu" or "disk"), and the part of the run's time
      (0 to 1) by bottleneck and for "other"; both empty if nothing was fetched.
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
    """Do nothing: the default listener."""


def as_json(event: Event) -> dict[str, object]:
    """Return the event as a JSON object: its name (`event`, in snake case), then its fields."""
    # Scripts know `AssetMissing` by its first name.
    kind = "Gapped" if isinstance(event, AssetMissing) else type(event).__name__
    name = "".join("_" + char.lower() if char.isupper() else char for char in kind).lstrip("_")
    return {"event": name, **{item.name: getattr(event, item.name) for item in fields(event)}}
