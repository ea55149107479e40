"""Record the failed candidates of one asset, and decide which of them to retry."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from xharchive.download.fetch_request import FetchFailure, FetchRequest
from xharchive.download.wait_budget import WaitBudget
from xharchive.images.pool import WorkBudget
from xharchive.manifest import RefusedCandidate
from xharchive.models import Candidate, Quality
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
_MAX_PATH_LENGTH = 300  # as long as any key; some thousand refusals must fit into a manifest
# No byte of media arrived, so nothing shows that the URL has the file at all.
_NO_MEDIA_BYTES = _TRANSIENT - {"cut"} | {
    "forbidden",
    "not-found",
    "outside-borders",
    "http-status",
    "not-media",
}
_UNREACHABLE = frozenset(("unreachable", "resting"))
# No pause for these among the mirrors of one rendition: it would be long, and another host may work.
_NO_PAUSE = frozenset(("unreachable", "resting", "stalled"))
_NO_PAUSE_IF_GUESSED = _NO_PAUSE | {"pausing"}


def host_of(candidate: Candidate) -> str:
    """Return the host name of the candidate's URL."""
    return urlsplit(candidate.url).hostname or ""


def rendition_key(candidate: Candidate) -> tuple[str, Quality]:
    """Return a key that the mirrors of one rendition share.

    The field is not enough: an upload and a JPEG made from it come from the same field.
    """
    return candidate.field, candidate.quality


class Attempts:
    """Record the latest refusal of each candidate of one asset.

    Args:
        budget: Limits the waits between tries.
        work: Limits the time of the processes that decode pictures.
    """

    def __init__(self, budget: WaitBudget | None = None, work: WorkBudget | None = None) -> None:
        self.budget = budget or WaitBudget()
        self.work = work
        self._refused: dict[Candidate, RefusedCandidate] = {}
        self._tries: Counter[Candidate] = Counter()
        self._left_before: set[Candidate] = set()

    def refuse(self, candidate: Candidate, reason: str, detail: str) -> None:
        """Record that a candidate did not give the asset."""
        path = without_signatures(urlsplit(candidate.url).path)[:_MAX_PATH_LENGTH]
        self._refused[candidate] = RefusedCandidate(
            host_of(candidate), path, candidate.quality, reason, detail
        )
        if reason == _LEFT_AS_SLOW:
            self._left_before.add(candidate)
        elif reason not in ("pausing", "resting"):
            self._tries[candidate] += 1

    def clear_refusal(self, candidate: Candidate) -> None:
        """Delete the refusal of a candidate that gave the asset in the end."""
        self._refused.pop(candidate, None)

    @property
    def has_no_refusals(self) -> bool:
        """Whether no candidate has failed yet."""
        return not self._refused

    def was_tried(self, candidate: Candidate) -> bool:
        """Return whether the candidate was requested before, apart from tries that a backoff prevented."""
        return self._tries[candidate] > 0

    def left_as_slow(self, group: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates whose host was left as slow, and that are to be requested again."""
        return tuple(
            item for item in group if item in self._refused and self._refused[item].reason == _LEFT_AS_SLOW
        )

    def untried(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates that were never requested, apart from tries that a backoff prevented.

        A slow host may be left for these. A candidate that was left as slow is not one of them.
        """
        return tuple(item for item in candidates if not self._tries[item] and item not in self._left_before)

    def worth_trying(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates that are untried or that may succeed on another try."""
        return tuple(candidate for candidate in candidates if self._is_worth_trying(candidate))

    def _is_worth_trying(self, candidate: Candidate) -> bool:
        refusal = self._refused.get(candidate)
        if refusal is None or refusal.reason in _TRANSIENT or refusal.reason == _LEFT_AS_SLOW:
            return True
        return refusal.reason in _RETRIED_ONCE and self._tries[candidate] < 2

    def worth_a_pause(self, group: Sequence[Candidate], tries: int) -> tuple[Candidate, ...]:
        """Return the mirrors of a group that may succeed after a pause.

        Only those with fewer than `tries` tries. A guessed host that backs off is not waited for.
        """
        return tuple(
            candidate
            for candidate in self.worth_trying(group)
            if self._refused[candidate].reason
            not in (_NO_PAUSE_IF_GUESSED if candidate.guessed else _NO_PAUSE)
            and self._tries[candidate] < tries
        )

    def worth_another_round(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return the candidates to wait for after all candidates failed.

        Not among them: a guessed host that is down, and an unreachable host that no reply names. Such a host
        may no longer exist.
        """
        return tuple(
            candidate for candidate in self.worth_trying(candidates) if not self._is_skipped(candidate)
        )

    def _is_skipped(self, candidate: Candidate) -> bool:
        reason = self._refused[candidate].reason if candidate in self._refused else ""
        return (candidate.guessed and reason in _TRANSIENT) or (candidate.derived and reason in _UNREACHABLE)

    def fewest_tries(self, waiting: Sequence[Candidate]) -> int:
        """Return the lowest number of tries among candidates whose hosts are not in backoff, else 0."""
        asked = [self._tries[item] for item in waiting if self._refused[item].reason != "pausing"]
        return min(asked, default=0)

    def urls_expired(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether new URLs are worth a paid call (docs/decisions/0008).

        True if the hosts answered 403 to all URLs that the reply lists, and no derived URL showed signs of
        the file. A derived URL that broke off midway may give the file on another day without a call. If the
        reply lists no URL, all derived URLs must have got a 403.
        """
        reasons = {
            candidate: self._refused[candidate].reason if candidate in self._refused else ""
            for candidate in candidates
        }
        listed = {reason for candidate, reason in reasons.items() if not candidate.derived}
        derived = {reason for candidate, reason in reasons.items() if candidate.derived}
        return listed | derived == {"forbidden"} or (listed == {"forbidden"} and derived <= _NO_MEDIA_BYTES)

    def derived_urls_unknown(self, candidates: Sequence[Candidate]) -> bool:
        """Return whether all candidates are derived URLs, and no host has a file under any of them."""
        reasons = {self._refused[item].reason for item in candidates if item in self._refused}
        return all(item.derived for item in candidates) and reasons | {"forbidden"} == {
            "not-found",
            "forbidden",
        }

    @property
    def refusals(self) -> tuple[RefusedCandidate, ...]:
        """All refusals, in the order of the first try."""
        return tuple(self._refused.values())

    @property
    def main_refusal(self) -> RefusedCandidate:
        """The first permanent refusal, or else the first one. There must be at least one."""
        lasting = (refusal for refusal in self.refusals if refusal.reason not in _TRANSIENT)
        return next(lasting, self.refusals[0])


def failure_of(request: FetchRequest, attempts: Attempts) -> FetchFailure:
    """Return the failure of a request: all its candidates failed, or it has no candidate."""
    tried = attempts.refusals
    if not tried:
        return FetchFailure(*reason_without_candidates(request.asset), ())
    main = attempts.main_refusal
    reason = "resting" if main.reason == "pausing" else main.reason  # the run no longer waits for the host
    count = f"all {len(tried)} addresses" if len(tried) > 1 else "the only address"
    ended = "; the time to wait for them (--patience) was used up" if attempts.budget.is_used_up else ""
    return FetchFailure(
        reason,
        f"{count} failed; {main.detail}{ended}",
        tried,
        expired=attempts.urls_expired(request.candidates),
        guessed=attempts.derived_urls_unknown(request.candidates),
    )
