"""The story of one note: resolve, fetch what is missing, convert, commit (DESIGN 4)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from xharchive.candidates import Preference, plan
from xharchive.convert import Converter, Picture, Verdict
from xharchive.disk import ours
from xharchive.endpoints import missing
from xharchive.events import AssetArchived, Gapped, Listener, NoteFinished, NoteResolved, Outcome
from xharchive.fetch import Fetched, Fetcher, Order
from xharchive.fetch.checks import NOT_DECODED_HERE
from xharchive.holdings import Holding, Holdings
from xharchive.manifest import FileEntry, Gap, Manifest, ReplyEntry, Role, State, note_as_json
from xharchive.media import AssetKind, Format, of_type
from xharchive.models import Asset, Note, NoteId, NoteType, Slot
from xharchive.naming import file_name, folder_name, stem
from xharchive.replies import ReplyShelf
from xharchive.resolver import Resolution, Resolver
from xharchive.stores import Commit, PosixStore, Workspace
from xharchive.views.note_text import note_text

__all__ = ["NoteStory", "NoteTools"]


@dataclass(frozen=True, slots=True)
class NoteTools:
    """The rooms that a note passes through."""

    store: PosixStore
    holdings: Holdings
    resolver: Resolver
    fetcher: Fetcher
    converter: Converter
    listen: Listener
    now: Callable[[], datetime]
    prefer: Preference


@dataclass(frozen=True, slots=True)
class _Part:
    """What became of one declared asset."""

    files: tuple[FileEntry, ...] = ()
    gaps: tuple[Gap, ...] = ()


class NoteStory:
    """Tells the story of one note; `before` is what the archive already holds of it."""

    def __init__(self, tools: NoteTools, note_id: NoteId, before: Holding | None) -> None:
        self._tools = tools
        self._id = note_id
        self._folder = before.folder if before else None
        self._old = tools.holdings.manifest(before) if before else None
        self._pictures = 0

    async def tell(self, resolved: Callable[[], None]) -> NoteFinished:
        """Archive the note as far as it can be had, commit, and return how it ended.

        `resolved` is called once no more API calls are made for it.

        Raises:
            NoteFailed: nothing final can be said of the note; what was paid for is kept.
            Refused: the API refuses every call.
            ArchiveError: the disk would not.
        """
        try:
            workspace = self._workspace()
            await asyncio.to_thread(workspace.prepare)
            resolution = await self._tools.resolver.resolve(self._id, self._shelf(workspace))
        finally:
            resolved()
        if resolution.note is None:
            return await self._commit_empty(workspace, resolution.replies)
        return await self._archive(resolution.note, resolution)

    def _workspace(self) -> Workspace:
        return self._tools.store.workspace(self._id, self._folder)

    def _shelf(self, workspace: Workspace) -> ReplyShelf:
        published = workspace.published
        return ReplyShelf(workspace.replies, (published / "replies",) if published else ())

    async def _commit_empty(self, workspace: Workspace, replies: tuple[ReplyEntry, ...]) -> NoteFinished:
        asked = ", ".join(f"{reply.endpoint}: {reply.outcome}" for reply in replies)
        detail = f"no endpoint has it ({asked}); that proves nothing about the note itself"
        manifest = Manifest(self._id, State.EMPTY, replies=replies, archived=self._tools.now())
        return await self._commit(workspace, manifest, self._id.published, Outcome.EMPTY, detail)

    async def _archive(self, note: Note, resolution: Resolution) -> NoteFinished:
        self._folder = self._folder or folder_name(self._id, note.title)
        self._pictures = sum(asset.slot.kind is AssetKind.IMAGE for asset in note.assets)
        workspace = self._workspace()
        parts = await self._parts(note, workspace)
        if _video_failed(parts):
            dead = frozenset(reply.endpoint for reply in resolution.replies)
            shelf = self._shelf(workspace)
            more = await self._tools.resolver.resolve(self._id, shelf, dead_videos_of=dead)
            if more.note is not None and len(more.replies) > len(resolution.replies):
                return await self._archive(more.note, more)
        declared = {asset.slot for asset in note.assets}
        kept = [entry for entry in self._held() if entry.slot not in declared]
        files = [*kept, *(entry for part in parts for entry in part.files)]
        gaps = [gap for part in parts for gap in part.gaps] + _undeclared(note, resolution.replies)
        for gap in gaps:
            self._tools.listen(Gapped(self._id.text, str(gap.slot), gap.reason, gap.detail))
        manifest = Manifest(
            self._id,
            State.PARTIAL if gaps else State.COMPLETE,
            note_as_json(note),
            tuple(sorted(files, key=lambda entry: (entry.path, entry.role))),
            tuple(gaps),
            resolution.replies,
            self._tools.now(),
        )
        outcome = Outcome.PARTIAL if gaps else Outcome.ARCHIVED
        return await self._commit(workspace, manifest, note.published or self._id.published, outcome)

    async def _parts(self, note: Note, workspace: Workspace) -> list[_Part]:
        """Deal with all assets at once; the slots decide how many transfers really run."""
        done = {asset.slot: await self._already(asset.slot, workspace) for asset in note.assets}
        orders = {asset.slot: self._order(asset, workspace) for asset in note.assets}
        waiting = [orders[slot] for slot, files in done.items() if not files]
        size = sum(order.candidates[0].size for order in waiting if order.candidates)
        self._tools.listen(NoteResolved(self._id.text, note.title, len(note.assets), len(waiting), size))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._part(orders[asset.slot], done[asset.slot], workspace))
                for asset in note.assets
            ]
        return [task.result() for task in tasks]

    def _order(self, asset: Asset, workspace: Workspace) -> Order:
        slot = asset.slot
        candidates = plan(asset, self._tools.prefer)
        return Order(self._id, asset, candidates, workspace.part(slot), workspace.derivative(slot))

    async def _already(self, slot: Slot, workspace: Workspace) -> tuple[FileEntry, ...]:
        held = tuple(entry for entry in self._held() if entry.slot == slot)
        if any(entry.role is Role.ORIGINAL for entry in held):
            return held
        return await workspace.recorded(slot)

    def _held(self) -> Iterable[FileEntry]:
        """The files of the old manifest that are still there with their size."""
        if self._old is None or self._folder is None:
            return ()
        folder, store = self._folder, self._tools.store
        return [entry for entry in self._old.files if store.is_there(folder, entry.path, entry.size)]

    async def _part(self, order: Order, done: tuple[FileEntry, ...], workspace: Workspace) -> _Part:
        slot = order.asset.slot
        if done:
            return await self._completed(order, done, workspace)
        outcome = await self._tools.fetcher.fetch(order)
        if not isinstance(outcome, Fetched):
            return _Part(gaps=(Gap(slot, Role.ORIGINAL, outcome.reason, outcome.detail, outcome.tried),))
        original = self._original(order, outcome)
        await _rename(order.part, workspace.file(original.path))
        files = [original]
        files += await self._derivative(order, original, outcome.picture, workspace)
        await workspace.record(slot, files)
        self._tools.listen(
            AssetArchived(
                self._id.text,
                str(slot),
                original.path,
                original.size,
                outcome.candidate.quality.value,
                outcome.host,
            )
        )
        return _Part(tuple(files), self._flaws(files))

    async def _completed(self, order: Order, files: tuple[FileEntry, ...], workspace: Workspace) -> _Part:
        """Make a derivative that an earlier run left out or could not make, from the original there is."""
        original = next(entry for entry in files if entry.role is Role.ORIGINAL)
        found = of_type(original.media_type)
        lacking = len(files) == 1 and self._wanted(original) is not None
        if found is None or not (lacking or original.problem):
            return _Part(files, self._flaws(files))
        source = self._where(original, workspace)
        with ours("making room for a derivative"):
            order.derivative.unlink(missing_ok=True)
        picture = await self._tools.converter.examine(source, found, order.derivative)
        original = _judged_again(original, picture)
        made = [original, *await self._derivative(order, original, picture, workspace)]
        return _Part(tuple(made), self._flaws(made))

    def _where(self, entry: FileEntry, workspace: Workspace) -> Path:
        waiting = workspace.file(entry.path)
        if waiting.exists() or workspace.published is None:
            return waiting
        return workspace.published / entry.path

    def _original(self, order: Order, fetched: Fetched) -> FileEntry:
        body, proof, asset = fetched.body, fetched.proof, order.asset
        return FileEntry(
            path=file_name(asset.slot, body.found, self._pictures),
            role=Role.ORIGINAL,
            slot=asset.slot,
            size=body.size,
            sha256=body.sha256,
            media_type=body.found.media_type,
            width=proof.width,
            height=proof.height,
            duration_ms=proof.duration_ms,
            quality=fetched.candidate.quality,
            host=fetched.host,
            url_path=fetched.url_path,
            endpoint=asset.endpoint,
            fetched=fetched.at,
            checks=proof.checks,
            problem=proof.problem,
            refused=fetched.refused,
        )

    async def _derivative(
        self, order: Order, original: FileEntry, picture: Picture | None, workspace: Workspace
    ) -> list[FileEntry]:
        if picture is None or picture.derivative is None:
            return []
        made = picture.derivative
        path = f"{stem(original.slot, self._pictures)}.{made.format.suffix}"
        await _rename(order.derivative, workspace.file(path))
        return [
            FileEntry(
                path=path,
                role=Role.DERIVATIVE,
                slot=original.slot,
                size=made.size,
                sha256=made.sha256,
                media_type=made.format.media_type,
                width=made.width,
                height=made.height,
                derived_from=original.path,
                tool=made.tool,
                settings=made.settings,
                lost=made.lost,
            )
        ]

    def _wanted(self, original: FileEntry) -> Format | None:
        found = of_type(original.media_type)
        return self._tools.converter.wants(found) if found else None

    def _flaws(self, files: Sequence[FileEntry]) -> tuple[Gap, ...]:
        """What is wrong although the original is there: no decoder reads it, or its derivative is missing."""
        original = next(entry for entry in files if entry.role is Role.ORIGINAL)
        wanted = self._wanted(original) is not None
        only_large = original.problem.startswith(NOT_DECODED_HERE)
        if original.problem and (wanted or not only_large):
            detail = f"{original.path} is kept as it came, but no picture could be made of it"
            return (Gap(original.slot, Role.DERIVATIVE, "undecodable", f"{detail}: {original.problem}"),)
        if len(files) == 1 and wanted:
            return (
                Gap(original.slot, Role.DERIVATIVE, "not-converted", f"{original.path} was not converted"),
            )
        return ()

    async def _commit(
        self,
        workspace: Workspace,
        manifest: Manifest,
        published: datetime,
        outcome: Outcome,
        detail: str = "",
    ) -> NoteFinished:
        folder = self._folder or folder_name(self._id, "")
        commit = Commit(manifest, note_text(manifest), published.timestamp())
        done = await asyncio.to_thread(self._tools.store.commit, folder, workspace, commit)
        self._tools.holdings.add(done)
        originals = sum(entry.role is Role.ORIGINAL for entry in manifest.files)
        title = manifest.title
        return NoteFinished(self._id.text, title, outcome, folder, originals, len(manifest.gaps), detail)


def _video_failed(parts: Iterable[_Part]) -> bool:
    """Whether the note's video is declared and none of its addresses gave it."""
    gaps = [gap for part in parts for gap in part.gaps]
    return any(gap.slot.kind is AssetKind.VIDEO and gap.role is Role.ORIGINAL for gap in gaps)


def _undeclared(note: Note, replies: tuple[ReplyEntry, ...]) -> list[Gap]:
    """Gaps that no asset stands for: a video that no reply gave, motions nobody could tell of."""
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


def _judged_again(original: FileEntry, picture: Picture) -> FileEntry:
    """The entry without its old problem, if the picture decodes by now: a decoder may have died by chance."""
    if not original.problem or picture.verdict is not Verdict.DECODED:
        return original
    checks = (*original.checks, "decoded")
    return replace(original, problem="", checks=checks, width=picture.width, height=picture.height)


async def _rename(source: Path, target: Path) -> None:
    with ours(f"naming {target.name}"):
        await asyncio.to_thread(source.replace, target)
