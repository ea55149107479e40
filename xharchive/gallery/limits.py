"""Limits how much of a manifest a page shows. Manifests of real notes stay below the limits.

A received archive may have manifests of many megabytes. The manifest stays complete; the page says what it
omits.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from xharchive.manifest import FileEntry, Manifest, MissingAsset

LONGEST_TEXT = 100_000
MOST_TAGS = 500
"""Limit of tags, and of mentions."""
MOST_FILES = 1_000
"""Limit of files, and of missing assets. Notes of this program have at most about 500."""

_Entry = TypeVar("_Entry", FileEntry, MissingAsset)
_LONGEST_NAME = 1_000
_MOST_REMARKS = 50
_TEXTS = {"title": _LONGEST_NAME, "text": LONGEST_TEXT, "place": _LONGEST_NAME}
_LISTS = ("tags", "mentions")


def limit_manifest(manifest: Manifest) -> tuple[Manifest, tuple[str, ...]]:
    """Return the part of a manifest that a page shows, and remarks: its own, and one for each cut."""
    note, remarks = limit_metadata(manifest.note)
    for name, entries in (("files", manifest.files), ("missing", manifest.gaps)):
        if len(entries) > MOST_FILES:
            remarks.append(_cut_remark(name, MOST_FILES, len(entries)))
    files = tuple(
        _limit_texts(replace(entry, lost=tuple(map(_limit_text, entry.lost[:_MOST_REMARKS]))))
        for entry in manifest.files[:MOST_FILES]
    )
    gaps = tuple(_limit_texts(gap) for gap in manifest.gaps[:MOST_FILES])
    return replace(manifest, note=note, files=files, gaps=gaps), tuple(remarks)


def _limit_texts(entry: _Entry) -> _Entry:
    """Cut the texts of an entry and of its slot. No file system allows a path longer than the limit."""
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    texts: dict[str, Any] = {name: _limit_text(text) for name, text in values.items() if type(text) is str}
    return replace(entry, **texts, slot=replace(entry.slot, label=_limit_text(entry.slot.label)))


def limit_metadata(note: Mapping[str, object]) -> tuple[Mapping[str, object], list[str]]:
    """Return the part of a note's metadata that a page shows, and remarks."""
    recorded = note.get("remarks")
    listed = recorded[:_MOST_REMARKS] if isinstance(recorded, list) else []
    remarks = [_limit_text(remark) for remark in listed if isinstance(remark, str)]
    changed: dict[str, object] = {}
    for name, most in _TEXTS.items():
        text = note.get(name)
        if isinstance(text, str) and len(text) > most:
            changed[name] = text[:most] + "…"
            remarks.append(_cut_remark(f"{name}, characters", most, len(text)))
    for name in _LISTS:
        items = note.get(name)
        if isinstance(items, list):
            changed[name] = [_limit_item(item) for item in items[:MOST_TAGS]]
            if len(items) > MOST_TAGS:
                remarks.append(_cut_remark(name, MOST_TAGS, len(items)))
    changed["author"] = _limit_item(note.get("author"))
    return {**note, **changed}, remarks


def _limit_item(item: object) -> object:
    """Cut a tag, or the id and name of a user."""
    if isinstance(item, dict):
        return {key: _limit_item(item[key]) for key in ("id", "name") if key in item}
    return _limit_text(item) if isinstance(item, str) else None


def _limit_text(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"


def _cut_remark(what: str, shown: int, total: int) -> str:
    return f"{what}: the first {shown:,} of {total:,} are shown; manifest.json has all"
