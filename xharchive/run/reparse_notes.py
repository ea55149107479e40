"""Parse saved replies again after an update of the parser, and update manifests, without a request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from xharchive.archive import Archive, Commit, PublishedNote
from xharchive.archive.note_md import note_text, write_if_outdated
from xharchive.errors import PermissionDenied
from xharchive.manifest import Manifest, MissingAsset, Role, State, note_as_json, to_json
from xharchive.models import Asset, Note
from xharchive.parsers import ENDPOINTS
from xharchive.resolver import merged, read_saved_replies, resolution_of
from xharchive.run.archive_note import UNDECLARED_REASONS, undeclared_missing_assets
from xharchive.url_candidates import reason_without_candidates

_NOT_FETCHED = "not-fetched"


@dataclass(frozen=True, slots=True)
class ReparseResult:
    """Counts of a reparse.

    Attributes:
        notes: notes whose replies were parsed.
        changed: manifests that changed.
        wanted: newly declared assets that no run has downloaded.
        skipped: notes that are unfinished or damaged, or have lost a reply.
    """

    notes: int = 0
    changed: int = 0
    wanted: int = 0
    skipped: int = 0


async def reparse(archive: Archive, now: Callable[[], datetime]) -> ReparseResult:
    """Parse the saved replies of all finished notes again, and commit the manifests that change.

    Media files stay as they are. A newly declared asset becomes a missing asset, and `resume` downloads it. A
    `note.md` that differs from its manifest is written again. If the replies have no note any more, the
    manifest stays.

    Raises:
        ArchiveError: the archive cannot be read or written.
    """
    done = ReparseResult()
    unfinished = {note_id.text for note_id in archive.unfinished()}
    for folder, published, _ in archive.folders.published():
        if published is None:
            done = replace(done, skipped=done.skipped + 1)
            continue
        old = published.manifest
        archived = archive.find(old.id)
        is_intact = archived is not None and archived.folder == folder and archived.intact
        if old.id.text not in unfinished:
            is_intact = await asyncio.to_thread(_rewrite_note_md, archive, published) and is_intact
        if old.id.text in unfinished or not is_intact or not _has_its_replies(archive, folder, old):
            done = replace(done, skipped=done.skipped + 1)
            continue
        done = replace(done, notes=done.notes + 1)
        updated = await _parse_again(archive, folder, old, now)
        if updated is not None:
            commit = Commit(updated.manifest, note_text(updated.manifest), updated.mtime)
            workspace = archive.workspace(old.id, folder)
            archive.add(await asyncio.to_thread(archive.commit, folder, workspace, commit))
            done = replace(done, changed=done.changed + 1, wanted=done.wanted + updated.wanted)
    return done


def _rewrite_note_md(archive: Archive, published: PublishedNote) -> bool:
    """Write the `note.md` of a note again unless it is current. Return whether this user may. Blocking."""
    try:
        write_if_outdated(archive.folders.path(published.folder), published.manifest)
    except PermissionDenied:
        return False
    return True


def _has_its_replies(archive: Archive, folder: str, old: Manifest) -> bool:
    """Whether all replies are there, by digest. A new manifest would hide the loss of one."""
    try:
        return all(
            archive.folders.digest(folder, reply.path, reply.size) == reply.sha256 for reply in old.replies
        )
    except PermissionDenied:
        return False


@dataclass(frozen=True, slots=True)
class _NewManifest:
    """A manifest to commit.

    `mtime` is the time of its files (Unix seconds), `wanted` the number of assets to download.
    """

    manifest: Manifest
    mtime: float
    wanted: int


async def _parse_again(
    archive: Archive, folder: str, old: Manifest, now: Callable[[], datetime]
) -> _NewManifest | None:
    """Return the new manifest, None if nothing changes."""
    shelf = archive.workspace(old.id, folder).reply_store
    # The replies keep their order, so that only the parser makes a difference.
    names = dict.fromkeys(entry.endpoint for entry in old.replies)
    known = await read_saved_replies(old.id, shelf, [ENDPOINTS[name] for name in names if name in ENDPOINTS])
    note = merged(known)
    if note is None:
        return None
    replies = (await resolution_of(known, shelf)).replies
    archived_slots = {entry.slot for entry in old.files if entry.role is Role.ORIGINAL}
    missing = {gap.slot for gap in old.gaps if gap.reason not in UNDECLARED_REASONS}
    new = [_not_fetched(asset) for asset in note.assets if asset.slot not in archived_slots | missing]
    wanted = sum(gap.reason == _NOT_FETCHED for gap in new)
    gaps = (*_still_missing(old, note), *new, *undeclared_missing_assets(note, replies))
    state = State.PARTIAL if gaps else State.COMPLETE
    manifest = replace(old, state=state, note=note_as_json(note), gaps=gaps, replies=replies)
    if to_json(manifest) == to_json(old):
        return None
    published = note.published or old.id.published
    return _NewManifest(replace(manifest, archived=now()), published.timestamp(), wanted)


def _still_missing(old: Manifest, note: Note) -> list[MissingAsset]:
    """Return the old missing assets that are still declared, without those of `UNDECLARED_REASONS`."""
    declared = {asset.slot for asset in note.assets}
    archived_slots = {entry.slot for entry in old.files if entry.role is Role.ORIGINAL}
    return [
        gap
        for gap in old.gaps
        if gap.slot in declared | archived_slots and gap.reason not in UNDECLARED_REASONS
    ]


def _not_fetched(asset: Asset) -> MissingAsset:
    if not asset.sources:
        return MissingAsset(asset.slot, Role.ORIGINAL, *reason_without_candidates(asset))
    detail = "a kept reply declares it, and no run has fetched it yet: xharchive resume"
    return MissingAsset(asset.slot, Role.ORIGINAL, _NOT_FETCHED, detail)
