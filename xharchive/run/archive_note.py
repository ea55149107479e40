"""Archive one note: resolve it, archive its assets, commit.

Steps 3 to 9 of docs/architecture.md#the-way-of-a-note.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from xharchive.archive import ArchivedNote, Commit, Workspace
from xharchive.archive.note_md import note_text
from xharchive.download import MAX_FILE_SIZE, FetchRequest
from xharchive.errors import NoteFailed
from xharchive.events import AssetMissing, NoteFinished, NoteResolved, Outcome
from xharchive.manifest import (
    FileEntry,
    Manifest,
    MissingAsset,
    ReplyEntry,
    Role,
    State,
    note_as_json,
)
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType, Slot
from xharchive.naming import folder_name
from xharchive.parsers import missing_slots
from xharchive.resolver import Resolution
from xharchive.run.archive_asset import AssetOutcome, AssetRun, RunServices, with_same_bytes_hints

UNDECLARED_REASONS = frozenset(("not-given", "motion-unknown"))
"""The reasons of missing assets that no reply declares as an asset."""


@dataclass(frozen=True, slots=True)
class _Progress:
    """A note, the replies that declare it, and the outcomes of its assets so far."""

    note: Note
    replies: tuple[ReplyEntry, ...]
    outcomes: Mapping[Slot, AssetOutcome] = field(default_factory=dict)


class NoteRun:
    """Archive one note. Each method raises ArchiveError if a file cannot be read or written.

    Args:
        services: the services of the run.
        note_id: the note.
        archived: the note in the archive, if it is there.
        recheck: call the endpoints that did not have it again.
        hint: the note's type, as a listing says it.

    Attributes:
        is_committing: the note is written to its folder right now.
    """

    def __init__(
        self,
        services: RunServices,
        note_id: NoteId,
        archived: ArchivedNote | None,
        *,
        recheck: bool = False,
        hint: NoteType = NoteType.UNKNOWN,
    ) -> None:
        self.is_committing = False
        self._services = services
        self._hint = hint
        self._recheck = recheck
        self._id = note_id
        self._folder = archived.folder if archived else ""
        manifest = services.archive.folders.manifest_at(self._folder) if archived else None
        self._old_manifest = manifest if manifest and manifest.id == note_id else None

    async def resolve(self) -> Resolution:
        """Prepare the work folder and resolve the note.

        Raises:
            NoteFailed: no reply has the note. Paid replies are saved.
            Refused: the API refuses all calls.
        """
        workspace = self._workspace()
        await asyncio.to_thread(workspace.prepare)
        return await self._services.resolver.resolve(
            self._id, workspace.reply_store, recheck=self._recheck, hint=self._hint
        )

    async def archive(self, resolution: Resolution) -> NoteFinished:
        """Archive as much of the note as possible, commit, and return its outcome.

        Raises:
            NoteFailed: the note has no final outcome. Paid replies are saved.
        """
        note, replies = resolution.note, resolution.replies
        self._folder = self._folder or self._new_folder(note.title if note else "")
        if note is None:
            manifest = Manifest(self._id, State.EMPTY, replies=replies, archived=self._services.now())
            asked = _outcomes_text(replies)
            detail = f"no endpoint has it ({asked}); that proves nothing about the note itself"
            return await self._commit(manifest, self._id.published, Outcome.EMPTY, detail)
        archived = self._existing_files()
        progress = await self._archive_assets(_Progress(note, replies), archived)
        progress = await self._refresh_urls(progress, archived)
        progress = await self._try_other_endpoints(progress, archived)
        note, outcomes = progress.note, with_same_bytes_hints(progress.outcomes, progress.note.assets)
        files = [entry for entry in archived if entry.slot not in outcomes]
        files += [entry for outcome in outcomes.values() for entry in outcome.files]
        missing = [asset for outcome in outcomes.values() for asset in outcome.missing]
        missing += undeclared_missing_assets(note, progress.replies)
        for asset in missing:
            self._services.listen(AssetMissing(self._id.text, str(asset.slot), asset.reason, asset.detail))
        manifest = Manifest(
            self._id,
            State.PARTIAL if missing else State.COMPLETE,
            note_as_json(note),
            tuple(sorted(files, key=lambda entry: (entry.path, entry.role))),
            tuple(missing),
            progress.replies,
            self._services.now(),
        )
        outcome = Outcome.PARTIAL if missing else Outcome.ARCHIVED
        return await self._commit(manifest, note.published or self._id.published, outcome)

    def _workspace(self) -> Workspace:
        return self._services.archive.workspace(self._id, self._folder or None)

    def _new_folder(self, title: str) -> str:
        """Return the name of the folder to create for the note.

        Raises:
            NoteFailed: a folder with this name holds another note.
        """
        folder = folder_name(self._id, title)
        other = self._services.archive.folders.manifest_at(folder)
        if other is not None and other.id != self._id:
            raise NoteFailed(
                "folder-taken", f"the folder {folder} holds another note, {other.id}; rename it and run again"
            )
        return folder

    async def _refresh_urls(self, progress: _Progress, archived: Sequence[FileEntry]) -> _Progress:
        """Make a paid call for new URLs if some are expired, and archive again: once a note and run."""
        expired = Counter(outcome.expired for outcome in progress.outcomes.values() if outcome.expired)
        if not expired:
            return progress
        (endpoint, _), *_ = expired.most_common(1)
        new = await self._services.resolver.renew(self._id, self._workspace().reply_store, endpoint)
        if new is None or new.note is None:
            return progress
        # The new reply may also have assets whose expired URLs came from another reply.
        done = {slot: outcome for slot, outcome in progress.outcomes.items() if not outcome.expired}
        return await self._archive_assets(_Progress(new.note, new.replies, done), archived)

    async def _try_other_endpoints(self, progress: _Progress, archived: Sequence[FileEntry]) -> _Progress:
        """Call further endpoints if the replies declare a video and have no URL for it."""
        done = {
            slot: outcome
            for slot, outcome in progress.outcomes.items()
            if not (outcome.guessed and slot.kind is AssetKind.VIDEO)
        }
        if len(done) == len(progress.outcomes):
            return progress
        dead = frozenset(reply.endpoint for reply in progress.replies)
        reply_store = self._workspace().reply_store
        more = await self._services.resolver.resolve(self._id, reply_store, failed_videos_of=dead)
        if more.note is None or len(more.replies) == len(progress.replies):
            return progress
        return await self._archive_assets(_Progress(more.note, more.replies, done), archived)

    async def _archive_assets(self, progress: _Progress, archived: Sequence[FileEntry]) -> _Progress:
        """Archive all assets that have no outcome yet, at once; the scheduler limits the transfers."""
        note = progress.note
        image_count = sum(asset.slot.kind is AssetKind.IMAGE for asset in note.assets)
        asset_run = AssetRun(self._services, self._id, self._workspace(), archived, image_count)
        assets = [asset for asset in note.assets if asset.slot not in progress.outcomes]
        left = await asset_run.existing_files([asset.slot for asset in assets])
        requests = [asset_run.request(asset, begun=asset.slot in left.begun) for asset in assets]
        waiting = [request for request in requests if request.asset.slot not in left.done]
        size = sum(request.candidates[0].size for request in waiting if request.candidates)
        self._services.archive.folders.check_free_space(sum(map(_bytes_to_fetch, waiting)))
        self._services.listen(NoteResolved(self._id.text, note.title, len(note.assets), len(waiting), size))
        async with asyncio.TaskGroup() as group:
            tasks = {
                request.asset.slot: group.create_task(
                    asset_run.run(request, left.done.get(request.asset.slot, ()))
                )
                for request in requests
            }
        outcomes = {slot: task.result() for slot, task in tasks.items()}
        return replace(progress, outcomes={**progress.outcomes, **outcomes})

    def _existing_files(self) -> Sequence[FileEntry]:
        """Return the files of the old manifest that are there with their recorded size."""
        has_files = self._services.archive.folders.has_files
        old = self._old_manifest.files if self._old_manifest else ()
        return [entry for entry in old if has_files(self._folder, ((entry.path, entry.size),))]

    async def _commit(
        self, manifest: Manifest, published: datetime, outcome: Outcome, detail: str = ""
    ) -> NoteFinished:
        folder, archive = self._folder, self._services.archive
        named = {entry.path for entry in manifest.files}
        replaced = tuple(entry.path for entry in self._existing_files() if entry.path not in named)
        commit = Commit(manifest, note_text(manifest), published.timestamp(), replaced)
        self.is_committing = True
        await asyncio.to_thread(self._services.mark.set)
        done = await asyncio.to_thread(archive.commit, folder, self._workspace(), commit)
        self.is_committing = False
        archive.add(done)
        originals = sum(entry.role is Role.ORIGINAL for entry in manifest.files)
        gaps, title = len(manifest.gaps), manifest.title
        return NoteFinished(self._id.text, title, outcome, folder, originals, gaps, detail)


def _bytes_to_fetch(request: FetchRequest) -> int:
    """Return how many bytes are still to download, as the first candidate declares; 0 for an absurd size."""
    declared = request.candidates[0].size if request.candidates else 0
    if declared > MAX_FILE_SIZE:
        return 0
    part = request.part.status() if request.begun else None
    return max(0, declared - (part.st_size if part else 0))


def _outcomes_text(replies: Sequence[ReplyEntry]) -> str:
    return ", ".join(f"{reply.endpoint}: {reply.outcome}" for reply in replies)


def undeclared_missing_assets(note: Note, replies: Sequence[ReplyEntry]) -> list[MissingAsset]:
    """Return the missing assets that no reply declares: the video of a video note, or unknown live photos."""
    asked = _outcomes_text(replies)
    declared = {asset.slot for asset in note.assets}
    not_given = f"no endpoint that was asked gave it ({asked})"
    missing = [(slot, "not-given", not_given) for slot in missing_slots(note) if slot not in declared]
    has_images = any(asset.slot.kind is AssetKind.IMAGE for asset in note.assets)
    if has_images and not note.motion_known:
        unknown = f"the pictures come from {note.replies[0]}, which cannot tell whether some of them move"
        missing.append((Slot(AssetKind.LIVE), "motion-unknown", unknown))
    if not note.assets and note.type is not NoteType.VIDEO:
        missing.append((Slot(AssetKind.IMAGE), "not-given", f"no picture is declared ({asked})"))
    return [MissingAsset(slot, Role.ORIGINAL, reason, detail) for slot, reason, detail in missing]
