"""Pictures of one note that are declared as different files and have the same bytes: perhaps all a stand-in.

This is a hint only. It counts where nothing else tells: the reply declares no size, or the file does not fit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xharchive.manifest import DOUBTFUL, FileEntry
from xharchive.media import AssetKind
from xharchive.models import Asset, Slot
from xharchive.run.archive_asset import SAME_BYTES, Part, doubt

__all__ = ["with_hints"]


def with_hints(parts: Mapping[Slot, Part], assets: Sequence[Asset]) -> dict[Slot, Part]:
    """Return the parts of a note, their problems and gaps completed by what files with the same bytes say."""
    sized = {asset.slot for asset in assets if asset.width and asset.height}
    pictures = {
        slot: entry
        for slot, part in parts.items()
        for entry in part.files
        if slot.kind is AssetKind.IMAGE and entry.is_main and entry.is_readable
    }
    same: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in pictures.values():
        same[entry.sha256].append(entry)
    problems = {
        slot: _problem(entry, same[entry.sha256], is_sized=slot in sized) for slot, entry in pictures.items()
    }
    return {slot: _with_problem(part, problems.get(slot)) for slot, part in parts.items()}


def _problem(entry: FileEntry, same: Sequence[FileEntry], *, is_sized: bool) -> str:
    """Return what is wrong with a picture, the hint of an earlier run taken out and today's added."""
    differs = entry.problem.partition(SAME_BYTES)[0].removesuffix("; ")
    # Two places of a note may well show one file.
    twins = [other.path for other in same if other.url_path != entry.url_path]
    hint = SAME_BYTES + ", ".join(twins) if twins and (differs or not is_sized) else ""
    return "; ".join(filter(None, (differs, hint)))


def _with_problem(part: Part, problem: str | None) -> Part:
    main = next((entry for entry in part.files if entry.is_main), None)
    if main is None or problem is None or problem == main.problem:
        return part
    changed = replace(main, problem=problem)
    files = tuple(changed if entry is main else entry for entry in part.files)
    gaps = tuple(gap for gap in part.gaps if gap.reason not in DOUBTFUL)
    return replace(part, files=files, gaps=(*gaps, doubt(changed)) if problem else gaps)
