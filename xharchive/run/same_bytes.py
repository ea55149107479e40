"""Mark pictures of one note that have the same bytes: all of them may be a placeholder of the platform.

This is a weak hint. It counts only if the reply declares no size in pixels, or if the file differs from it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xharchive.manifest import DOUBTFUL_REASONS, FileEntry
from xharchive.media import AssetKind
from xharchive.models import Asset, Slot
from xharchive.run.archive_asset import SAME_BYTES_AS, AssetOutcome, doubtful_as_missing


def with_same_bytes_hints(
    outcomes: Mapping[Slot, AssetOutcome], assets: Sequence[Asset]
) -> dict[Slot, AssetOutcome]:
    """Return the outcomes of a note, with a problem and a missing asset for each suspicious picture."""
    sized = {asset.slot for asset in assets if asset.width and asset.height}
    pictures = {
        slot: entry
        for slot, outcome in outcomes.items()
        for entry in outcome.files
        if slot.kind is AssetKind.IMAGE and entry.is_main and entry.is_readable
    }
    same: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in pictures.values():
        same[entry.sha256].append(entry)
    problems = {
        slot: _problem(entry, same[entry.sha256], is_sized=slot in sized) for slot, entry in pictures.items()
    }
    return {slot: _with_problem(outcome, problems.get(slot)) for slot, outcome in outcomes.items()}


def _problem(entry: FileEntry, same: Sequence[FileEntry], *, is_sized: bool) -> str:
    """Return the problem of a picture, with the hint of this run instead of that of an earlier one."""
    problem = entry.problem.partition(SAME_BYTES_AS)[0].removesuffix("; ")
    # Two slots of a note may declare one file.
    twins = [other.path for other in same if other.url_path != entry.url_path]
    hint = SAME_BYTES_AS + ", ".join(twins) if twins and (problem or not is_sized) else ""
    return "; ".join(filter(None, (problem, hint)))


def _with_problem(outcome: AssetOutcome, problem: str | None) -> AssetOutcome:
    main_file = next((entry for entry in outcome.files if entry.is_main), None)
    if main_file is None or problem is None or problem == main_file.problem:
        return outcome
    changed = replace(main_file, problem=problem)
    files = tuple(changed if entry is main_file else entry for entry in outcome.files)
    missing = tuple(gap for gap in outcome.missing if gap.reason not in DOUBTFUL_REASONS)
    if problem:
        missing += (doubtful_as_missing(changed),)
    return replace(outcome, files=files, missing=missing)
