"""Download an asset and verify the file: obey `policy`, and keep flawed files until a better one arrives."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.download.file_checks import (
    CONTENT_REASONS,
    NOT_AS_DECLARED,
    CheckedBody,
    FetchFailure,
    FetchRequest,
    FetchResult,
    Proof,
    check_picture,
    mismatch,
    same_shape,
)
from xharchive.download.hosts import HostHealth, HostThroughput, host_of
from xharchive.download.http_file import Downloader, Ranges, RetryAfter, Transfer
from xharchive.download.part_file import discard
from xharchive.download.policy import UNDECODABLE, Attempts, Policy, Try, Wait, WaitBudget
from xharchive.download.receive import MAX_BODY_SIZE
from xharchive.download.scheduler import Multipart, TransferScheduler
from xharchive.errors import ArchiveError, CandidateFailed
from xharchive.events import CandidateRefused, Listener
from xharchive.http import Transport
from xharchive.images import Converter, DecodedImage
from xharchive.images.pool import WorkBudget
from xharchive.media import AssetKind, Family
from xharchive.models import Candidate, Quality
from xharchive.retry import RetryPolicy

__all__ = [
    "MAX_FILE_SIZE",
    "FetchFailure",
    "FetchOptions",
    "FetchRequest",
    "FetchResult",
    "Fetcher",
    "TransferScheduler",
    "undecoded_path",
]

MAX_FILE_SIZE = max(MAX_BODY_SIZE.values())
"""Size limit of any file, in bytes. A declared size above it is an error of the reply."""

_NORMAL_PRIORITY = 1
# Long transfers first, so that a run has no tail (docs/performance.md#connections-and-ranges).
_PRIORITY = {AssetKind.VIDEO: 0}


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Set options of all downloads of a run.

    Args:
        ranges: Download a large body over several connections while transfer slots are idle.
        patience: Limit in seconds for all waits of one asset, between tries and for busy hosts. None for the
            defaults of `WaitBudget`.
    """

    ranges: bool = True
    patience: float | None = None


