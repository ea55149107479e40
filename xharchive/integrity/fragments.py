"""Movie fragments (ISO/IEC 14496-12 8.8): samples that `moof` boxes list, not the movie's tables."""

from collections.abc import Collection

from xharchive.integrity.boxes import Box, children, only
from xharchive.integrity.reader import Source, number

__all__ = ["tracks_with_samples"]

# The first fragments of a film have samples of all its tracks; reading thousands more would be slow.
_MOST_FRAGMENTS = 1_000


def tracks_with_samples(source: Source, boxes: list[Box], wanted: Collection[int]) -> set[int]:
    """Return those of the wanted track ids for which a fragment among these top boxes lists samples.

    Raises:
        Broken: a fragment does not hold together.
    """
    found: set[int] = set()
    for box in [box for box in boxes if box.kind == b"moof"][:_MOST_FRAGMENTS]:
        if found.issuperset(wanted):
            break
        found |= _listed(source, box.held(source)).intersection(wanted)
    return found


def _listed(source: Source, fragment: bytes) -> set[int]:
    """Return the ids of the tracks for which one fragment lists samples."""
    found: set[int] = set()
    for track in children(source, fragment):
        header = only(source, fragment, b"tfhd", track) if track.kind == b"traf" else None
        if header is None:
            continue
        runs = (box for box in children(source, fragment, track.start, track.end) if box.kind == b"trun")
        if any(number(fragment, run.start + 4, 4) for run in runs):
            found.add(number(fragment, header.start + 4, 4))
    return found
