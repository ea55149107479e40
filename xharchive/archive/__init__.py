"""Where note folders live. A store publishes a note's files and its manifest so that the manifest comes last.

`PosixStore` is the one variant today: a folder on a local disk.
"""

from xharchive.archive.archive_folder import Commit, PosixStore, Published
from xharchive.archive.folder_search import readable
from xharchive.archive.pending_list import Wanted
from xharchive.archive.workspace import Leftovers, Workspace

__all__ = ["Commit", "Leftovers", "PosixStore", "Published", "Wanted", "Workspace", "readable"]