class Fetcher:
    """Fetch the assets of one run.

    Args:
        slots: Limits the number of simultaneous transfers.
        threads: Run file writes, hashing and checks.
        retry: The number of retries and the pauses between them.
        monotonic: Monotonic clock in seconds.
        wait: Coroutine function that sleeps for a number of seconds.
        boot: Name of this boot of the machine, "" if unknown (see `part_file`).
    """

    def __init__(  # noqa: PLR0913 - wires the parts of the room, once a run
        self,
        transport: Transport,
        converter: Converter,
        slots: TransferScheduler,
        threads: Executor,
        retry: RetryPolicy,
        listen: Listener,
        *,
        random: Random,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
        boot: str = "",
        options: FetchOptions | None = None,
    ) -> None:
        self.active = 0  # assets that are fetched, checked or waited for
        self._options = options or FetchOptions()
        self._converter = converter
        self._slots = slots
        self._retry = retry
        self._listen = listen
        self._random = random
        self._now = now
        self._wait = wait
        self._health = HostHealth(monotonic, first_backoff=8 * retry.first_wait)
        self._throughput = HostThroughput(monotonic)
        multipart = Multipart(transport, self._health, slots, threads, monotonic, self._options.ranges)
        self._downloader = Downloader(self._throughput, multipart, listen, boot)

    async def fetch(self, request: FetchRequest) -> FetchResult | FetchFailure:
        """Fetch one asset.

        Returns:
            The file of the first candidate that passes all checks, or the failure with its reason. A complete
            picture that no decoder reads is the result only if no other candidate gave a better file.

        Raises:
            ArchiveError: A file cannot be read or written.
        """
        self.active += 1
        try:
            return await self._fetch(request)
        except ArchiveError:
            with suppress(OSError):  # free the space on a full disk; report the first error, not this one
                _FlawedFiles(request).discard_all()
            raise
        finally:
            self.active -= 1

    async def _fetch(self, request: FetchRequest) -> FetchResult | FetchFailure:
        attempts = Attempts(WaitBudget(self._options.patience, self._retry.first_wait))
        work, flawed = self._converter.budget(), _FlawedFiles(request)
        pauses = tuple(self._retry.pauses(self._random))
        policy = Policy(request.candidates, attempts, self._health, self._throughput, pauses)
        for step in policy.steps():
            if isinstance(step, Wait):
                await self._wait(step.seconds)
                continue
            try:
                fetched = await self._try(request, step, attempts, work)
            except CandidateFailed as problem:
                self._refuse(request, step.candidate, attempts, problem.reason, str(problem))
                continue
            if fetched.is_acceptable:
                attempts.clear_refusal(step.candidate)
                if flawed.is_better_than(fetched):
                    break
                fetched = replace(fetched, refused=attempts.refusals)
                return await asyncio.to_thread(flawed.attach_upload, fetched) if flawed else fetched
            reason = NOT_AS_DECLARED if fetched.proof.is_mismatch else UNDECODABLE
            self._refuse(request, step.candidate, attempts, reason, fetched.proof.problem)
            attempts.has_fallback = True
            await asyncio.to_thread(flawed.add, fetched)
            if fetched.body.sha256 == request.held:
                return FetchFailure("unchanged", "a host sent the archived file again", attempts.refusals)
        best = await asyncio.to_thread(flawed.restore_best) if flawed else None
        if best is None:
            return attempts.failure(request.asset, request.candidates)
        attempts.clear_refusal(best.candidate)
        return replace(best, refused=attempts.refusals)

    def _refuse(
        self, request: FetchRequest, candidate: Candidate, attempts: Attempts, reason: str, detail: str
    ) -> None:
        attempts.refuse(candidate, reason, detail)
        slot = str(request.asset.slot)
        self._listen(CandidateRefused(request.note.text, slot, host_of(candidate), reason, detail))

    async def _try(
        self, request: FetchRequest, step: Try, attempts: Attempts, work: WorkBudget | None
    ) -> FetchResult:
        """Download one candidate and run all checks on its file.

        Raises:
            CandidateFailed: The candidate does not give a file that passes the checks.
            ArchiveError: A file cannot be read or written.
        """
        host = host_of(step.candidate)
        self._health.check(host)
        is_new = not attempts.refusals and not request.begun
        transfer = Transfer(request, step.candidate, host, step.is_retry, is_new, step.mirrors)
        try:
            result = await self._decode(transfer, await self._download(transfer, attempts.budget), work)
            if result.is_acceptable or not result.body.assembled:
                return result
        except CandidateFailed as problem:
            if problem.reason not in CONTENT_REASONS or not transfer.file.assembled:
                raise
        # Perhaps only the bytes of one response are bad. Download the complete file in one response.
        with translate_os_errors("removing a wrong file"):
            await asyncio.to_thread(discard, request.part)
        transfer = replace(transfer, is_new=True, ranges=Ranges.PLAIN)
        return await self._decode(transfer, await self._download(transfer, attempts.budget), work)

    async def _download(self, transfer: Transfer, budget: WaitBudget) -> CheckedBody:
        """Download one candidate in a transfer slot.

        If the host asks for a pause during the transfer, wait without a slot, then resume.
        """
        host = transfer.host
        priority = _PRIORITY.get(transfer.request.asset.slot.kind, _NORMAL_PRIORITY)
        while True:
            try:
                async with self._slots.acquire(priority):
                    return await self._downloader.fetch(transfer)
            except RetryAfter:
                pass
            while left := self._health.retry_after_left(host):
                if transfer.candidate.guessed or not budget.spend(left, requested_by_host=True):
                    raise CandidateFailed("busy", f"{host} asked for a pause of {left:.0f} seconds")
                await self._wait(left)

    async def _decode(self, transfer: Transfer, checked: CheckedBody, work: WorkBudget | None) -> FetchResult:
        """Decode a picture that passed the file checks; compare any file with the declared size.

        The transfer slot is free again: decoding must not delay transfers.
        """
        request, body, structure = transfer.request, checked.body, checked.structure
        proof = Proof(checked.checks, structure.width, structure.height, structure.duration_ms)
        picture: DecodedImage | None = None
        if body.found.family is Family.PICTURE:
            thumbnail = request.small.target(body.sha256) if request.small else None
            picture = await self._converter.examine(
                request.part, body.found, request.derivative, thumbnail, work
            )
            proof = check_picture(picture, checked.checks, lacks_end_marker=structure.lacks_end_marker)
        difference = mismatch(request.asset, transfer.candidate, proof.width, proof.height, proof.duration_ms)
        if difference and not proof.problem:
            proof = replace(proof, problem=difference, is_mismatch=True)
        return FetchResult(transfer.candidate, body, proof, picture, self._now())


