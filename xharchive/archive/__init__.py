"""The archive as a folder on disk: note folders, work folders, the list of pending notes, the lock."""

from xharchive.archive.archive_folder import Commit, PosixStore, Published
from xharchive.archive.folder_search import readable
from xharchive.archive.pending_list import PendingList
from xharchive.archive.workspace import Leftovers, Workspace

__all__ = ["Commit", "Leftovers", "PendingList", "PosixStore", "Published", "Workspace", "readable"]
