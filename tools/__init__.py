"""Programs for those who work on xharchive; no part of the package."""
