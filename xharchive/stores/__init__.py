"""Where note folders live. A store publishes a note's files and its manifest so that the manifest comes last.

`PosixStore` is the one variant today: a folder on a local disk.
"""

from xharchive.stores.folders import readable
from xharchive.stores.posix import Commit, PosixStore, Published
from xharchive.stores.wanted import Wanted
from xharchive.stores.workspace import Leftovers, Workspace

__all__ = ["Commit", "Leftovers", "PosixStore", "Published", "Wanted", "Workspace", "readable"]
