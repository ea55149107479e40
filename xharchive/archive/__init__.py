"""The archive: note folders, work folders, pending notes, the lock, and an index over the manifests."""

from xharchive.archive.archive import Archive, ArchivedNote
from xharchive.archive.index_schema import IndexEntry, IndexTotals
from xharchive.archive.index_search import Excerpt, IndexFilter, excerpt, has_tokens
from xharchive.archive.index_sync import ReindexResult
from xharchive.archive.note_folders import NoteFolders
from xharchive.archive.pending import PendingNotes, collect_pending
from xharchive.archive.storage import Commit, NoteStorage, PublishedNote, display_path
from xharchive.archive.workspace import Leftovers, ReplyStore, Workspace

__all__ = [
    "Archive",
    "ArchivedNote",
    "Commit",
    "Excerpt",
    "IndexEntry",
    "IndexFilter",
    "IndexTotals",
    "Leftovers",
    "NoteFolders",
    "NoteStorage",
    "PendingNotes",
    "PublishedNote",
    "ReindexResult",
    "ReplyStore",
    "Workspace",
    "collect_pending",
    "display_path",
    "excerpt",
    "has_tokens",
]
