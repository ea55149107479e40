"""The demo's notes: three from the vendor's documentation, and one for each special case."""

from xharchive.demo.notes.edge_cases import ODD_NOTES
from xharchive.demo.notes.live_photos import LIVE_NOTES
from xharchive.demo.notes.samples import SEED_NOTES
from xharchive.demo.notes.still_images import STILL_NOTES
from xharchive.demo.notes.video_notes import VIDEO_NOTES

__all__ = ["ALL_NOTES"]

ALL_NOTES = (*SEED_NOTES, *STILL_NOTES, *LIVE_NOTES, *VIDEO_NOTES, *ODD_NOTES)
