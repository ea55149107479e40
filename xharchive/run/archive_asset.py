"""Archive one asset: use the files that exist, or download, check, name and convert it.

Steps 4 to 7 of docs/architecture.md#the-way-of-a-note.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

from xharchive.archive import Archive, Leftovers, Workspace
from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.download import Fetcher, FetchFailure, FetchRequest, FetchResult, undecoded_path
from xharchive.download.file_checks import NOT_AS_DECLARED, NOT_DECODED_HERE
from xharchive.events import AssetArchived, Listener
from xharchive.gallery.paths import StaleMark
from xharchive.images import Converter, DecodedImage, DecodeStatus, ThumbnailFolder
from xharchive.manifest import DOUBTFUL_REASONS, FileEntry, MissingAsset, Role
from xharchive.media import AssetKind, Format, of_type
from xharchive.models import Asset, NoteId, Slot
from xharchive.naming import fallback_stem, file_name, file_stem
from xharchive.resolver import Resolver
from xharchive.url_candidates import Preference, rank_candidates

# Begins the hint, in a picture's problem, that another picture of the note has the same bytes.
_SAME_BYTES_AS = "the same bytes as "

# The gallery shows this picture in lists. If it shows another one, it makes that thumbnail itself.
_THUMBNAIL_SLOT = Slot(AssetKind.IMAGE, 1)


@dataclass(frozen=True, slots=True)
class RunServices:
    """The services that the notes of a run share.

    Attributes:
        mark: the mark that the gallery is stale; set before each commit.
        small: where the gallery looks for thumbnails; None in a run without a gallery.
    """

    archive: Archive
    resolver: Resolver
    fetcher: Fetcher
    converter: Converter
    listen: Listener
    now: Callable[[], datetime]
    prefer: Preference
    threads: Executor
    mark: StaleMark
    small: ThumbnailFolder | None = None


@dataclass(frozen=True, slots=True)
class AssetOutcome:
    """The result for one declared asset.

    Attributes:
        files: its files.
        missing: what is missing or doubtful of it.
        expired: the endpoint whose URLs for it are expired, or "".
        guessed: no reply has a URL for it; all candidates are derived by a rule.
    """

    files: tuple[FileEntry, ...] = ()
    missing: tuple[MissingAsset, ...] = ()
    expired: str = ""
    guessed: bool = False


class AssetRun:
    """Archive the assets of a note into its work folder. The methods that read or write raise ArchiveError.

    Args:
        archived: the files of the note that the archive has.
        image_count: how many images the note declares.
    """

    def __init__(
        self,
        services: RunServices,
        note_id: NoteId,
        workspace: Workspace,
        archived: Sequence[FileEntry],
        image_count: int,
    ) -> None:
        self._services = services
        self._id = note_id
        self._workspace = workspace
        self._archived = archived
        self._image_count = image_count

    def request(self, asset: Asset, *, begun: bool) -> FetchRequest:
        """Return the request for the download of an asset. `begun`: an earlier run left a part file."""
        slot, workspace = asset.slot, self._workspace
        doubtful = [entry.sha256 for entry in self._archived_files_of(slot) if _is_doubtful(entry)]
        return FetchRequest(
            self._id,
            asset,
            rank_candidates(asset, self._services.prefer),
            workspace.part(slot),
            workspace.derivative(slot),
            begun,
            self._services.small if slot == _THUMBNAIL_SLOT else None,
            held="".join(doubtful[:1]),
        )

    async def existing_files(self, slots: Sequence[Slot]) -> Leftovers:
        """Return the files that exist: archived, or verified by an earlier run."""
        originals = {entry.slot for entry in self._archived if entry.role is Role.ORIGINAL}
        archived = {slot: self._archived_files_of(slot) for slot in slots if slot in originals}
        left = await self._workspace.leftovers([slot for slot in slots if slot not in originals])
        return replace(left, done={**archived, **left.done})

    def _archived_files_of(self, slot: Slot) -> tuple[FileEntry, ...]:
        return tuple(entry for entry in self._archived if entry.slot == slot)

    async def run(self, request: FetchRequest, done: tuple[FileEntry, ...]) -> AssetOutcome:
        """Complete an asset from its files in `done`, or download it.

        A doubtful file is downloaded again. It stays unless the new one is better.
        """
        slot = request.asset.slot
        if done and not request.held:
            return await self._complete(request, done)
        outcome = await self._services.fetcher.fetch(request)
        if done and not _is_better(outcome, done):
            return AssetOutcome(done, self._missing_assets(done))
        if not isinstance(outcome, FetchResult):
            missing = MissingAsset(slot, Role.ORIGINAL, outcome.reason, outcome.detail, outcome.tried)
            expired = request.asset.endpoint if outcome.expired else ""
            return AssetOutcome(missing=(missing,), expired=expired, guessed=outcome.guessed)
        made = self._file_entries(request, outcome)
        await self._workspace.save_files(slot, made, self._services.threads)
        files = [entry for _, entry in made]
        main = _main_file(files)
        quality = main.quality.value if main.quality else ""
        self._services.listen(
            AssetArchived(self._id.text, str(slot), main.path, main.size, quality, main.host)
        )
        return AssetOutcome(tuple(files), self._missing_assets(files))

    def _file_entries(
        self, request: FetchRequest, fetched: FetchResult
    ) -> list[tuple[ArchivePath, FileEntry]]:
        """Return the paths of downloaded files, each with its entry for the manifest.

        If no decoder reads the upload, it still gets the name of the original. The rendition that shows it
        lies beside it.
        """
        shown, image_count = self._original(request, fetched), self._image_count
        upload: list[tuple[ArchivePath, FileEntry]] = []
        name = file_stem(shown.slot, image_count)
        if fetched.upload is not None:
            original = self._original(request, fetched.upload)
            upload.append((undecoded_path(request.part), original))
            name = fallback_stem(shown.slot, fetched.candidate.quality.value, image_count)
            shown = replace(shown, path=f"{name}.{fetched.body.found.suffix}", stands_for=original.path)
        derivative = self._derivative(shown, fetched.picture, name)
        return [*upload, (request.part, shown), *((request.derivative, entry) for entry in derivative)]

    async def _complete(self, request: FetchRequest, files: tuple[FileEntry, ...]) -> AssetOutcome:
        """Decode an original again if it did not decode or has no derivative, and make its derivative."""
        original = _main_file(files)
        found = of_type(original.media_type)
        is_derivative_missing = len(files) == 1 and self._target_format(original) is not None
        if found is None or (original.is_readable and not is_derivative_missing):
            return AssetOutcome(files, self._missing_assets(files))
        source = self._path_of(original)
        with translate_os_errors("making room for a derivative"):
            request.derivative.unlink(missing_ok=True)
        small = request.small.target(original.sha256) if request.small else None
        picture = await self._services.converter.examine(source, found, request.derivative, small)
        original = _without_old_problem(original, picture)
        derivative = self._derivative(original, picture, file_stem(original.slot, self._image_count))
        for entry in derivative:
            with translate_os_errors(f"naming {entry.path}"):
                await asyncio.to_thread(request.derivative.replace, self._workspace.file(entry.path))
        beside = [entry for entry in files if not entry.is_main and entry.derived_from != original.path]
        made = [original, *beside, *derivative]
        return AssetOutcome(tuple(made), self._missing_assets(made))

    def _path_of(self, entry: FileEntry) -> ArchivePath:
        waiting = self._workspace.file(entry.path)
        if waiting.exists() or self._workspace.published is None:
            return waiting
        return self._workspace.published / entry.path

    def _original(self, request: FetchRequest, fetched: FetchResult) -> FileEntry:
        body, proof, asset = fetched.body, fetched.proof, request.asset
        return FileEntry(
            path=file_name(asset.slot, body.found, self._image_count),
            role=Role.ORIGINAL,
            slot=asset.slot,
            size=body.size,
            sha256=body.sha256,
            media_type=body.found.media_type,
            width=proof.width,
            height=proof.height,
            duration_ms=proof.duration_ms,
            quality=fetched.candidate.quality,
            host=fetched.body.origin.host,
            url_path=fetched.body.origin.path,
            endpoint=asset.endpoint,
            fetched=fetched.at,
            checks=proof.checks,
            problem=proof.problem,
            orientation=proof.orientation,
            refused=fetched.refused,
        )

    def _derivative(self, original: FileEntry, picture: DecodedImage | None, name: str) -> list[FileEntry]:
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

    def _target_format(self, original: FileEntry) -> Format | None:
        found = of_type(original.media_type)
        return self._services.converter.derivative_format(found) if found else None

    def _missing_assets(self, files: Sequence[FileEntry]) -> tuple[MissingAsset, ...]:
        """Return what is missing although the original is there.

        It may differ from the declared asset, no decoder may read it, or its derivative may be missing.
        """
        original = _main_file(files)
        if _is_doubtful(original):
            return (_doubtful_as_missing(original),)
        is_converted = self._target_format(original) is not None
        is_too_large = original.problem.startswith(NOT_DECODED_HERE)
        if original.problem and (is_converted or not is_too_large):
            reason, detail = "undecodable", _undecodable_detail(original, files)
        elif len(files) == 1 and is_converted:
            reason, detail = "not-converted", f"{original.path} was not converted"
        else:
            return ()
        return (MissingAsset(original.slot, Role.DERIVATIVE, reason, detail),)


def with_same_bytes_hints(
    outcomes: Mapping[Slot, AssetOutcome], assets: Sequence[Asset]
) -> dict[Slot, AssetOutcome]:
    """Mark pictures of one note that have the same bytes: all of them may be a placeholder of the platform.

    Each gets a problem and a missing asset. This is a weak hint. It counts only if the reply declares no size
    in pixels, or if the file differs from it.
    """
    sized = {asset.slot for asset in assets if asset.width and asset.height}
    pictures = {
        slot: entry
        for slot, outcome in outcomes.items()
        for entry in outcome.files
        if slot.kind is AssetKind.IMAGE and entry.is_main and entry.is_readable
    }
    same: dict[str, list[FileEntry]] = defaultdict(list)
    for entry in pictures.values():
        same[entry.sha256].append(entry)
    problems = {
        slot: _problem_with_hint(entry, same[entry.sha256], is_sized=slot in sized)
        for slot, entry in pictures.items()
    }
    return {slot: _with_problem(outcome, problems.get(slot)) for slot, outcome in outcomes.items()}


def _problem_with_hint(entry: FileEntry, same: Sequence[FileEntry], *, is_sized: bool) -> str:
    """Return the problem of a picture, with the hint of this run instead of that of an earlier one."""
    problem = entry.problem.partition(_SAME_BYTES_AS)[0].removesuffix("; ")
    # Two slots of a note may declare one file.
    twins = [other.path for other in same if other.url_path != entry.url_path]
    hint = _SAME_BYTES_AS + ", ".join(twins) if twins and (problem or not is_sized) else ""
    return "; ".join(filter(None, (problem, hint)))


def _with_problem(outcome: AssetOutcome, problem: str | None) -> AssetOutcome:
    main_file = next((entry for entry in outcome.files if entry.is_main), None)
    if main_file is None or problem is None or problem == main_file.problem:
        return outcome
    changed = replace(main_file, problem=problem)
    files = tuple(changed if entry is main_file else entry for entry in outcome.files)
    missing = tuple(gap for gap in outcome.missing if gap.reason not in DOUBTFUL_REASONS)
    if problem:
        missing += (_doubtful_as_missing(changed),)
    return replace(outcome, files=files, missing=missing)


def _doubtful_as_missing(original: FileEntry) -> MissingAsset:
    """Return the missing asset for a doubtful file, which stays in the archive."""
    reason = "same-bytes" if original.problem.startswith(_SAME_BYTES_AS) else NOT_AS_DECLARED
    return MissingAsset(
        original.slot, Role.ORIGINAL, reason, f"{original.path} is kept, but {original.problem}"
    )


def _main_file(files: Sequence[FileEntry]) -> FileEntry:
    return next(entry for entry in files if entry.is_main)


def _is_doubtful(entry: FileEntry) -> bool:
    return entry.is_main and bool(entry.problem) and entry.is_readable


def _is_better(outcome: FetchResult | FetchFailure, old: Sequence[FileEntry]) -> bool:
    """Whether the downloaded file replaces a doubtful file of the archive."""
    if not isinstance(outcome, FetchResult) or not outcome.body.sha256 or outcome.upload is not None:
        return False
    entry, proof = _main_file(old), outcome.proof
    if not proof.problem:
        return outcome.body.sha256 != entry.sha256
    found = proof.width * proof.height, proof.duration_ms
    return proof.is_mismatch and found > (entry.width * entry.height, entry.duration_ms)


def _undecodable_detail(original: FileEntry, files: Sequence[FileEntry]) -> str:
    shown = next((entry for entry in files if entry.stands_for), None)
    kept = f"{original.path} is kept as it came, but no picture could be made of it: {original.problem}"
    return f"{kept}; {shown.path}, a lesser one, is shown in its place" if shown else kept


def _without_old_problem(original: FileEntry, picture: DecodedImage) -> FileEntry:
    """Return the entry without its problem if the picture decodes now: a decoder may have died by chance."""
    if not original.problem or picture.verdict is not DecodeStatus.DECODED:
        return original
    original = replace(original, problem="", checks=(*original.checks, "decoded"))
    return replace(original, width=picture.width, height=picture.height, orientation=picture.orientation)
