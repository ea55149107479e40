"""The archive: note folders, work folders, pending notes, the lock, and an index over the manifests."""

from xharchive.archive.archive import ArchivedNote, ArchivedNotes, UnchangedBatch, open_archived_notes
from xharchive.archive.folder_search import display_path
from xharchive.archive.index import open_index
from xharchive.archive.index_rows import IndexTotals
from xharchive.archive.index_sync import ReindexResult, reindex
from xharchive.archive.note_folders import ArchiveFolder, Commit, PublishedNote
from xharchive.archive.pending import PendingNotes, pending
from xharchive.archive.pending_list import PendingList
from xharchive.archive.queries import IndexEntry, IndexFilter
from xharchive.archive.reply_store import ReplyStore
from xharchive.archive.tokenizer import Excerpt, excerpt, has_tokens
from xharchive.archive.workspace import Leftovers, Workspace

__all__ = [
    "ArchiveFolder",
    "ArchivedNote",
    "ArchivedNotes",
    "Commit",
    "Excerpt",
    "IndexEntry",
    "IndexFilter",
    "IndexTotals",
    "Leftovers",
    "PendingList",
    "PendingNotes",
    "PublishedNote",
    "ReindexResult",
    "ReplyStore",
    "UnchangedBatch",
    "Workspace",
    "display_path",
    "excerpt",
    "has_tokens",
    "open_archived_notes",
    "open_index",
    "pending",
    "reindex",
]
