"""Merges the replies about one note, and tells whether a further endpoint is needed.

Part of step 3 of docs/architecture.md#the-way-of-a-note.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Counts, Note, NoteType, Quality, Slot
from xharchive.parsers.note_fields import sort_assets
from xharchive.parsers.video_assets import MOST_SOURCES, deduplicate

_STILLS = frozenset({AssetKind.IMAGE, AssetKind.COVER})
_NUMBERED = frozenset({AssetKind.IMAGE, AssetKind.LIVE})
_PICTURES = _STILLS | _NUMBERED

_Record = TypeVar("_Record", Note, Author, Counts)


def merge(first: Note, later: Note) -> Note:
    """Fill what the first reply lacks from a later reply about the same note.

    A slot without sources in the first reply comes from the later one. A slot in both gets the sources of
    both, those of the first before those of the later. If the two show different images at one position, the
    author edited the note in between. Then only the images and motions of the first count: a mix would pair
    a still with the motion of another image.

    Raises:
        ValueError: the notes have different ids.
    """
    if first.id != later.id:
        raise ValueError(f"two different notes cannot be merged: {first.id} and {later.id}")
    kinds = (first.type, later.type)
    kind = next((each for each in (NoteType.VIDEO, NoteType.IMAGE) if each in kinds), NoteType.UNKNOWN)
    assets = {asset.slot: asset for asset in _assets_for_type(kind, first)}
    added = _assets_for_type(kind, later)
    same_images = not any(
        asset.slot.kind in _STILLS
        and asset.slot in assets
        and _show_different_images(assets[asset.slot], asset)
        for asset in added
    )
    for asset in added:
        if same_images or asset.slot.kind not in _PICTURES:
            known = assets.get(asset.slot)
            assets[asset.slot] = _merge_assets(known, asset) if known and known.sources else asset
    return replace(
        _filled(first, later),
        type=kind,
        replies=first.replies + later.replies,
        author=_filled(first.author, later.author),
        counts=_filled(first.counts, later.counts),
        motion_known=first.motion_known or (later.motion_known and same_images),
        assets=sort_assets(assets.values()),
        remarks=tuple(dict.fromkeys((*first.remarks, *later.remarks))),
    )


def _filled(first: _Record, later: _Record) -> _Record:
    """Return a record with its blank fields taken from another."""
    names = [field.name for field in fields(first)]
    return replace(
        first, **{name: getattr(later, name) for name in names if getattr(first, name) in (None, "", (), {})}
    )


def _assets_for_type(kind: NoteType, note: Note) -> Sequence[Asset]:
    """Return the assets; the single image of a video note becomes its cover."""
    stills = [asset.slot for asset in note.assets if asset.slot.kind in _STILLS]
    if kind is NoteType.VIDEO and stills == [Slot(AssetKind.IMAGE, 1)]:
        moved = {stills[0]: Slot(AssetKind.COVER), Slot(AssetKind.LIVE, 1): Slot(AssetKind.LIVE)}
        return [replace(asset, slot=moved.get(asset.slot, asset.slot)) for asset in note.assets]
    return note.assets


def _merge_assets(first: Asset, later: Asset) -> Asset:
    return replace(
        first,
        sources=deduplicate((*first.sources, *later.sources))[:MOST_SOURCES],
        width=first.width or later.width,
        height=first.height or later.height,
        duration_ms=first.duration_ms or later.duration_ms,
    )


def _storage_names(asset: Asset) -> set[str]:
    """Return the names that identify an image. DEGRADED sources do not count: a video frame is no cover."""
    sources = [source for source in asset.sources if source.quality is not Quality.DEGRADED]
    paths = [source.key or source.url.partition("?")[0] for source in sources]
    return {path.rpartition("/")[2].partition("!")[0] for path in paths}


def _show_different_images(first: Asset, later: Asset) -> bool:
    names, others = _storage_names(first), _storage_names(later)
    return bool(names and others) and names.isdisjoint(others)


def with_fresh_urls(old: Note, new: Note) -> Note:
    """Put the URLs of a newer reply of the same endpoint into the note of an old reply.

    Each old asset keeps its slot, also if the author removed, added or moved images in between. It keeps its
    old sources if the newer reply has none for it. Images are matched by storage name, never by position. New
    assets get new positions at the end.
    """
    assets = {asset.slot: asset for asset in old.assets}
    positions = _positions_in_old_note(old.assets, new.assets)
    for asset in new.assets:
        slot = asset.slot
        if slot.kind in _NUMBERED:
            if slot.position not in positions:
                continue
            slot = replace(slot, position=positions[slot.position])
        before = assets.get(slot)
        if before is None:
            assets[slot] = replace(asset, slot=slot)
        elif asset.sources and not (slot.kind is AssetKind.COVER and _show_different_images(before, asset)):
            assets[slot] = replace(before, sources=asset.sources)
    return replace(old, assets=sort_assets(assets.values()))


def _positions_in_old_note(old: Iterable[Asset], new: Iterable[Asset]) -> dict[int, int]:
    """Map image positions of the newer reply to those of the old note; new images come last."""
    before = [asset for asset in old if asset.slot.kind is AssetKind.IMAGE]
    after = [asset for asset in new if asset.slot.kind is AssetKind.IMAGE]
    positions: dict[int, int] = {}
    for asset in after:
        names = _storage_names(asset)
        same = [image.slot.position for image in before if not _storage_names(image).isdisjoint(names)]
        if free := [position for position in same if position not in positions.values()]:
            positions[asset.slot.position] = free[0]
    if not positions and len(before) == len(after) and not (_have_keys(before) and _have_keys(after)):
        # No storage name proves a change: assume that there was none.
        return {asset.slot.position: asset.slot.position for asset in after}
    last = max((asset.slot.position for asset in before), default=0)
    for asset in after:
        if asset.slot.position not in positions:
            last += 1
            positions[asset.slot.position] = last
    return positions


def _have_keys(assets: Iterable[Asset]) -> bool:
    return any(source.key for asset in assets for source in asset.sources)


def is_sufficient(note: Note) -> bool:
    """Whether the note declares all that its type promises, so that no further call is needed.

    An image note needs an image with sources, and an endpoint that declares motions. A video note needs a
    video with sources, and sources for its cover or images if it has any. A note of unknown type needs an
    image or a video.
    """
    available = {asset.slot.kind for asset in note.assets if asset.sources}
    if note.type is NoteType.IMAGE:
        return AssetKind.IMAGE in available and note.motion_known
    if note.type is NoteType.VIDEO:
        has_stills = any(asset.slot.kind in _STILLS for asset in note.assets)
        return AssetKind.VIDEO in available and (not has_stills or bool(available & _STILLS))
    return bool(available & {AssetKind.IMAGE, AssetKind.VIDEO})


def missing_slots(note: Note) -> tuple[Slot, ...]:
    """Return the slots without sources, and the video slot of a video note that declares no video."""
    slots = tuple(asset.slot for asset in note.assets if not asset.sources)
    video = Slot(AssetKind.VIDEO)
    if note.type is NoteType.VIDEO and all(asset.slot != video for asset in note.assets):
        return (video, *slots)
    return slots
