"""The story of one note: resolve, fetch what is missing, convert, commit.

Steps 3 to 9 of docs/architecture.md#the-way-of-a-note.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from xharchive.archive import Commit, Workspace
from xharchive.archived_notes import Holding
from xharchive.download import MOST_BYTES, Order
from xharchive.errors import NoteFailed
from xharchive.events import Gapped, NoteFinished, NoteResolved, Outcome
from xharchive.manifest import FileEntry, Gap, Manifest, ReplyEntry, Role, State, note_as_json
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType, Slot
from xharchive.naming import folder_name
from xharchive.parsers import missing
from xharchive.replies import ReplyShelf
from xharchive.resolver import Resolution
from xharchive.run.archive_asset import AssetStory, NoteTools, Part
from xharchive.run.same_bytes import with_hints
from xharchive.views.note_markdown import note_text

__all__ = ["UNDECLARED", "NoteStory", "shelf_of", "undeclared"]

UNDECLARED = frozenset(("not-given", "motion-unknown"))
"""The reasons of gaps that no asset stands for."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A note, the replies it comes from, and what became of its assets so far."""

    note: Note
    replies: tuple[ReplyEntry, ...]
    parts: Mapping[Slot, Part] = field(default_factory=dict)


class NoteStory:
    """Tells the story of one note; `before` is what the archive already holds of it.

    With `recheck` endpoints that did not have it are asked again; `hint` is the type that a listing named.
    `committing` is told when the note is to be committed (1) and when it is (-1).
    """

    def __init__(
        self,
        tools: NoteTools,
        note_id: NoteId,
        before: Holding | None,
        *,
        recheck: bool = False,
        hint: NoteType = NoteType.UNKNOWN,
        committing: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._tools = tools
        self._committing = committing
        self._hint = hint
        self._recheck = recheck
        self._id = note_id
        self._folder = before.folder if before else None
        self._old = tools.holdings.manifest(before) if before else None

    async def tell(self, resolved: Callable[[], None]) -> NoteFinished:
        """Archive the note as far as it can be had, commit, and return how it ended.

        `resolved` is called once no more API calls are made for it.

        Raises:
            NoteFailed: nothing final can be said of the note; what was paid for is kept.
            Refused: the API refuses every call.
            ArchiveError: the disk would not.
        """
        try:
            if misnamed := self._folder is None and self._tools.holdings.misnamed_folder(self._id):
                raise NoteFailed(
                    "misnamed",
                    f"it is in {misnamed}, whose name is not UTF-8; rename that folder and run again",
                )
            workspace = self._workspace()
            await asyncio.to_thread(workspace.prepare)
            resolution = await self._tools.resolver.resolve(
                self._id, shelf_of(workspace), recheck=self._recheck, hint=self._hint
            )
        finally:
            resolved()
        if resolution.note is None:
            return await self._commit_empty(workspace, resolution.replies)
        return await self._archive(resolution.note, resolution)

    def _workspace(self) -> Workspace:
        return self._tools.store.workspace(self._id, self._folder)

    async def _commit_empty(self, workspace: Workspace, replies: tuple[ReplyEntry, ...]) -> NoteFinished:
        asked = ", ".join(f"{reply.endpoint}: {reply.outcome}" for reply in replies)
        detail = f"no endpoint has it ({asked}); that proves nothing about the note itself"
        manifest = Manifest(self._id, State.EMPTY, replies=replies, archived=self._tools.now())
        return await self._commit(workspace, manifest, self._id.published, Outcome.EMPTY, detail)

    async def _archive(self, note: Note, resolution: Resolution) -> NoteFinished:
        self._folder = self._folder or self._new_folder(note.title)
        workspace = self._workspace()
        held = self._held()
        told = await self._tell_assets(_Told(note, resolution.replies), workspace, held)
        told = await self._ask_anew(told, workspace, held)
        told = await self._ask_elsewhere(told, workspace, held)
        told = replace(told, parts=with_hints(told.parts, told.note.assets))
        kept = [entry for entry in held if entry.slot not in told.parts]
        files = [*kept, *(entry for part in told.parts.values() for entry in part.files)]
        gaps = [gap for part in told.parts.values() for gap in part.gaps]
        gaps += undeclared(told.note, told.replies)
        for gap in gaps:
            self._tools.listen(Gapped(self._id.text, str(gap.slot), gap.reason, gap.detail))
        manifest = Manifest(
            self._id,
            State.PARTIAL if gaps else State.COMPLETE,
            note_as_json(told.note),
            tuple(sorted(files, key=lambda entry: (entry.path, entry.role))),
            tuple(gaps),
            told.replies,
            self._tools.now(),
        )
        outcome = Outcome.PARTIAL if gaps else Outcome.ARCHIVED
        published = told.note.published or self._id.published
        return await self._commit(workspace, manifest, published, outcome)

    def _new_folder(self, title: str) -> str:
        """Return the name of the folder to make for the note.

        Raises:
            NoteFailed: another note's folder was given just this name.
        """
        folder = folder_name(self._id, title)
        other = self._tools.holdings.manifest_in(folder)
        if other is not None and other.id != self._id:
            raise NoteFailed(
                "folder-taken", f"the folder {folder} holds another note, {other.id}; rename it and run again"
            )
        return folder

    async def _ask_anew(self, told: _Told, workspace: Workspace, held: Sequence[FileEntry]) -> _Told:
        """Have new addresses in place of those that are past their time: one paid call a note and run."""
        expired = Counter(part.expired for part in told.parts.values() if part.expired)
        if not expired:
            return told
        (endpoint, _), *_ = expired.most_common(1)
        anew = await self._tools.resolver.renew(self._id, shelf_of(workspace), endpoint)
        if anew is None or anew.note is None:
            return told
        # The new reply may also tell of assets whose addresses came from another one.
        through = {slot: part for slot, part in told.parts.items() if not part.expired}
        return await self._tell_assets(_Told(anew.note, anew.replies, through), workspace, held)

    async def _ask_elsewhere(self, told: _Told, workspace: Workspace, held: Sequence[FileEntry]) -> _Told:
        """Have a video that the replies name without any address from an endpoint that was not asked yet."""
        guessed = {slot for slot, part in told.parts.items() if part.guessed and slot.kind is AssetKind.VIDEO}
        if not guessed:
            return told
        dead = frozenset(reply.endpoint for reply in told.replies)
        more = await self._tools.resolver.resolve(self._id, shelf_of(workspace), dead_videos_of=dead)
        if more.note is None or len(more.replies) == len(told.replies):
            return told
        through = {slot: part for slot, part in told.parts.items() if slot not in guessed}
        return await self._tell_assets(_Told(more.note, more.replies, through), workspace, held)

    async def _tell_assets(self, told: _Told, workspace: Workspace, held: Sequence[FileEntry]) -> _Told:
        """Deal with all assets that are not through yet; the slots decide how many transfers really run."""
        note = told.note
        pictures = sum(asset.slot.kind is AssetKind.IMAGE for asset in note.assets)
        story = AssetStory(self._tools, self._id, workspace, held, pictures)
        assets = [asset for asset in note.assets if asset.slot not in told.parts]
        left = await story.already([asset.slot for asset in assets])
        orders = [story.order(asset, begun=asset.slot in left.begun) for asset in assets]
        waiting = [order for order in orders if order.asset.slot not in left.done]
        size = sum(order.candidates[0].size for order in waiting if order.candidates)
        self._tools.store.check_room(sum(map(_still_to_come, waiting)))
        self._tools.listen(NoteResolved(self._id.text, note.title, len(note.assets), len(waiting), size))
        async with asyncio.TaskGroup() as group:
            tasks = {
                order.asset.slot: group.create_task(story.tell(order, left.done.get(order.asset.slot, ())))
                for order in orders
            }
        parts = {slot: task.result() for slot, task in tasks.items()}
        return replace(told, parts={**told.parts, **parts})

    def _held(self) -> Sequence[FileEntry]:
        """The files of the old manifest that are still there with their size."""
        if self._old is None or self._folder is None:
            return ()
        folder, store = self._folder, self._tools.store
        return [entry for entry in self._old.files if store.is_there(folder, entry.path, entry.size)]

    async def _commit(
        self,
        workspace: Workspace,
        manifest: Manifest,
        published: datetime,
        outcome: Outcome,
        detail: str = "",
    ) -> NoteFinished:
        folder = self._folder or self._new_folder("")
        named = {entry.path for entry in manifest.files}
        replaced = tuple(entry.path for entry in self._held() if entry.path not in named)
        commit = Commit(manifest, note_text(manifest), published.timestamp(), replaced)
        self._committing(1)
        try:
            await asyncio.to_thread(self._tools.mark.set)
            done = await asyncio.to_thread(self._tools.store.commit, folder, workspace, commit)
        finally:
            self._committing(-1)
        self._tools.holdings.add(done)
        originals = sum(entry.role is Role.ORIGINAL for entry in manifest.files)
        title = manifest.title
        return NoteFinished(self._id.text, title, outcome, folder, originals, len(manifest.gaps), detail)


def shelf_of(workspace: Workspace) -> ReplyShelf:
    """Return a note's kept replies: those of the work folder before those of the note's own."""
    published = workspace.published
    return ReplyShelf(workspace.replies, (published / "replies",) if published else ())


def _still_to_come(order: Order) -> int:
    """The bytes that the first address declares and that are not on the disk yet; 0 for an absurd number."""
    declared = order.candidates[0].size if order.candidates else 0
    if declared > MOST_BYTES:
        return 0
    part = order.part.status() if order.begun else None
    return max(0, declared - (part.st_size if part else 0))


def undeclared(note: Note, replies: tuple[ReplyEntry, ...]) -> list[Gap]:
    """Return the gaps that no asset stands for: a video no reply gave, motions nobody could tell of."""
    asked = ", ".join(f"{reply.endpoint}: {reply.outcome}" for reply in replies)
    declared = {asset.slot for asset in note.assets}
    gaps = [
        Gap(slot, Role.ORIGINAL, "not-given", f"no endpoint that was asked gave it ({asked})")
        for slot in missing(note)
        if slot not in declared
    ]
    pictured = any(asset.slot.kind is AssetKind.IMAGE for asset in note.assets)
    if pictured and not note.motion_known:
        detail = f"the pictures come from {note.replies[0]}, which cannot tell whether some of them move"
        gaps.append(Gap(Slot(AssetKind.LIVE), Role.ORIGINAL, "motion-unknown", detail))
    if not note.assets and note.type is not NoteType.VIDEO:
        gaps.append(
            Gap(Slot(AssetKind.IMAGE), Role.ORIGINAL, "not-given", f"no picture is declared ({asked})")
        )
    return gaps
