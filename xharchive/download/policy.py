"""Decide what to do next for one asset: try a candidate, wait, or give up. No I/O happens here.

`Policy.steps` yields the decisions, `Attempts` stores what came of them. The mirrors of one rendition form a
group. A transient fault is retried within its group, so that it does not lower the quality. An unreachable
host is not waited for: the next mirror follows at once. A host that is much slower than a mirror is left, and
tried again if the mirror fails. If all candidates failed, those with a transient fault are retried in further
rounds (docs/decisions/0042).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from urllib.parse import urlsplit

from xharchive.download.file_checks import FetchFailure
from xharchive.download.hosts import HostHealth, HostThroughput, host_of
from xharchive.manifest import RefusedCandidate
from xharchive.models import Asset, Candidate
from xharchive.redaction import without_signatures
from xharchive.url_candidates import reason_without_candidates

# Faults that may pass: retried as often as the retry policy allows.
_TRANSIENT = frozenset(("busy", "server-error", "cut", "pausing", "unreachable", "resting"))
# Faults that may be the transfer's: retried once. Twice the same fault is a property of the file.
_RETRIED_ONCE = frozenset(
    ("stalled", "not-whole", "unproven", "zero-bytes", "not-media", "size-differs", "md5-differs")
)
# The host was slow, and a mirror promised the complete file sooner (docs/decisions/0015).
_LEFT_AS_SLOW = "slow"
UNDECODABLE = "undecodable"
"""The reason code of a complete picture that no decoder reads. Its mirrors have the same bytes."""
# No byte of media arrived, so nothing shows that the URL has the file at all.
_NO_MEDIA_BYTES = _TRANSIENT - {"cut"} | {
    *("forbidden", "not-found", "outside-borders", "http-status", "not-media")
}
_UNREACHABLE = frozenset(("unreachable", "resting"))
# No pause for these among the mirrors of one rendition: it would be long, and another host may work.
_NO_PAUSE = frozenset(("unreachable", "resting", "stalled"))
_NO_PAUSE_IF_GUESSED = _NO_PAUSE | {"pausing"}

_MAX_PATH_LENGTH = 300  # as long as any key; some thousand refusals must fit into a manifest
# Limits how many backoffs one group waits for: a guard against an endless loop. Other assets use the hosts in
# between, so long before this limit a host works again or is not worth waiting for.
_MAX_BACKOFFS = 100
_RETRY_AFTER_SECONDS = 120.0
_OWN_PAUSES = 70.0


@dataclass(frozen=True, slots=True)
class Try:
    """Try a candidate. A slow transfer may be left for one of the `mirrors`."""

    candidate: Candidate
    mirrors: tuple[Candidate, ...] = ()
    is_retry: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait. The budget has been charged."""

    seconds: float


# The mirrors of one rendition share both. An upload and a JPEG made from it come from the same field.
_rendition_key = attrgetter("field", "quality")


class WaitBudget:
    """Count down the seconds that an asset may still wait. Time in which bytes arrive does not count.

    Args:
        seconds: The user's limit. None for the defaults: hosts that ask for a pause (Retry-After) get up to
            120 seconds, all other waits together up to 70 times `first_wait`. This survives an outage of a
            minute.
        first_wait: Seconds of the first pause before a retry.
    """

    def __init__(self, seconds: float | None = None, first_wait: float = 1.0) -> None:
        self._total_left = _RETRY_AFTER_SECONDS if seconds is None else seconds
        self._own_left = _OWN_PAUSES * first_wait if seconds is None else seconds
        self.is_used_up = False

    def spend(self, seconds: float, *, requested_by_host: bool = False) -> bool:
        """Deduct a wait if enough seconds are left for all of it, and return whether there were."""
        if seconds > self._total_left or (not requested_by_host and seconds > self._own_left):
            self.is_used_up = True
            return False
        self._total_left -= seconds
        if not requested_by_host:
            self._own_left -= seconds
        return True


