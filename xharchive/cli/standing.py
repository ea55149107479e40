"""The archive that a verb works on must stand already. Apart, because most such verbs need no network."""

from pathlib import Path

from xharchive.errors import UsageError
from xharchive.stores import PosixStore

__all__ = ["existing_store"]


def existing_store(root: Path) -> PosixStore:
    """Return the archive in a folder.

    Raises:
        UsageError: there is none.
    """
    store = PosixStore(root)
    if not store.exists:
        raise UsageError(f"there is no archive in {root}; name its folder with -d, or begin one with `get`")
    return store
