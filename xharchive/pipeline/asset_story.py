"""The story of one asset: taken over as it is, or fetched, checked, named, and converted (DESIGN 4.4-4.6)."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

from xharchive.archive_path import ArchivePath
from xharchive.candidates import Preference, plan
from xharchive.convert import Converter, Picture, Small, Verdict
from xharchive.disk import ours
from xharchive.events import AssetArchived, Listener
from xharchive.fetch import Fetched, Fetcher, Order
from xharchive.fetch.checks import NOT_DECODED_HERE
from xharchive.gallery import StaleMark
from xharchive.holdings import Holdings
from xharchive.manifest import FileEntry, Gap, Role
from xharchive.media import AssetKind, Format, of_type
from xharchive.models import Asset, NoteId, Slot
from xharchive.naming import file_name, stem
from xharchive.resolver import Resolver
from xharchive.stores import Leftovers, PosixStore, Workspace

__all__ = ["AssetStory", "NoteTools", "Part"]


# Of other pictures, shown where this one failed, the gallery makes a small version itself.
_SHOWN_IN_LISTS = Slot(AssetKind.IMAGE, 1)


@dataclass(frozen=True, slots=True)
class NoteTools:
    """The rooms that a note passes through.

    `small` says where the gallery looks for the small version of an original's derivative, given the
    original's SHA-256; None in a run without a gallery. `mark` is set before a commit.
    """

    store: PosixStore
    holdings: Holdings
    resolver: Resolver
    fetcher: Fetcher
    converter: Converter
    listen: Listener
    now: Callable[[], datetime]
    prefer: Preference
    threads: Executor
    mark: StaleMark
    small: Callable[[str], Small] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one declared asset: its files, what is missing of them.

    `expired` names the endpoint whose addresses for it are past their time; `guessed`: it gave none at all.
    """

    files: tuple[FileEntry, ...] = ()
    gaps: tuple[Gap, ...] = ()
    expired: str = ""
    guessed: bool = False


class AssetStory:
    """Tells the stories of a note's assets, which lie in `workspace` until the note is committed.

    `held` are the files that the archive has of the note already, `pictures` is how many the note declares.
    """

    def __init__(
        self,
        tools: NoteTools,
        note_id: NoteId,
        workspace: Workspace,
        held: Sequence[FileEntry],
        pictures: int,
    ) -> None:
        self._tools = tools
        self._id = note_id
        self._workspace = workspace
        self._held = held
        self._pictures = pictures

    def order(self, asset: Asset, *, begun: bool) -> Order:
        """Return what is to be fetched for an asset, and where to; `begun`: an earlier run left a part."""
        slot = asset.slot
        candidates = plan(asset, self._tools.prefer)
        workspace = self._workspace
        part, derivative = workspace.part(slot), workspace.derivative(slot)
        small = self._tools.small if slot == _SHOWN_IN_LISTS else None
        return Order(self._id, asset, candidates, part, derivative, begun, small)

    async def already(self, slots: Sequence[Slot]) -> Leftovers:
        """Return what need not be fetched: files that are archived, or verified by an earlier run.

        Raises:
            ArchiveError: a file is there and cannot be read.
        """
        originals = {entry.slot for entry in self._held if entry.role is Role.ORIGINAL}
        held = {slot: self._held_of(slot) for slot in slots if slot in originals}
        left = await self._workspace.leftovers([slot for slot in slots if slot not in originals])
        return replace(left, done={**held, **left.done})

    def _held_of(self, slot: Slot) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self._held if entry.slot == slot)

    async def tell(self, order: Order, done: tuple[FileEntry, ...]) -> Part:
        """Complete an asset from the files there are, or fetch it.

        Raises:
            ArchiveError: the disk would not.
        """
        slot = order.asset.slot
        if done:
            return await self._completed(order, done)
        outcome = await self._tools.fetcher.fetch(order)
        if not isinstance(outcome, Fetched):
            gap = Gap(slot, Role.ORIGINAL, outcome.reason, outcome.detail, outcome.tried)
            expired = order.asset.endpoint if outcome.expired else ""
            return Part(gaps=(gap,), expired=expired, guessed=outcome.guessed)
        original = self._original(order, outcome)
        derivative = self._derivative(original, outcome.picture)
        made = [(order.part, original), *((order.derivative, entry) for entry in derivative)]
        await self._workspace.settle(slot, made, self._tools.threads)
        files = [original, *derivative]
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
        return Part(tuple(files), self._flaws(files))

    async def _completed(self, order: Order, files: tuple[FileEntry, ...]) -> Part:
        """Make a derivative that an earlier run left out or could not make, from the original there is."""
        original = next(entry for entry in files if entry.role is Role.ORIGINAL)
        found = of_type(original.media_type)
        lacking = len(files) == 1 and self._wanted(original) is not None
        if found is None or not (lacking or original.problem):
            return Part(files, self._flaws(files))
        source = self._where(original)
        with ours("making room for a derivative"):
            order.derivative.unlink(missing_ok=True)
        small = order.small and order.small(original.sha256)
        picture = await self._tools.converter.examine(source, found, order.derivative, small)
        original = _judged_again(original, picture)
        derivative = self._derivative(original, picture)
        for entry in derivative:
            with ours(f"naming {entry.path}"):
                await asyncio.to_thread(order.derivative.replace, self._workspace.file(entry.path))
        made = [original, *derivative]
        return Part(tuple(made), self._flaws(made))

    def _where(self, entry: FileEntry) -> ArchivePath:
        waiting = self._workspace.file(entry.path)
        if waiting.exists() or self._workspace.published is None:
            return waiting
        return self._workspace.published / entry.path

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

    def _derivative(self, original: FileEntry, picture: Picture | None) -> list[FileEntry]:
        if picture is None or picture.derivative is None:
            return []
        made = picture.derivative
        path = f"{stem(original.slot, self._pictures)}.{made.format.suffix}"
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


def _judged_again(original: FileEntry, picture: Picture) -> FileEntry:
    """The entry without its old problem, if the picture decodes by now: a decoder may have died by chance."""
    if not original.problem or picture.verdict is not Verdict.DECODED:
        return original
    checks = (*original.checks, "decoded")
    return replace(original, problem="", checks=checks, width=picture.width, height=picture.height)
