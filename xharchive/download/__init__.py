"""Asset in, verified file out: candidates in order, mirrors, retries, limits.

Candidates come in groups: the mirrors of one rendition. A passing fault is waited out within its group, so
that it never costs quality; a host that cannot be reached gives way at once, and so does one that is far
slower than a mirror, which is asked again if the mirror fails. When everything failed and some of it may
pass, what is still open is tried again, `retries` times.
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

from xharchive.archive_path import ArchivePath
from xharchive.candidates import without_candidates
from xharchive.disk import ours
from xharchive.download.attempts import Attempts, host_of
from xharchive.download.declared_size import NOT_AS_DECLARED, misfit
from xharchive.download.fallback import Spares, discard_all
from xharchive.download.fetch_request import Fetched, Order, Unfetched
from xharchive.download.file_checks import Checked, Proof, Rejected, check_file, check_picture
from xharchive.download.host_backoff import HostHealth
from xharchive.download.http_download import Downloads, HostRests, Ranges
from xharchive.download.multipart_policy import FetchOptions, Splits
from xharchive.download.part_file import discard
from xharchive.download.scheduler import Slots
from xharchive.download.stream_to_file import LARGEST, Body
from xharchive.download.throughput import Speeds
from xharchive.download.wait_budget import Patience
from xharchive.errors import ArchiveError, CandidateFailed
from xharchive.events import CandidateRefused, Listener
from xharchive.http import Transport
from xharchive.images import Converter, Picture, Verdict, WorkBudget
from xharchive.media import AssetKind, Family
from xharchive.models import Candidate, Quality
from xharchive.retry import RetryPolicy

__all__ = ["MOST_BYTES", "FetchOptions", "Fetched", "Fetcher", "Order", "Slots", "Unfetched"]

MOST_BYTES = max(LARGEST.values())
"""The most bytes that any file is taken with; a reply that declares more is wrong."""

# Of a host, waited for among the mirrors of one rendition. As long as it is worth waiting for, other assets
# get their files in between, so this ends; the number is for a case that nobody thought of.
_MOST_RESTS = 100
_ORDINARY = 1
# Long transfers first, so that a run has no tail (docs/performance.md#connections-and-ranges).
_URGENCY = {AssetKind.VIDEO: 0}


class Fetcher:
    """Fetches assets for one run; `slots` bound how many transfers run at once."""

    def __init__(
        self,
        transport: Transport,
        converter: Converter,
        slots: Slots,
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
        self._options = options or FetchOptions()
        self._converter = converter
        self._slots = slots
        self._retry = retry
        self._listen = listen
        self._random = random
        self._now = now
        self._wait = wait
        self._health = HostHealth(monotonic, first_rest=8 * retry.first_wait)
        self._speeds = Speeds(monotonic)
        splits = Splits(transport, self._health, slots, threads, monotonic, self._options)
        self._downloads = Downloads(transport, self._health, self._speeds, threads, listen, boot, splits)

    async def fetch(self, order: Order) -> Fetched | Unfetched:
        """Return the first candidate's body that passes every check, or why there is none.

        A picture that is whole but that no decoder reads is taken only if no other candidate is better.

        Raises:
            ArchiveError: the disk would not.
        """
        try:
            return await self._first_good(order)
        except ArchiveError:
            with suppress(OSError):  # a full disk gets its room back; the first problem is the one to tell
                discard_all(order)
            raise

    async def _first_good(self, order: Order) -> Fetched | Unfetched:
        attempts = Attempts(
            Patience(self._options.patience, self._retry.first_wait), self._converter.budget()
        )
        spares = Spares(order)
        pauses: list[float] = list(self._retry.pauses(self._random))
        for attempt in range(len(pauses) + 1):
            for _, group in groupby(order.candidates, key=_rendition):
                within = pauses if attempt == 0 else []
                fetched = await self._from_group(order, tuple(group), attempts, spares, within)
                if fetched is not None and _is_good(fetched):
                    return await self._chosen(order, fetched, attempts, spares)
                if spares.unchanged:
                    return Unfetched("unchanged", "the file that is there came again", attempts.refusals)
            waiting = attempts.worth_another_round(order.candidates)
            if spares or attempt == len(pauses) or not waiting:
                break
            if not await self._waited_for(waiting, attempts.patience, pauses[attempt]):
                break
        return await self._best_spare(attempts, spares) or _unfetched(order, attempts)

    async def _chosen(
        self, order: Order, fetched: Fetched, attempts: Attempts, spares: Spares
    ) -> Fetched | Unfetched:
        """Return a file that fits, unless an upload that was put aside is better."""
        if spares.is_better_than(fetched):
            return await self._best_spare(attempts, spares) or _unfetched(order, attempts)
        return await spares.with_upload(fetched)

    async def _best_spare(self, attempts: Attempts, spares: Spares) -> Fetched | None:
        best = await spares.best()
        if best is None:
            return None
        attempts.forgive(best.candidate)
        return replace(best, refused=attempts.refusals)

    async def _from_group(
        self,
        order: Order,
        group: Sequence[Candidate],
        attempts: Attempts,
        spares: Spares,
        pauses: Sequence[float],
    ) -> Fetched | None:
        """Try the mirrors of one rendition, and again after each pause while their faults may pass."""
        tries = len(pauses) + 1
        for _ in range(tries * len(group) + _MOST_RESTS):
            fetched = await self._one_round(order, group, attempts, spares)
            if fetched is not None:
                return fetched
            waiting = attempts.worth_a_pause(group, tries)
            if not waiting:
                break
            # Other assets' failures make hosts rest; a round that one rested through is none of its tries.
            asked = attempts.fewest_tries(waiting)
            waited = (
                await self._waited(attempts.patience, pauses[asked - 1])
                if asked
                else await self._waited_for(waiting, attempts.patience)
            )
            if not waited:
                break
        return None

    async def _one_round(
        self, order: Order, group: Sequence[Candidate], attempts: Attempts, spares: Spares
    ) -> Fetched | None:
        """Ask each mirror once; if all fail, those again that were left for being slow.

        Until its last turn such a one is left for a mirror that rested when it was to be asked, and is awake.
        """
        mirrors = sorted(attempts.open(group), key=lambda item: self._speeds.is_avoided(host_of(item)))
        fetched = await self._first_of(mirrors, order, group, attempts, spares)
        for turns in reversed(range(len(group))):
            for slow in attempts.left(group) if fetched is None else ():
                again = (*attempts.untried(group), slow)
                fetched = await self._first_of(again, order, group, attempts, spares, leaves=turns > 0)
                if fetched is not None:
                    break
        return fetched

    async def _first_of(
        self,
        candidates: Sequence[Candidate],
        order: Order,
        group: Sequence[Candidate],
        attempts: Attempts,
        spares: Spares,
        *,
        leaves: bool = True,
    ) -> Fetched | None:
        """Ask these of a group; if one `leaves`, for a faster one of it that was not asked yet."""
        for candidate in candidates:
            others = tuple(map(host_of, attempts.untried(group))) if leaves else ()
            fetched = await self._try(order, candidate, attempts, spares, others)
            if fetched is not None:
                return fetched
        return None

    async def _waited(self, patience: Patience, seconds: float, *, asked: bool = False) -> bool:
        """Wait if the asset's patience allows all of it; return whether it did."""
        if not patience.spend(seconds, asked=asked):
            return False
        await self._wait(seconds)
        return True

    async def _waited_for(
        self, candidates: Sequence[Candidate], patience: Patience, pause: float = 0.0
    ) -> bool:
        """Wait until one of the hosts may be asked again, at least for a pause; return whether it did."""
        rest, host = min((self._health.rest_left(host), host) for host in map(host_of, candidates))
        asked = self._health.asked_rest_left(host) > 0
        return await self._waited(patience, max(rest, pause), asked=asked)

    async def _try(
        self,
        order: Order,
        candidate: Candidate,
        attempts: Attempts,
        spares: Spares,
        mirrors: Sequence[str],
    ) -> Fetched | None:
        """Fetch one candidate; one with a flaw is put aside.

        Returns:
            The file. None: there is none, or it is not what the reply declares, so a mirror may have another.
        """
        try:
            untouched = attempts.is_first and not order.begun
            again = attempts.was_tried(candidate)
            fetched = await self._verified(
                order, candidate, attempts, again=again, untouched=untouched, mirrors=mirrors
            )
        except CandidateFailed as problem:
            self._refuse(order, candidate, attempts, problem.reason, str(problem))
            return None
        if _is_good(fetched):
            attempts.forgive(candidate)
            return replace(fetched, refused=attempts.refusals)
        is_misfit = fetched.proof.misfit
        reason = NOT_AS_DECLARED if is_misfit else "undecodable"
        self._refuse(order, candidate, attempts, reason, fetched.proof.problem)
        await spares.keep(fetched)
        return None if is_misfit and not spares.unchanged else fetched

    def _refuse(
        self, order: Order, candidate: Candidate, attempts: Attempts, reason: str, detail: str
    ) -> None:
        attempts.refuse(candidate, reason, detail)
        slot = str(order.asset.slot)
        self._listen(CandidateRefused(order.note.text, slot, host_of(candidate), reason, detail))

    async def _verified(
        self,
        order: Order,
        candidate: Candidate,
        attempts: Attempts,
        *,
        again: bool,
        untouched: bool = False,
        mirrors: Sequence[str] = (),
    ) -> Fetched:
        """Download one candidate and put it through every check; leave it if one of `mirrors` is far faster.

        The slot is free again before a picture is decoded: decoding must not hold up transfers.
        """
        self._health.check(host_of(candidate))
        in_one = False
        while True:
            ranges = Ranges(allowed=not in_one)
            arrived = await self._arrived(
                order, candidate, attempts.patience, ranges, again=again, untouched=untouched, mirrors=mirrors
            )
            final = in_one or not arrived.body.pieced
            judged = await self._judged(order, candidate, arrived, attempts.work)
            if isinstance(judged, Fetched) and (_is_good(judged) or final):
                return judged
            await _drop(order.part)
            if isinstance(judged, Rejected) and final:
                raise judged.problem
            # Perhaps only some answer's bytes are bad, and the address is not: now all of it with one answer.
            untouched = in_one = True

    async def _arrived(
        self,
        order: Order,
        candidate: Candidate,
        patience: Patience,
        ranges: Ranges,
        *,
        again: bool,
        untouched: bool,
        mirrors: Sequence[str],
    ) -> Checked | Rejected:
        """Download one candidate in a slot; a rest that its host asks for amid that is waited for outside.

        Raises:
            CandidateFailed: it does not give the file, or its host is not waited for as long as it asks.
        """
        kind, host = order.asset.slot.kind, host_of(candidate)
        examine = functools.partial(_examined, order, candidate)
        while True:
            with suppress(HostRests):
                async with self._slots.one(_URGENCY.get(kind, _ORDINARY)):
                    return await self._downloads.fetch(
                        candidate,
                        kind,
                        order.part,
                        examine,
                        ranges,
                        again=again,
                        untouched=untouched,
                        mirrors=mirrors,
                    )
            untouched = False
            while rest := self._health.asked_rest_left(host):
                if candidate.guessed or not await self._waited(patience, rest, asked=True):
                    raise CandidateFailed("busy", f"{host} asked to be left alone for {rest:.0f} seconds")

    async def _judged(
        self, order: Order, candidate: Candidate, arrived: Checked | Rejected, work: WorkBudget | None
    ) -> Fetched | Rejected:
        """Decode what arrived, if it is a picture that passed the other checks."""
        if isinstance(arrived, Rejected):
            return arrived
        body, structure = arrived.body, arrived.structure
        proof = Proof(arrived.checks, structure.width, structure.height, structure.duration_ms)
        picture: Picture | None = None
        if body.found.family is Family.PICTURE:
            small = order.small and order.small(body.sha256)
            picture = await self._converter.examine(order.part, body.found, order.derivative, small, work)
            try:
                proof = check_picture(picture, arrived.checks, lacks_end_mark=structure.lacks_end_mark)
            except CandidateFailed as problem:
                return Rejected(body, problem)
        differs = misfit(order.asset, candidate, proof.width, proof.height, proof.duration_ms)
        if differs and not proof.problem:
            proof = replace(proof, problem=differs, misfit=True)
        place = body.place
        return Fetched(candidate, place.host, place.path, body, proof, picture, self._now())


