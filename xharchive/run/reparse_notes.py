"""Parse saved replies again after an update of the parser, and update manifests, without a request."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from xharchive.archive import Archive, Commit, PublishedNote
from xharchive.archive.note_md import note_text, write_if_outdated
from xharchive.errors import PermissionDenied
from xharchive.manifest import MissingAsset, Role, State, note_as_json, to_json
from xharchive.models import Asset
from xharchive.parsers import ENDPOINTS
from xharchive.resolver import merged, read_saved_replies, resolution_of
from xharchive.run.archive_note import UNDECLARED_REASONS, undeclared_missing_assets
from xharchive.url_candidates import reason_without_candidates

_NOT_FETCHED = "not-fetched"


@dataclass(slots=True)
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
    unfinished = set(archive.unfinished())
    for folder, published, _ in archive.folders.published():
        if (
            published is None
            or published.manifest.id in unfinished
            or not await _is_whole(archive, published)
        ):
            done.skipped += 1
            continue
        done.notes += 1
        updated = await _parse_again(archive, published, now)
        if updated is not None:
            commit, wanted = updated
            workspace = archive.workspace(commit.manifest.id, folder)
            archive.add(await asyncio.to_thread(archive.commit, folder, workspace, commit))
            done.changed += 1
            done.wanted += wanted
    return done


async def _is_whole(archive: Archive, published: PublishedNote) -> bool:
    """Whether a note has all its files and replies; write its `note.md` again unless it is current.

    A new manifest would hide the loss of a reply, so the replies are compared by digest.
    """
    folder, manifest = published.folder, published.manifest
    archived = archive.find(manifest.id)
    try:
        await asyncio.to_thread(write_if_outdated, archive.folders.path(folder), manifest)
        return (
            archived is not None
            and archived.folder == folder
            and archived.intact
            and all(
                archive.folders.digest(folder, reply.path, reply.size) == reply.sha256
                for reply in manifest.replies
            )
        )
    except PermissionDenied:
        return False


async def _parse_again(
    archive: Archive, published: PublishedNote, now: Callable[[], datetime]
) -> tuple[Commit, int] | None:
    """Return the commit of a changed manifest, and how many assets are to be downloaded; None without one."""
    old = published.manifest
    shelf = archive.workspace(old.id, published.folder).reply_store
    # The replies keep their order, so that only the parser makes a difference.
    names = dict.fromkeys(entry.endpoint for entry in old.replies)
    known = await read_saved_replies(old.id, shelf, [ENDPOINTS[name] for name in names if name in ENDPOINTS])
    note = merged(known)
    if note is None:
        return None
    replies = (await resolution_of(known, shelf)).replies
    archived_slots = {entry.slot for entry in old.files if entry.role is Role.ORIGINAL}
    old_gaps = [gap for gap in old.gaps if gap.reason not in UNDECLARED_REASONS]
    known_slots = archived_slots | {gap.slot for gap in old_gaps}
    declared_slots = archived_slots | {asset.slot for asset in note.assets}
    new_gaps = [_not_fetched(asset) for asset in note.assets if asset.slot not in known_slots]
    gaps = (
        *(gap for gap in old_gaps if gap.slot in declared_slots),
        *new_gaps,
        *undeclared_missing_assets(note, replies),
    )
    state = State.PARTIAL if gaps else State.COMPLETE
    manifest = replace(old, state=state, note=note_as_json(note), gaps=gaps, replies=replies)
    if to_json(manifest) == to_json(old):
        return None
    manifest = replace(manifest, archived=now())
    mtime = (note.published or old.id.published).timestamp()
    wanted = sum(gap.reason == _NOT_FETCHED for gap in new_gaps)
    return Commit(manifest, note_text(manifest), mtime), wanted


def _not_fetched(asset: Asset) -> MissingAsset:
    if not asset.sources:
        return MissingAsset(asset.slot, Role.ORIGINAL, *reason_without_candidates(asset))
    detail = "a kept reply declares it, and no run has fetched it yet: xharchive resume"
    return MissingAsset(asset.slot, Role.ORIGINAL, _NOT_FETCHED, detail)
