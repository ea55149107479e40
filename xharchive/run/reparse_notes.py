"""Kept replies read again, as a better parser reads them: manifests are renewed, nobody is asked or paid."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from xharchive.archive import Commit, PosixStore, Published
from xharchive.archived_notes import Holdings
from xharchive.candidates import without_candidates
from xharchive.errors import NotPermitted
from xharchive.manifest import Gap, Manifest, Role, State, note_as_json, to_json
from xharchive.models import Asset, Note
from xharchive.note_md import write_if_other
from xharchive.parsers import ENDPOINTS
from xharchive.resolver import merged, read_kept, resolution_of
from xharchive.run.archive_note import UNDECLARED, shelf_of, undeclared
from xharchive.views.note_markdown import note_text

__all__ = ["Reparsed", "reparse"]

_NOT_FETCHED = "not-fetched"


@dataclass(frozen=True, slots=True)
class Reparsed:
    """How many notes were read again, how many manifests changed, how many files are wanted and not there.

    `skipped` notes are unfinished or damaged, or have lost a reply.
    """

    notes: int = 0
    changed: int = 0
    wanted: int = 0
    skipped: int = 0


async def reparse(store: PosixStore, holdings: Holdings, now: Callable[[], datetime]) -> Reparsed:
    """Read the kept replies of every finished note again, and commit the manifests that change by it.

    Files stay as they are. What a reply turns out to declare and the folder lacks becomes a gap, which
    `resume` fills. A `note.md` that differs from its manifest is written again. A note whose replies tell
    nothing any more keeps the manifest that it has.

    Raises:
        ArchiveError: the archive cannot be read or written.
    """
    done = Reparsed()
    unfinished = {note_id.text for note_id in store.unfinished()}
    for folder, published in holdings.published():
        if published is None:
            done = replace(done, skipped=done.skipped + 1)
            continue
        old = published.manifest
        holding = holdings.find(old.id)
        sound = holding is not None and holding.folder == folder and holding.intact
        if old.id.text not in unfinished:
            sound = await asyncio.to_thread(_renew_text, store, published) and sound
        if old.id.text in unfinished or not sound or not _has_its_replies(store, folder, old):
            done = replace(done, skipped=done.skipped + 1)
            continue
        done = replace(done, notes=done.notes + 1)
        renewed = await _read_again(store, folder, old, now)
        if renewed is not None:
            commit = Commit(renewed.manifest, note_text(renewed.manifest), renewed.mtime)
            workspace = store.workspace(old.id, folder)
            holdings.add(await asyncio.to_thread(store.commit, folder, workspace, commit))
            done = replace(done, changed=done.changed + 1, wanted=done.wanted + renewed.wanted)
    return done


def _renew_text(store: PosixStore, published: Published) -> bool:
    """Write a note's `note.md` again unless it is current; return whether this user may. Blocking."""
    try:
        write_if_other(store, published)
    except NotPermitted:
        return False
    return True


def _has_its_replies(store: PosixStore, folder: str, old: Manifest) -> bool:
    """Whether every reply is what was paid for: one that is lost must not be forgotten too."""
    try:
        return all(store.digest(folder, reply.path, reply.size) == reply.sha256 for reply in old.replies)
    except NotPermitted:
        return False


@dataclass(frozen=True, slots=True)
class _Renewed:
    """A manifest to commit, the time its files show (Unix seconds), and how many files it lacks anew."""

    manifest: Manifest
    mtime: float
    wanted: int


async def _read_again(
    store: PosixStore, folder: str, old: Manifest, now: Callable[[], datetime]
) -> _Renewed | None:
    """Return the renewed manifest, None if nothing changes."""
    shelf = shelf_of(store.workspace(old.id, folder))
    # The replies count in the order in which they did before: nothing but the parser makes a difference.
    names = dict.fromkeys(entry.endpoint for entry in old.replies)
    known = await read_kept(old.id, shelf, [ENDPOINTS[name] for name in names if name in ENDPOINTS])
    note = merged(known)
    if note is None:
        return None
    replies = (await resolution_of(known, shelf)).replies
    had = {entry.slot for entry in old.files if entry.role is Role.ORIGINAL}
    missing = {gap.slot for gap in old.gaps if gap.reason not in UNDECLARED}
    new = [_not_fetched(asset) for asset in note.assets if asset.slot not in had | missing]
    wanted = sum(gap.reason == _NOT_FETCHED for gap in new)
    gaps = (*_still_open(old, note), *new, *undeclared(note, replies))
    state = State.PARTIAL if gaps else State.COMPLETE
    manifest = replace(old, state=state, note=note_as_json(note), gaps=gaps, replies=replies)
    if to_json(manifest) == to_json(old):
        return None
    published = note.published or old.id.published
    return _Renewed(replace(manifest, archived=now()), published.timestamp(), wanted)


def _still_open(old: Manifest, note: Note) -> list[Gap]:
    """The old gaps of what is declared still; those that no asset stands for are found out anew."""
    declared = {asset.slot for asset in note.assets}
    had = {entry.slot for entry in old.files if entry.role is Role.ORIGINAL}
    return [gap for gap in old.gaps if gap.slot in declared | had and gap.reason not in UNDECLARED]


def _not_fetched(asset: Asset) -> Gap:
    if not asset.sources:
        return Gap(asset.slot, Role.ORIGINAL, *without_candidates(asset))
    detail = "a kept reply declares it, and no run has fetched it yet: xharchive resume"
    return Gap(asset.slot, Role.ORIGINAL, _NOT_FETCHED, detail)
