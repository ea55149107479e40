"""What several replies about one note say together, and whether that is enough.

Step 3 of docs/architecture.md#the-way-of-a-note.
"""

from collections.abc import Iterable
from dataclasses import fields, replace

from xharchive.media import AssetKind
from xharchive.models import Asset, Author, Counts, Note, NoteType, Quality, Slot
from xharchive.parsers.asset_order import in_order
from xharchive.parsers.streams import MOST_SOURCES, distinct

__all__ = ["merge", "missing", "refreshed", "satisfied"]

_STILLS = frozenset({AssetKind.IMAGE, AssetKind.COVER})
_PICTURES = _STILLS | {AssetKind.LIVE}


def merge(first: Note, later: Note) -> Note:
    """Return the first reply's note with its gaps filled from a later reply about the same note.

    A slot that the first lacks, or has without a source, is the later's; a slot that both have keeps the
    first's sources and gets the later's behind them. Where the two show different pictures at one position
    (the note was edited in between), the first's pictures and motions stand alone: mixing them would pair a
    still with another picture's motion.

    Raises:
        ValueError: the notes have different ids.
    """
    if first.id != later.id:
        raise ValueError(f"two different notes cannot be merged: {first.id} and {later.id}")
    kind = _type(first, later)
    ours, theirs = _as(kind, first), _as(kind, later)
    agreed = _same_pictures(ours, theirs)
    if not agreed:
        theirs = [asset for asset in theirs if asset.slot.kind not in _PICTURES]
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
        motion_known=first.motion_known or (later.motion_known and agreed),
        assets=_fill_assets(ours, theirs),
        remarks=tuple(dict.fromkeys((*first.remarks, *later.remarks))),
    )


def refreshed(old: Note, new: Note) -> Note:
    """Return the old reply's note with the addresses that a newer reply of the same endpoint gives for it.

    The old reply stays the frame: what it declared keeps its place, and its old addresses where the newer one
    has none, though the author removed, added or moved pictures in between. A picture is known by its storage
    name, never by its place. What is new comes behind all else.
    """
    places = _places(old, new)
    taken = {asset.slot for asset in old.assets}
    fresh = {places[asset.slot]: asset for asset in new.assets if asset.slot in places}
    kept = [
        replace(asset, sources=fresh[asset.slot].sources)
        if asset.slot in fresh and fresh[asset.slot].sources
        else asset
        for asset in old.assets
    ]
    added = [replace(asset, slot=slot) for slot, asset in fresh.items() if slot not in taken]
    return replace(old, assets=in_order((*kept, *added)))


def _places(old: Note, new: Note) -> dict[Slot, Slot]:
    """Where the newer reply's assets belong in the old one; those that belong nowhere are left out."""
    moved = _moved_pictures(old, new)
    had = {asset.slot: asset for asset in old.assets}
    places: dict[Slot, Slot] = {}
    for asset in new.assets:
        slot = asset.slot
        if slot.kind in (AssetKind.IMAGE, AssetKind.LIVE) and slot.position in moved:
            places[slot] = replace(slot, position=moved[slot.position])
        elif slot.kind not in (AssetKind.IMAGE, AssetKind.LIVE):
            mine = had.get(slot)
            if mine is None or slot.kind is not AssetKind.COVER or not _differ(mine, asset):
                places[slot] = slot
    return places


def _moved_pictures(old: Note, new: Note) -> dict[int, int]:
    """The old position of each of the newer reply's pictures; a picture that is new gets one behind them."""
    ours = [asset for asset in old.assets if asset.slot.kind is AssetKind.IMAGE]
    theirs = [asset for asset in new.assets if asset.slot.kind is AssetKind.IMAGE]
    moved: dict[int, int] = {}
    for asset in theirs:
        same = (mine for mine in ours if not _names_of(mine).isdisjoint(_names_of(asset)))
        found = next((mine.slot.position for mine in same if mine.slot.position not in moved.values()), None)
        if found is not None:
            moved[asset.slot.position] = found
    if not moved and len(ours) == len(theirs) and not (_have_keys(ours) and _have_keys(theirs)):
        return {asset.slot.position: asset.slot.position for asset in theirs}  # nothing tells them apart
    behind = max((asset.slot.position for asset in ours), default=0)
    for asset in theirs:
        if asset.slot.position not in moved:
            behind += 1
            moved[asset.slot.position] = behind
    return moved


