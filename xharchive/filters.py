"""Which notes are wanted, told by what costs nothing: the time in an id, and what a listing says."""

from dataclasses import dataclass
from datetime import datetime

from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Notes published at `after` or later and before `before`, of one type; None: whatever it is.

    Raises:
        UsageError: no time lies between.
    """

    after: datetime | None = None
    before: datetime | None = None
    kind: NoteType | None = None

    def __post_init__(self) -> None:
        if self.after is not None and self.before is not None and self.after >= self.before:
            raise UsageError("--before must be later than --after: no note is older and newer at once")

    def takes(self, note_id: NoteId, kind: NoteType, published: datetime | None = None) -> bool:
        """Whether a note is wanted; one whose type nobody knows is. Without a time the id's own counts."""
        if self.kind is not None and kind not in (self.kind, NoteType.UNKNOWN):
            return False
        if self.after is None and self.before is None:
            return True
        published = published or note_id.published
        return (self.after is None or published >= self.after) and (
            self.before is None or published < self.before
        )