def undecoded_path(part: ArchivePath) -> ArchivePath:
    """Return the path of an uploaded picture that no decoder reads."""
    return part.with_name(f"{part.name}.unread")


def _mismatch_path(path: ArchivePath) -> ArchivePath:
    return path.with_name(f"{path.name}.misfit")


class _FlawedFiles:
    """Store flawed files of one asset, in case no better file arrives: so none is downloaded twice.

    These are the first picture that no decoder reads, and the best file that differs from what the reply
    declares. The methods block, and raise ArchiveError.
    """

    def __init__(self, request: FetchRequest) -> None:
        self._part = request.part
        self._derivative = request.derivative
        self._undecoded: FetchResult | None = None
        self._mismatch: FetchResult | None = None

    def __bool__(self) -> bool:
        return self._undecoded is not None or self._mismatch is not None

    def add(self, fetched: FetchResult) -> None:
        """Store the file at the request's part path, or remove it if the stored one is better."""
        with translate_os_errors("storing a flawed file"):
            if not fetched.proof.is_mismatch and self._undecoded is None:
                self._part.replace(undecoded_path(self._part))
                self._undecoded = fetched
            elif fetched.proof.is_mismatch and (
                self._mismatch is None or fetched.content_size > self._mismatch.content_size
            ):
                self._part.replace(_mismatch_path(self._part))
                _move(self._derivative, _mismatch_path(self._derivative))
                self._mismatch = fetched
            discard(self._part)
            self._derivative.unlink(missing_ok=True)

    def is_better_than(self, fetched: FetchResult) -> bool:
        """Return whether a stored upload is a better choice than a transcode that fits.

        Declared sizes may be wrong. An upload of the same shape is then smaller than declared, and so are its
        transcodes.
        """
        stored = self._mismatch
        return (
            stored is not None
            and stored.candidate.quality is Quality.ORIGINAL
            and fetched.candidate.quality is not Quality.ORIGINAL
            and fetched.content_size <= stored.content_size
            and same_shape(
                (stored.proof.width, stored.proof.height), (fetched.proof.width, fetched.proof.height)
            )
        )

    def attach_upload(self, fetched: FetchResult) -> FetchResult:
        """Attach the upload that no decoder reads to a file at the part path; remove all others."""
        upload = self._undecoded
        if upload is not None and (
            upload.candidate.quality is not Quality.ORIGINAL or fetched.candidate.quality is Quality.ORIGINAL
        ):
            upload = None
        with translate_os_errors("removing a file that is not needed"):
            for path in (_mismatch_path(self._part), _mismatch_path(self._derivative)):
                path.unlink(missing_ok=True)
            if upload is None:
                undecoded_path(self._part).unlink(missing_ok=True)
        return replace(fetched, upload=upload)

    def restore_best(self) -> FetchResult | None:
        """Rename the best stored file to the part path, and return it; None if there is none."""
        with translate_os_errors("restoring a stored file"):
            discard(self._part)
            self._derivative.unlink(missing_ok=True)
            if self._mismatch is not None:
                _mismatch_path(self._part).replace(self._part)
                _move(_mismatch_path(self._derivative), self._derivative)
            elif self._undecoded is not None:
                undecoded_path(self._part).replace(self._part)
        return self._undecoded if self._mismatch is None else self.attach_upload(self._mismatch)

    def discard_all(self) -> None:
        """Remove the part file and all stored files. Raises OSError."""
        discard(self._part)
        for path in (
            _mismatch_path(self._part),
            _mismatch_path(self._derivative),
            undecoded_path(self._part),
        ):
            path.unlink(missing_ok=True)


def _move(source: ArchivePath, target: ArchivePath) -> None:
    target.unlink(missing_ok=True)
    if source.exists():
        source.replace(target)
