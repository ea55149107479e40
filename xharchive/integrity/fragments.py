"""Read movie fragments (ISO/IEC 14496-12 8.8): `moof` boxes list their samples, the movie's tables do not."""

from collections.abc import Collection

from xharchive.integrity.boxes import Box, child_boxes, first_child
from xharchive.integrity.reader import FileReader, read_uint

__all__ = ["tracks_with_samples"]

# The first fragments of a video have samples of all its tracks. Reading thousands more is slow.
_MAX_FRAGMENTS = 1_000


def tracks_with_samples(reader: FileReader, boxes: list[Box], track_ids: Collection[int]) -> set[int]:
    """Return the track ids, of those given, for which a fragment lists samples.

    Args:
        reader: the file.
        boxes: its top-level boxes.
        track_ids: the tracks to look for.

    Raises:
        StructureError: a fragment is damaged.
    """
    found: set[int] = set()
    for box in [box for box in boxes if box.kind == b"moof"][:_MAX_FRAGMENTS]:
        if found.issuperset(track_ids):
            break
        found |= _track_ids_with_samples(reader, box.payload(reader)).intersection(track_ids)
    return found


def _track_ids_with_samples(reader: FileReader, fragment: bytes) -> set[int]:
    """Return the ids of the tracks for which one fragment lists samples."""
    found: set[int] = set()
    for track in child_boxes(reader, fragment):
        header = first_child(reader, fragment, b"tfhd", track) if track.kind == b"traf" else None
        if header is None:
            continue
        runs = (box for box in child_boxes(reader, fragment, track.start, track.end) if box.kind == b"trun")
        if any(read_uint(fragment, run.start + 4, 4) for run in runs):
            found.add(read_uint(fragment, header.start + 4, 4))
    return found
