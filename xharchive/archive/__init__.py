"""The archive as a folder on disk: note folders, work folders, the list of pending notes, the lock."""

from xharchive.archive.archive_folder import ArchiveFolder, Commit, PublishedNote
from xharchive.archive.folder_search import display_path
from xharchive.archive.pending_list import PendingList
from xharchive.archive.workspace import Leftovers, Workspace

__all__ = [
    "ArchiveFolder",
    "Commit",
    "Leftovers",
    "PendingList",
    "PublishedNote",
    "Workspace",
    "display_path",
]
