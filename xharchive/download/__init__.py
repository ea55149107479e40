"""Download an asset and verify the file: try its candidates in order, with mirrors, retries and backoff.

The mirrors of one rendition form a group. A transient fault is retried within its group, so that it does not
lower the quality. An unreachable host is not waited for: the next mirror follows at once. A host that is much
slower than a mirror is left, and tried again if the mirror fails. If all candidates failed, those with a
transient fault are retried in up to `retries` further rounds.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from random import Random

from xharchive.archive_path import translate_os_errors
from xharchive.download.attempts import Attempts, failure_of, host_of, rendition_key
from xharchive.download.declared_size import NOT_AS_DECLARED, mismatch
from xharchive.download.fallback import FallbackFiles, discard_all
from xharchive.download.fetch_request import FetchFailure, FetchRequest, FetchResult
from xharchive.download.file_checks import CheckedBody, Proof, Rejected, check_file, check_picture
from xharchive.download.host_backoff import HostHealth
from xharchive.download.http_download import Downloader, RangeState, RetryAfter
from xharchive.download.multipart_policy import FetchOptions, MultipartPolicy
from xharchive.download.part_file import discard
from xharchive.download.scheduler import TransferScheduler
from xharchive.download.stream_to_file import MAX_BODY_SIZE, Body
from xharchive.download.throughput import HostThroughput
from xharchive.download.wait_budget import WaitBudget
from xharchive.errors import ArchiveError, CandidateFailed
from xharchive.events import CandidateRefused, Listener
from xharchive.http import Transport
from xharchive.images import Converter, DecodedImage
from xharchive.images.pool import WorkBudget
from xharchive.media import AssetKind, Family
from xharchive.models import Candidate
from xharchive.retry import RetryPolicy

__all__ = [
    "MAX_FILE_SIZE",
    "FetchFailure",
    "FetchOptions",
    "FetchRequest",
    "FetchResult",
    "Fetcher",
    "TransferScheduler",
]

MAX_FILE_SIZE = max(MAX_BODY_SIZE.values())
"""Size limit of any file, in bytes. A declared size above it is an error of the reply."""

# Limits how many backoffs one group waits for: a guard against an endless loop. Other assets use the hosts in
# between, so long before this limit a host works again or is not worth waiting for.
_MAX_BACKOFFS = 100
_NORMAL_PRIORITY = 1
# Long transfers first, so that a run has no tail (docs/performance.md#connections-and-ranges).
_PRIORITY = {AssetKind.VIDEO: 0}


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
        multipart = MultipartPolicy(transport, self._health, slots, threads, monotonic, self._options)
        self._downloader = Downloader(
            transport, self._health, self._throughput, threads, listen, boot, multipart
        )

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
            return await self._try_all(request)
        except ArchiveError:
            with suppress(OSError):  # free the space on a full disk; report the first error, not this one
                discard_all(request)
            raise
        finally:
            self.active -= 1

    async def _try_all(self, request: FetchRequest) -> FetchResult | FetchFailure:
        """Try all groups in order, then retry those that a retry may help."""
        budget = WaitBudget(self._options.patience, self._retry.first_wait)
        attempts = Attempts(budget, self._converter.budget())
        fallbacks = FallbackFiles(request)
        pauses: list[float] = list(self._retry.pauses(self._random))
        for attempt in range(len(pauses) + 1):
            for _, group in groupby(request.candidates, key=rendition_key):
                within = pauses if attempt == 0 else []
                fetched = await self._try_group(request, tuple(group), attempts, fallbacks, within)
                if fetched is not None and fetched.is_acceptable:
                    return await self._choose(request, fetched, attempts, fallbacks)
                if fallbacks.unchanged:
                    return FetchFailure("unchanged", "a host sent the archived file again", attempts.refusals)
            waiting = attempts.worth_another_round(request.candidates)
            if fallbacks or attempt == len(pauses) or not waiting:
                break
            if not await self._wait_for_host(waiting, attempts.budget, pauses[attempt]):
                break
        return await self._best_fallback(attempts, fallbacks) or failure_of(request, attempts)

    async def _choose(
        self, request: FetchRequest, fetched: FetchResult, attempts: Attempts, fallbacks: FallbackFiles
    ) -> FetchResult | FetchFailure:
        """Return the better of an accepted file and the fallback files."""
        if fallbacks.is_better_than(fetched):
            return await self._best_fallback(attempts, fallbacks) or failure_of(request, attempts)
        return await fallbacks.attach_upload(fetched)

    async def _best_fallback(self, attempts: Attempts, fallbacks: FallbackFiles) -> FetchResult | None:
        if (best := await fallbacks.restore_best()) is None:
            return None
        attempts.clear_refusal(best.candidate)
        return replace(best, refused=attempts.refusals)

    async def _try_group(
        self,
        request: FetchRequest,
        group: Sequence[Candidate],
        attempts: Attempts,
        fallbacks: FallbackFiles,
        pauses: Sequence[float],
    ) -> FetchResult | None:
        """Try the mirrors of one rendition, and again after each pause while their faults are transient."""
        tries = len(pauses) + 1
        for _ in range(tries * len(group) + _MAX_BACKOFFS):
            fetched = await self._try_mirrors_once(request, group, attempts, fallbacks)
            if fetched is not None:
                return fetched
            waiting = attempts.worth_a_pause(group, tries)
            if not waiting:
                break
            # Failures of other assets can start a backoff. A round in which a host backs off is not a try.
            tried = attempts.fewest_tries(waiting)
            waited = (
                await self._wait_within_budget(attempts.budget, pauses[tried - 1])
                if tried
                else await self._wait_for_host(waiting, attempts.budget)
            )
            if not waited:
                break
        return None

    async def _try_mirrors_once(
        self, request: FetchRequest, group: Sequence[Candidate], attempts: Attempts, fallbacks: FallbackFiles
    ) -> FetchResult | None:
        """Try each mirror once. If all fail, try those again that were left because they were slow.

        Before its last turn, a slow mirror may be left again, for a mirror that was backing off until now.
        """
        mirrors = sorted(
            attempts.worth_trying(group), key=lambda mirror: self._throughput.is_avoided(host_of(mirror))
        )
        fetched = await self._try_each(mirrors, request, group, attempts, fallbacks)
        for turns in reversed(range(len(group))):
            for slow in attempts.left_as_slow(group) if fetched is None else ():
                mirrors = [*attempts.untried(group), slow]
                fetched = await self._try_each(
                    mirrors, request, group, attempts, fallbacks, may_leave=turns > 0
                )
                if fetched is not None:
                    break
        return fetched

    async def _try_each(
        self,
        candidates: Sequence[Candidate],
        request: FetchRequest,
        group: Sequence[Candidate],
        attempts: Attempts,
        fallbacks: FallbackFiles,
        *,
        may_leave: bool = True,
    ) -> FetchResult | None:
        """Try `candidates` of a group in order and return the first file.

        With `may_leave`, leave a slow host for a much faster, untried mirror of the group.
        """
        for candidate in candidates:
            mirrors = tuple(map(host_of, attempts.untried(group))) if may_leave else ()
            fetched = await self._try_candidate(request, candidate, attempts, fallbacks, mirrors)
            if fetched is not None:
                return fetched
        return None

    async def _wait_within_budget(
        self, budget: WaitBudget, seconds: float, *, requested_by_host: bool = False
    ) -> bool:
        """Wait if the budget allows the complete wait. Return whether it did."""
        if not budget.spend(seconds, requested_by_host=requested_by_host):
            return False
        await self._wait(seconds)
        return True

    async def _wait_for_host(
        self, candidates: Sequence[Candidate], budget: WaitBudget, pause: float = 0.0
    ) -> bool:
        """Wait until the first host ends its backoff, at least `pause` seconds. Return whether it waited."""
        left, host = min((self._health.backoff_left(host), host) for host in map(host_of, candidates))
        requested = self._health.retry_after_left(host) > 0
        return await self._wait_within_budget(budget, max(left, pause), requested_by_host=requested)

    async def _try_candidate(
        self,
        request: FetchRequest,
        candidate: Candidate,
        attempts: Attempts,
        fallbacks: FallbackFiles,
        mirrors: Sequence[str],
    ) -> FetchResult | None:
        """Fetch one candidate. Add a file with a flaw to `fallbacks`.

        Returns:
            The file. None if there is none, or if it differs from what the reply declares: then a mirror may
            have the right one.
        """
        try:
            is_new = attempts.has_no_refusals and not request.begun
            is_retry = attempts.was_tried(candidate)
            fetched = await self._download_and_verify(
                request, candidate, attempts, is_retry=is_retry, is_new=is_new, mirrors=mirrors
            )
        except CandidateFailed as problem:
            self._refuse(request, candidate, attempts, problem.reason, str(problem))
            return None
        if fetched.is_acceptable:
            attempts.clear_refusal(candidate)
            return replace(fetched, refused=attempts.refusals)
        differs = fetched.proof.is_mismatch
        reason = NOT_AS_DECLARED if differs else "undecodable"
        self._refuse(request, candidate, attempts, reason, fetched.proof.problem)
        await fallbacks.add(fetched)
        return None if differs and not fallbacks.unchanged else fetched

    def _refuse(
        self, request: FetchRequest, candidate: Candidate, attempts: Attempts, reason: str, detail: str
    ) -> None:
        attempts.refuse(candidate, reason, detail)
        slot = str(request.asset.slot)
        self._listen(CandidateRefused(request.note.text, slot, host_of(candidate), reason, detail))

    async def _download_and_verify(
        self,
        request: FetchRequest,
        candidate: Candidate,
        attempts: Attempts,
        *,
        is_retry: bool,
        is_new: bool = False,
        mirrors: Sequence[str] = (),
    ) -> FetchResult:
        """Download one candidate and run all checks on its file.

        The transfer slot is free again before a picture is decoded: decoding must not delay transfers. The
        keyword arguments are those of `Downloader.fetch`.

        Raises:
            CandidateFailed: The candidate does not give a file that passes the checks.
            ArchiveError: A file cannot be read or written.
        """
        self._health.check(host_of(candidate))
        from_zero = False
        while True:
            ranges = RangeState(may_split=not from_zero)
            arrived = await self._download(
                request, candidate, attempts.budget, ranges, is_retry=is_retry, is_new=is_new, mirrors=mirrors
            )
            is_last_try = from_zero or not arrived.body.assembled
            result = await self._decode(request, candidate, arrived, attempts.work)
            if isinstance(result, FetchResult) and (result.is_acceptable or is_last_try):
                return result
            with translate_os_errors("removing a wrong file"):
                await asyncio.to_thread(discard, request.part)
            if isinstance(result, Rejected) and is_last_try:
                raise result.problem
            # Perhaps only the bytes of one response are bad. Download the complete file in one response.
            is_new = from_zero = True

    async def _download(  # noqa: PLR0913 - the state of one attempt, used nowhere else
        self,
        request: FetchRequest,
        candidate: Candidate,
        budget: WaitBudget,
        ranges: RangeState,
        *,
        is_retry: bool,
        is_new: bool,
        mirrors: Sequence[str],
    ) -> CheckedBody | Rejected:
        """Download one candidate in a transfer slot.

        If the host asks for a pause during the transfer, wait without a slot, then resume.

        Raises:
            CandidateFailed: The download failed, or the budget does not allow the pause.
            ArchiveError: A file cannot be read or written.
        """
        kind, host = request.asset.slot.kind, host_of(candidate)
        check_body = functools.partial(_check_in_thread, request, candidate)
        while True:
            with suppress(RetryAfter):
                async with self._slots.acquire(_PRIORITY.get(kind, _NORMAL_PRIORITY)):
                    return await self._downloader.fetch(
                        candidate,
                        kind,
                        request.part,
                        check_body,
                        ranges,
                        is_retry=is_retry,
                        is_new=is_new,
                        mirrors=mirrors,
                    )
            is_new = False
            while left := self._health.retry_after_left(host):
                if candidate.guessed or not await self._wait_within_budget(
                    budget, left, requested_by_host=True
                ):
                    raise CandidateFailed("busy", f"{host} asked for a pause of {left:.0f} seconds")

    async def _decode(
        self,
        request: FetchRequest,
        candidate: Candidate,
        arrived: CheckedBody | Rejected,
        work: WorkBudget | None,
    ) -> FetchResult | Rejected:
        """Decode a picture that passed the file checks; compare any file with the declared size."""
        if isinstance(arrived, Rejected):
            return arrived
        body, structure = arrived.body, arrived.structure
        proof = Proof(arrived.checks, structure.width, structure.height, structure.duration_ms)
        picture: DecodedImage | None = None
        if body.found.family is Family.PICTURE:
            thumbnail = request.small.target(body.sha256) if request.small else None
            picture = await self._converter.examine(
                request.part, body.found, request.derivative, thumbnail, work
            )
            try:
                proof = check_picture(picture, arrived.checks, lacks_end_marker=structure.lacks_end_marker)
            except CandidateFailed as problem:
                return Rejected(body, problem)
        difference = mismatch(request.asset, candidate, proof.width, proof.height, proof.duration_ms)
        if difference and not proof.problem:
            proof = replace(proof, problem=difference, is_mismatch=True)
        origin = body.origin
        return FetchResult(candidate, origin.host, origin.path, body, proof, picture, self._now())


def _check_in_thread(request: FetchRequest, candidate: Candidate, body: Body) -> CheckedBody | Rejected:
    """Check a file in the thread that wrote it. Remove an old derivative, so that a new one has room."""
    with translate_os_errors("making room for a derivative"):
        request.derivative.unlink(missing_ok=True)
    return check_file(request.part, candidate, body, request.asset.slot.kind)