def _have_keys(assets: Iterable[Asset]) -> bool:
    return any(source.key for asset in assets for source in asset.sources)


def _differ(mine: Asset, other: Asset) -> bool:
    names, others = _names_of(mine), _names_of(other)
    return bool(names and others) and names.isdisjoint(others)


def _type(first: Note, later: Note) -> NoteType:
    kinds = (first.type, later.type)
    if NoteType.VIDEO in kinds:
        return NoteType.VIDEO
    return NoteType.IMAGE if NoteType.IMAGE in kinds else NoteType.UNKNOWN


def _as(kind: NoteType, note: Note) -> list[Asset]:
    """The note's assets with its single picture as the cover, if only the other reply knew of the video."""
    stills = [asset.slot for asset in note.assets if asset.slot.kind in _STILLS]
    if kind is NoteType.VIDEO and stills == [Slot(AssetKind.IMAGE, 1)]:
        moved = {stills[0]: Slot(AssetKind.COVER), Slot(AssetKind.LIVE, 1): Slot(AssetKind.LIVE)}
        return [replace(asset, slot=moved.get(asset.slot, asset.slot)) for asset in note.assets]
    return list(note.assets)


def _same_pictures(ours: Iterable[Asset], theirs: Iterable[Asset]) -> bool:
    known = {asset.slot: _names_of(asset) for asset in ours if asset.slot.kind in _STILLS}
    for asset in theirs:
        names, others = known.get(asset.slot), _names_of(asset)
        if names and others and names.isdisjoint(others):
            return False
    return True


def _names_of(asset: Asset) -> set[str]:
    """The storage names by which a picture is known; a video's frames are no witness of its cover."""
    paths = (
        source.key or source.url.partition("?")[0]
        for source in asset.sources
        if source.quality is not Quality.DEGRADED
    )
    return {path.rpartition("/")[2].partition("!")[0] for path in paths}


def _fill_assets(ours: Iterable[Asset], theirs: Iterable[Asset]) -> tuple[Asset, ...]:
    filled = {asset.slot: asset for asset in ours}
    for asset in theirs:
        mine = filled.get(asset.slot)
        filled[asset.slot] = _fill_asset(mine, asset) if mine and mine.sources else asset
    return in_order(filled.values())


def _fill_asset(mine: Asset, other: Asset) -> Asset:
    return replace(
        mine,
        sources=distinct((*mine.sources, *other.sources))[:MOST_SOURCES],
        width=mine.width or other.width,
        height=mine.height or other.height,
        duration_ms=mine.duration_ms or other.duration_ms,
    )


def _fill_author(mine: Author, other: Author) -> Author:
    return Author(mine.id or other.id, mine.name or other.name, mine.red_id or other.red_id)


def _fill_counts(mine: Counts, other: Counts) -> Counts:
    blank = {
        item.name: getattr(other, item.name) for item in fields(Counts) if getattr(mine, item.name) is None
    }
    return replace(mine, **blank)


def satisfied(note: Note) -> bool:
    """Whether the note declares what its type promises, so that no further endpoint need be paid for.

    An image note: a picture that can be had, and an answer to which of them move. A video note: a video that
    can be had, and its cover or pictures too if it has any. An unknown note: a picture or a video.
    """
    had = {asset.slot.kind for asset in note.assets if asset.sources}
    if note.type is NoteType.IMAGE:
        return AssetKind.IMAGE in had and note.motion_known
    if note.type is NoteType.VIDEO:
        pictured = any(asset.slot.kind in _STILLS for asset in note.assets)
        return AssetKind.VIDEO in had and (not pictured or bool(had & _STILLS))
    return bool(had & {AssetKind.IMAGE, AssetKind.VIDEO})


def missing(note: Note) -> tuple[Slot, ...]:
    """Return the slots that the note declares without any way to fill them, and the video it should have."""
    slots = tuple(asset.slot for asset in note.assets if not asset.sources)
    video = Slot(AssetKind.VIDEO)
    if note.type is NoteType.VIDEO and all(asset.slot != video for asset in note.assets):
        return (video, *slots)
    return slots
