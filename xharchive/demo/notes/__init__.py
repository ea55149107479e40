"""The demo's notes: the three of the vendor's documentation, and one for each peculiarity worth showing."""

from xharchive.demo.notes.lives import LIVE_NOTES
from xharchive.demo.notes.oddities import ODD_NOTES
from xharchive.demo.notes.seeds import SEED_NOTES
from xharchive.demo.notes.stills import STILL_NOTES
from xharchive.demo.notes.videos import VIDEO_NOTES

__all__ = ["ALL_NOTES"]

ALL_NOTES = (*SEED_NOTES, *STILL_NOTES, *LIVE_NOTES, *VIDEO_NOTES, *ODD_NOTES)
