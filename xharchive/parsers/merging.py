"""Merges the replies about one note, and tells whether a further endpoint is needed.

Part of step 3 of docs/architecture.md#the-way-of-a-note.
"""

from collections.abc import Iterable
from dataclasses import fields, replace

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Counts, Note, NoteType, Quality, Slot
from xharchive.parsers.note_fields import sort_assets
from xharchive.parsers.streams import MOST_SOURCES, deduplicate

_STILLS = frozenset({AssetKind.IMAGE, AssetKind.COVER})
_IMAGES = _STILLS | {AssetKind.LIVE}


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
    kind = _merged_type(first, later)
    first_assets, later_assets = _assets_for_type(kind, first), _assets_for_type(kind, later)
    same_images = _show_same_images(first_assets, later_assets)
    if not same_images:
        later_assets = [asset for asset in later_assets if asset.slot.kind not in _IMAGES]
    return replace(
        first,
        type=kind,
        replies=first.replies + later.replies,
        title=first.title or later.title,
        text=first.text or later.text,
        author=_fill_author(first.author, later.author),
        tags=first.tags or later.tags,
        mentions=first.mentions or later.mentions,
        counts=_fill_counts(first.counts, later.counts),
        place=first.place or later.place,
        language=first.language or later.language,
        published=first.published or later.published,
        updated=first.updated or later.updated,
        switches=first.switches or later.switches,
        save_config=first.save_config or later.save_config,
        motion_known=first.motion_known or (later.motion_known and same_images),
        assets=_fill_assets(first_assets, later_assets),
        remarks=tuple(dict.fromkeys((*first.remarks, *later.remarks))),
    )


def with_fresh_urls(old: Note, new: Note) -> Note:
    """Put the URLs of a newer reply of the same endpoint into the note of an old reply.

    Each old asset keeps its slot, also if the author removed, added or moved images in between. It keeps its
    old sources if the newer reply has none for it. Images are matched by storage name, never by position. New
    assets get new positions at the end.
    """
    old_slots = _slots_in_old_note(old, new)
    taken = {asset.slot for asset in old.assets}
    fresh = {old_slots[asset.slot]: asset for asset in new.assets if asset.slot in old_slots}
    kept = [
        replace(asset, sources=fresh[asset.slot].sources)
        if asset.slot in fresh and fresh[asset.slot].sources
        else asset
        for asset in old.assets
    ]
    added = [replace(asset, slot=slot) for slot, asset in fresh.items() if slot not in taken]
    return replace(old, assets=sort_assets((*kept, *added)))


def _slots_in_old_note(old: Note, new: Note) -> dict[Slot, Slot]:
    """Map the slots of the newer reply to slots of the old note; leave out assets that match none."""
    positions = _positions_in_old_note(old, new)
    old_assets = {asset.slot: asset for asset in old.assets}
    slots: dict[Slot, Slot] = {}
    for asset in new.assets:
        slot = asset.slot
        if slot.kind in (AssetKind.IMAGE, AssetKind.LIVE) and slot.position in positions:
            slots[slot] = replace(slot, position=positions[slot.position])
        elif slot.kind not in (AssetKind.IMAGE, AssetKind.LIVE):
            before = old_assets.get(slot)
            is_cover = slot.kind is AssetKind.COVER
            if before is None or not is_cover or not _show_different_images(before, asset):
                slots[slot] = slot
    return slots


def _positions_in_old_note(old: Note, new: Note) -> dict[int, int]:
    """Map image positions of the newer reply to those of the old note; new images come last."""
    before = [asset for asset in old.assets if asset.slot.kind is AssetKind.IMAGE]
    after = [asset for asset in new.assets if asset.slot.kind is AssetKind.IMAGE]
    positions: dict[int, int] = {}
    for asset in after:
        names = _storage_names(asset)
        same = (image.slot.position for image in before if not _storage_names(image).isdisjoint(names))
        found = next((position for position in same if position not in positions.values()), None)
        if found is not None:
            positions[asset.slot.position] = found
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


def _show_different_images(first: Asset, later: Asset) -> bool:
    names, others = _storage_names(first), _storage_names(later)
    return bool(names and others) and names.isdisjoint(others)


def _merged_type(first: Note, later: Note) -> NoteType:
    kinds = (first.type, later.type)
    if NoteType.VIDEO in kinds:
        return NoteType.VIDEO
    return NoteType.IMAGE if NoteType.IMAGE in kinds else NoteType.UNKNOWN


def _assets_for_type(kind: NoteType, note: Note) -> list[Asset]:
    """Return the assets; the single image of a video note becomes its cover."""
    stills = [asset.slot for asset in note.assets if asset.slot.kind in _STILLS]
    if kind is NoteType.VIDEO and stills == [Slot(AssetKind.IMAGE, 1)]:
        moved = {stills[0]: Slot(AssetKind.COVER), Slot(AssetKind.LIVE, 1): Slot(AssetKind.LIVE)}
        return [replace(asset, slot=moved.get(asset.slot, asset.slot)) for asset in note.assets]
    return list(note.assets)


def _show_same_images(first: Iterable[Asset], later: Iterable[Asset]) -> bool:
    known = {asset.slot: _storage_names(asset) for asset in first if asset.slot.kind in _STILLS}
    for asset in later:
        names, others = known.get(asset.slot), _storage_names(asset)
        if names and others and names.isdisjoint(others):
            return False
    return True


def _storage_names(asset: Asset) -> set[str]:
    """Return the names that identify an image. DEGRADED sources do not count: a video frame is no cover."""
    paths = (
        source.key or source.url.partition("?")[0]
        for source in asset.sources
        if source.quality is not Quality.DEGRADED
    )
    return {path.rpartition("/")[2].partition("!")[0] for path in paths}


def _fill_assets(first: Iterable[Asset], later: Iterable[Asset]) -> tuple[Asset, ...]:
    filled = {asset.slot: asset for asset in first}
    for asset in later:
        known = filled.get(asset.slot)
        filled[asset.slot] = _fill_asset(known, asset) if known and known.sources else asset
    return sort_assets(filled.values())


def _fill_asset(first: Asset, later: Asset) -> Asset:
    return replace(
        first,
        sources=deduplicate((*first.sources, *later.sources))[:MOST_SOURCES],
        width=first.width or later.width,
        height=first.height or later.height,
        duration_ms=first.duration_ms or later.duration_ms,
    )


def _fill_author(first: Author, later: Author) -> Author:
    return Author(first.id or later.id, first.name or later.name, first.red_id or later.red_id)


def _fill_counts(first: Counts, later: Counts) -> Counts:
    blank = {
        item.name: getattr(later, item.name) for item in fields(Counts) if getattr(first, item.name) is None
    }
    return replace(first, **blank)


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