class Attempts:
    """Record what came of each candidate of one asset, and which of them deserve another try."""

    def __init__(self, budget: WaitBudget | None = None) -> None:
        self.budget = budget or WaitBudget()
        self.has_fallback = False  # a flawed file is stored, so no further round is worth its waits
        self._refused: dict[Candidate, RefusedCandidate] = {}
        self._tries: Counter[Candidate] = Counter()
        self._left_before: set[Candidate] = set()

    def refuse(self, candidate: Candidate, reason: str, detail: str) -> None:
        """Record that a candidate did not give the asset."""
        parts = urlsplit(candidate.url)
        path = without_signatures(parts.path)[:_MAX_PATH_LENGTH]
        self._refused[candidate] = RefusedCandidate(
            parts.hostname or "", path, candidate.quality, reason, detail
        )
        if reason == _LEFT_AS_SLOW:
            self._left_before.add(candidate)
        elif reason not in ("pausing", "resting"):
            self._tries[candidate] += 1

    def clear_refusal(self, candidate: Candidate) -> None:
        """Delete the refusal of a candidate that gave the asset in the end."""
        self._refused.pop(candidate, None)

    def reason(self, candidate: Candidate) -> str:
        """Return the reason of the latest refusal, "" if there is none."""
        refusal = self._refused.get(candidate)
        return refusal.reason if refusal else ""

    @property
    def refusals(self) -> tuple[RefusedCandidate, ...]:
        """All refusals, in the order of the first try."""
        return tuple(self._refused.values())

    @property
    def main_refusal(self) -> RefusedCandidate:
        """The first permanent refusal, or else the first one. There must be at least one."""
        lasting = (refusal for refusal in self.refusals if refusal.reason not in _TRANSIENT)
        return next(lasting, self.refusals[0])

    def was_tried(self, candidate: Candidate) -> bool:
        """Return whether the candidate was requested before, apart from tries that a backoff prevented."""
        return candidate in self._tries

    def untried(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates that were never requested, apart from tries that a backoff prevented.

        A slow host may be left for these. A candidate that was left as slow is not one of them.
        """
        before = self._left_before
        return tuple([item for item in candidates if item not in self._tries and item not in before])

    def worth_trying(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates that are untried or that may succeed on another try."""
        if not self._refused:
            return tuple(candidates)
        return tuple(
            item
            for item in candidates
            if (reason := self.reason(item)) in _TRANSIENT
            or reason in ("", _LEFT_AS_SLOW)
            or (reason in _RETRIED_ONCE and self._tries[item] < 2)
        )

    def worth_a_pause(self, group: Sequence[Candidate], tries: int) -> tuple[Candidate, ...]:
        """Return the mirrors of a group that may succeed after a pause.

        Only those with fewer than `tries` tries. A guessed host that backs off is not waited for.
        """
        return tuple(
            item
            for item in self.worth_trying(group)
            if self.reason(item) not in (_NO_PAUSE_IF_GUESSED if item.guessed else _NO_PAUSE)
            and self._tries[item] < tries
        )

    def worth_another_round(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates to wait for after all candidates failed.

        Not among them: a guessed host that is down, and an unreachable host that no reply names. Such a host
        may no longer exist.
        """
        return tuple(
            item
            for item in self.worth_trying(candidates)
            if not (item.guessed and self.reason(item) in _TRANSIENT)
            and not (item.derived and self.reason(item) in _UNREACHABLE)
        )

    def fewest_tries(self, waiting: Sequence[Candidate]) -> int:
        """Return the lowest number of tries among candidates whose hosts are not in backoff, else 0."""
        return min((self._tries[item] for item in waiting if self.reason(item) != "pausing"), default=0)

    def urls_expired(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether new URLs are worth a paid call (docs/decisions/0008).

        True if the hosts answered 403 to all URLs that the reply lists, and no derived URL showed signs of
        the file. A derived URL that broke off midway may give the file on another day without a call. If the
        reply lists no URL, all derived URLs must have got a 403.
        """
        listed = {self.reason(item) for item in candidates if not item.derived}
        derived = {self.reason(item) for item in candidates if item.derived}
        return listed | derived == {"forbidden"} or (listed == {"forbidden"} and derived <= _NO_MEDIA_BYTES)

    def derived_urls_unknown(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether all candidates are derived URLs, and no host has a file under any of them."""
        reasons = {self._refused[item].reason for item in candidates if item in self._refused}
        is_unknown = reasons | {"forbidden"} == {"not-found", "forbidden"}
        return is_unknown and all(item.derived for item in candidates)

    def failure(self, asset: Asset, candidates: Sequence[Candidate]) -> FetchFailure:
        """Return the failure of an asset: all its candidates failed, or it has none."""
        tried = self.refusals
        if not tried:
            return FetchFailure(*reason_without_candidates(asset), ())
        main = self.main_refusal
        # The run no longer waits for a host that makes a pause.
        reason = "resting" if main.reason == "pausing" else main.reason
        count = f"all {len(tried)} addresses" if len(tried) > 1 else "the only address"
        ended = "; the time to wait for them (--patience) was used up" if self.budget.is_used_up else ""
        return FetchFailure(
            reason,
            f"{count} failed; {main.detail}{ended}",
            tried,
            expired=self.urls_expired(candidates),
            guessed=self.derived_urls_unknown(candidates),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """Decide for one asset.

    Args:
        pauses: Seconds before each retry.
    """

    candidates: Sequence[Candidate]
    attempts: Attempts
    health: HostHealth
    throughput: HostThroughput
    pauses: Sequence[float]

    def steps(self) -> Iterator[Try | Wait]:
        """Yield what to do next, until nothing is worth another try.

        After each `Try` the caller records a refusal in `attempts` before it asks for the next step, or has
        an acceptable file and asks no more.
        """
        for number, pause in enumerate((0.0, *self.pauses)):
            if number > 0:
                waiting = self.attempts.worth_another_round(self.candidates)
                if self.attempts.has_fallback or not waiting:
                    return
                if (wait := self._wait_for_host(waiting, pause)) is None:
                    return
                yield wait
            for _, group in groupby(self.candidates, key=_rendition_key):
                yield from self._group_steps(tuple(group), self.pauses if number == 0 else ())

    def _group_steps(self, group: Sequence[Candidate], pauses: Sequence[float]) -> Iterator[Try | Wait]:
        """Try the mirrors of one rendition, and again after each pause while their faults are transient."""
        attempts, tries = self.attempts, len(pauses) + 1
        for _ in range(tries * len(group) + _MAX_BACKOFFS):
            for step in self._each_mirror_once(group):
                yield step
                if attempts.reason(step.candidate) == UNDECODABLE:
                    return
            waiting = attempts.worth_a_pause(group, tries)
            # Failures of other assets can start a backoff. A round in which a host backs off is not a try.
            tried = attempts.fewest_tries(waiting)
            if not waiting:
                return
            wait = self._wait(pauses[tried - 1]) if tried else self._wait_for_host(waiting)
            if wait is None:
                return
            yield wait

    def _each_mirror_once(self, group: Sequence[Candidate]) -> Iterator[Try]:
        """Try each mirror once. If all fail, try those again that were left because they were slow.

        Before its last turn, a slow mirror may be left again, for a mirror that was backing off until now.
        """
        attempts = self.attempts
        mirrors = attempts.worth_trying(group)
        if self.throughput.avoids_any:
            mirrors = tuple(sorted(mirrors, key=lambda mirror: self.throughput.is_avoided(host_of(mirror))))
        for candidate in mirrors:
            yield self._try(candidate, group)
        for turns in reversed(range(len(group))):
            for slow in [item for item in group if attempts.reason(item) == _LEFT_AS_SLOW]:
                for candidate in (*attempts.untried(group), slow):
                    yield self._try(candidate, group if turns else ())

    def _try(self, candidate: Candidate, group: Sequence[Candidate]) -> Try:
        mirrors = self.attempts.untried(group) if len(group) > 1 else ()
        return Try(candidate, mirrors, self.attempts.was_tried(candidate))

    def _wait_for_host(self, candidates: Sequence[Candidate], pause: float = 0.0) -> Wait | None:
        """Wait until the first host ends its backoff, at least `pause` seconds."""
        left, host = min((self.health.backoff_left(host), host) for host in map(host_of, candidates))
        return self._wait(max(left, pause), by_host=self.health.retry_after_left(host) > 0)

    def _wait(self, seconds: float, *, by_host: bool = False) -> Wait | None:
        """Wait, if the budget covers all of it: a shortened wait is useless."""
        return Wait(seconds) if self.attempts.budget.spend(seconds, requested_by_host=by_host) else None
