"""How much of a manifest a page shows: all of an honest one, and a bounded part of any other.

An archive that somebody hands on may hold manifests of many megabytes. The manifest keeps what it has; the
page says what it leaves out.
"""

from collections.abc import Mapping
from dataclasses import replace

from xharchive.manifest import FileEntry, Manifest, MissingAsset
from xharchive.models import Slot

__all__ = ["LONGEST_TEXT", "MOST_FILES", "MOST_TAGS", "shown_note", "shown_part"]

LONGEST_TEXT = 100_000
MOST_TAGS = 500
"""Tags, and mentions."""
MOST_FILES = 1_000
"""Files, and missing assets. A note of this program has at most some five hundred."""

_LONGEST_NAME = 1_000
_MOST_REMARKS = 50
_TEXTS = {"title": _LONGEST_NAME, "text": LONGEST_TEXT, "place": _LONGEST_NAME}
_LISTS = ("tags", "mentions")


def shown_part(manifest: Manifest) -> tuple[Manifest, tuple[str, ...]]:
    """Return the manifest with as much as a page shows, and remarks: its own, and one on each cut."""
    note, remarks = shown_note(manifest.note)
    for name, entries in (("files", manifest.files), ("missing", manifest.gaps)):
        if len(entries) > MOST_FILES:
            remarks.append(_cut(name, MOST_FILES, len(entries)))
    files = tuple(map(_shown_file, manifest.files[:MOST_FILES]))
    gaps = tuple(map(_shown_gap, manifest.gaps[:MOST_FILES]))
    return replace(manifest, note=note, files=files, gaps=gaps), tuple(remarks)


def _shown_file(entry: FileEntry) -> FileEntry:
    """Return a file with short texts. A path that is cut leads nowhere, but no disk has one that long."""
    return replace(
        entry,
        slot=_shown_slot(entry.slot),
        lost=tuple(map(_name, entry.lost[:_MOST_REMARKS])),
        path=_name(entry.path),
        sha256=_name(entry.sha256),
        media_type=_name(entry.media_type),
        host=_name(entry.host),
        url_path=_name(entry.url_path),
        endpoint=_name(entry.endpoint),
        problem=_name(entry.problem),
        derived_from=_name(entry.derived_from),
        stands_for=_name(entry.stands_for),
        tool=_name(entry.tool),
        settings=_name(entry.settings),
    )


def _shown_slot(slot: Slot) -> Slot:
    return replace(slot, label=_name(slot.label))


def _shown_gap(gap: MissingAsset) -> MissingAsset:
    return replace(gap, reason=_name(gap.reason), detail=_name(gap.detail), slot=_shown_slot(gap.slot))


def shown_note(note: Mapping[str, object]) -> tuple[Mapping[str, object], list[str]]:
    """Return a note's metadata as `shown_part` does."""
    recorded = note.get("remarks")
    listed = recorded[:_MOST_REMARKS] if isinstance(recorded, list) else []
    remarks = [_name(remark) for remark in listed if isinstance(remark, str)]
    changed: dict[str, object] = {}
    for name, most in _TEXTS.items():
        text = note.get(name)
        if isinstance(text, str) and len(text) > most:
            changed[name] = text[:most] + "…"
            remarks.append(_cut(f"{name}, characters", most, len(text)))
    for name in _LISTS:
        items = note.get(name)
        if isinstance(items, list):
            changed[name] = [_shown_item(item) for item in items[:MOST_TAGS]]
            if len(items) > MOST_TAGS:
                remarks.append(_cut(name, MOST_TAGS, len(items)))
    changed["author"] = _shown_item(note.get("author"))
    return {**note, **changed}, remarks


def _shown_item(item: object) -> object:
    """Return a tag, or a person with names."""
    if isinstance(item, dict):
        return {key: _shown_item(item[key]) for key in ("id", "name") if key in item}
    return _name(item) if isinstance(item, str) else None


def _name(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"


def _cut(what: str, shown: int, there: int) -> str:
    return f"{what}: the first {shown:,} of {there:,} are shown; manifest.json has all"
