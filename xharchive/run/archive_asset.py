"""The story of one asset: taken over as it is, or fetched, checked, named, and converted.

Steps 4 to 7 of docs/architecture.md#the-way-of-a-note.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

from xharchive.archive import Leftovers, PosixStore, Workspace
from xharchive.archive_path import ArchivePath
from xharchive.archived_notes import Holdings
from xharchive.candidates import Preference, plan
from xharchive.disk import ours
from xharchive.download import Fetched, Fetcher, Order, Unfetched
from xharchive.download.declared_size import NOT_AS_DECLARED
from xharchive.download.fallback import unread_place
from xharchive.download.file_checks import NOT_DECODED_HERE
from xharchive.events import AssetArchived, Listener
from xharchive.gallery import StaleMark
from xharchive.images import Converter, Picture, Small, Verdict
from xharchive.manifest import FileEntry, Gap, Role
from xharchive.media import AssetKind, Format, of_type
from xharchive.models import Asset, NoteId, Slot
from xharchive.naming import file_name, lesser_stem, stem
from xharchive.resolver import Resolver

__all__ = ["SAME_BYTES", "AssetStory", "NoteTools", "Part", "doubt"]

SAME_BYTES = "the same bytes as "
"""How the problem of a picture begins, or goes on, whose bytes another picture of the note has too."""

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
        doubtful = (entry for entry in self._held_of(slot) if _is_doubtful(entry))
        held = next((entry.sha256 for entry in doubtful), "")
        return Order(self._id, asset, candidates, part, derivative, begun, small, held)

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
        if done and not order.held:
            return await self._completed(order, done)
        outcome = await self._tools.fetcher.fetch(order)
        if done and not _is_better(outcome, done):
            return Part(done, self._flaws(done))
        if not isinstance(outcome, Fetched):
            gap = Gap(slot, Role.ORIGINAL, outcome.reason, outcome.detail, outcome.tried)
            expired = order.asset.endpoint if outcome.expired else ""
            return Part(gaps=(gap,), expired=expired, guessed=outcome.guessed)
        made = self._made(order, outcome)
        await self._workspace.settle(slot, made, self._tools.threads)
        files = [entry for _, entry in made]
        original = _main(files)
        self._tools.listen(
            AssetArchived(
                self._id.text,
                str(slot),
                original.path,
                original.size,
                original.quality.value if original.quality else "",
                original.host,
            )
        )
        return Part(tuple(files), self._flaws(files))

    def _made(self, order: Order, fetched: Fetched) -> list[tuple[ArchivePath, FileEntry]]:
        """Return the files of an outcome as they are to be recorded, and where they lie.

        Where no decoder reads the upload, it keeps the name of the original; what shows it lies beside it.
        """
        shown, pictures = self._original(order, fetched), self._pictures
        upload: list[tuple[ArchivePath, FileEntry]] = []
        name = stem(shown.slot, pictures)
        if fetched.upload is not None:
            original = self._original(order, fetched.upload)
            upload.append((unread_place(order.part), original))
            name = lesser_stem(shown.slot, fetched.candidate.quality.value, pictures)
            shown = replace(shown, path=f"{name}.{fetched.body.found.suffix}", stands_for=original.path)
        derivative = self._derivative(shown, fetched.picture, name)
        return [*upload, (order.part, shown), *((order.derivative, entry) for entry in derivative)]

    async def _completed(self, order: Order, files: tuple[FileEntry, ...]) -> Part:
        """Make a derivative that an earlier run left out or could not make, from the original there is."""
        original = _main(files)
        found = of_type(original.media_type)
        lacking = len(files) == 1 and self._wanted(original) is not None
        if found is None or (original.is_readable and not lacking):
            return Part(files, self._flaws(files))
        source = self._where(original)
        with ours("making room for a derivative"):
            order.derivative.unlink(missing_ok=True)
        small = order.small and order.small(original.sha256)
        picture = await self._tools.converter.examine(source, found, order.derivative, small)
        original = _judged_again(original, picture)
        derivative = self._derivative(original, picture, stem(original.slot, self._pictures))
        for entry in derivative:
            with ours(f"naming {entry.path}"):
                await asyncio.to_thread(order.derivative.replace, self._workspace.file(entry.path))
        beside = [entry for entry in files if not entry.is_main and entry.derived_from != original.path]
        made = [original, *beside, *derivative]
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
            orientation=proof.orientation,
            refused=fetched.refused,
        )

    def _derivative(self, original: FileEntry, picture: Picture | None, name: str) -> list[FileEntry]:
        if picture is None or picture.derivative is None:
            return []
        made = picture.derivative
        return [
            FileEntry(
                path=f"{name}.{made.format.suffix}",
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
        """What is wrong although the original is there.

        It is not what the reply declares, no decoder reads it, or its derivative is missing.
        """
        original = _main(files)
        wanted = self._wanted(original) is not None
        only_large = original.problem.startswith(NOT_DECODED_HERE)
        if _is_doubtful(original):
            return (doubt(original),)
        if original.problem and (wanted or not only_large):
            return (Gap(original.slot, Role.DERIVATIVE, "undecodable", _unread(original, files)),)
        if len(files) == 1 and wanted:
            return (
                Gap(original.slot, Role.DERIVATIVE, "not-converted", f"{original.path} was not converted"),
            )
        return ()


def doubt(original: FileEntry) -> Gap:
    """Return the gap of a file that is kept and may not be the one that the note declares."""
    reason = "same-bytes" if original.problem.startswith(SAME_BYTES) else NOT_AS_DECLARED
    return Gap(original.slot, Role.ORIGINAL, reason, f"{original.path} is kept, but {original.problem}")


def _main(files: Sequence[FileEntry]) -> FileEntry:
    return next(entry for entry in files if entry.is_main)


def _is_doubtful(entry: FileEntry) -> bool:
    return entry.is_main and bool(entry.problem) and entry.is_readable


def _is_better(outcome: Fetched | Unfetched, held: Sequence[FileEntry]) -> bool:
    """Whether what was fetched takes the place of a doubtful file that is there."""
    if not isinstance(outcome, Fetched) or not outcome.body.sha256 or outcome.upload is not None:
        return False
    entry, proof = _main(held), outcome.proof
    if not proof.problem:
        return outcome.body.sha256 != entry.sha256
    found = proof.width * proof.height, proof.duration_ms
    return proof.misfit and found > (entry.width * entry.height, entry.duration_ms)


def _unread(original: FileEntry, files: Sequence[FileEntry]) -> str:
    shown = next((entry for entry in files if entry.stands_for), None)
    kept = f"{original.path} is kept as it came, but no picture could be made of it: {original.problem}"
    return f"{kept}; {shown.path}, a lesser one, is shown in its place" if shown else kept


def _judged_again(original: FileEntry, picture: Picture) -> FileEntry:
    """The entry without its old problem, if the picture decodes by now: a decoder may have died by chance."""
    if not original.problem or picture.verdict is not Verdict.DECODED:
        return original
    checks = (*original.checks, "decoded")
    return replace(
        original,
        problem="",
        checks=checks,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
    )