def _examined(order: Order, candidate: Candidate, body: Body) -> Checked | Rejected:
    """Check a file in the thread that wrote it, and make room for what may be made of it."""
    with ours("making room for a derivative"):
        order.derivative.unlink(missing_ok=True)
    return check_file(order.part, candidate, body, order.asset.slot.kind)


async def _drop(part: ArchivePath) -> None:
    with ours("removing a file that is not what it should be"):
        await asyncio.to_thread(discard, part)


def _is_good(fetched: Fetched) -> bool:
    """Whether no other candidate need be tried.

    A picture that is only too large to decode here, or that brought a decoder down, is taken as it is: its
    file is whole, and a smaller rendition would be a poor trade for an original.
    """
    kept_anyway = (Verdict.TOO_LARGE, Verdict.DIED)
    return not fetched.proof.problem or (
        fetched.picture is not None and fetched.picture.verdict in kept_anyway
    )


def _rendition(candidate: Candidate) -> tuple[str, Quality]:
    """What mirrors of one rendition share; an upload and a JPEG that is made of it share their field only."""
    return candidate.field, candidate.quality


def _unfetched(order: Order, attempts: Attempts) -> Unfetched:
    tried = attempts.refusals
    if not tried:
        return Unfetched(*without_candidates(order.asset), ())
    telling = attempts.most_telling
    reason = "resting" if telling.reason == "pausing" else telling.reason  # nobody waits for it any more
    count = f"all {len(tried)} addresses" if len(tried) > 1 else "the only address"
    expired, guessed = attempts.are_expired(order.candidates), attempts.were_guesses(order.candidates)
    ended = "; the time to wait for them (--patience) was used up" if attempts.patience.is_used_up else ""
    return Unfetched(reason, f"{count} failed; {telling.detail}{ended}", tried, expired, guessed)
