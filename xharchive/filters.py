"""Filter notes before any call: by the publish time in the id, and by the type in a listing or table."""

from dataclasses import dataclass
from datetime import datetime

from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType

__all__ = ["NoteFilter"]


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Accept notes of one type that were published at `after` or later and before `before`.

    None means no limit.

    Raises:
        UsageError: `before` is not later than `after`.
    """

    after: datetime | None = None
    before: datetime | None = None
    kind: NoteType | None = None

    def __post_init__(self) -> None:
        if self.after is not None and self.before is not None and self.after >= self.before:
            raise UsageError("--before must be later than --after: no note is older and newer at once")

    def accepts(self, note_id: NoteId, kind: NoteType, published: datetime | None = None) -> bool:
        """Whether the note passes the filter.

        Args:
            note_id: the note.
            kind: its type; an unknown type passes.
            published: its publish time; the time in the id if None.
        """
        if self.kind is not None and kind not in (self.kind, NoteType.UNKNOWN):
            return False
        if self.after is None and self.before is None:
            return True
        published = published or note_id.published
        return (self.after is None or published >= self.after) and (
            self.before is None or published < self.before
        )
