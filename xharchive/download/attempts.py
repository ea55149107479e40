"""What happened to the candidates of one asset: which are settled, and which deserve another try."""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from xharchive.download.wait_budget import Patience
from xharchive.images import WorkBudget
from xharchive.manifest import Refusal
from xharchive.models import Candidate
from xharchive.redaction import unsigned

__all__ = ["Attempts", "host_of"]

# Faults of a moment: tried again as long as there are retries.
_PASSING = frozenset(("busy", "server-error", "cut", "pausing", "unreachable", "resting"))
# Faults that a second try may heal, and that are a property of the file if they come twice.
_ONCE_MORE = frozenset(
    ("stalled", "not-whole", "unproven", "zero-bytes", "not-media", "size-differs", "md5-differs")
)
# It flowed, and was left for a mirror that was to bring all of it sooner (0015).
_LEFT = "slow"
_LONGEST_PATH = 300  # as long as any key; some thousand refusals must fit into a manifest
# Not a byte of media came: nothing shows that the address has the file at all.
_NO_SIGN_OF_IT = _PASSING - {"cut"} | {
    "forbidden",
    "not-found",
    "outside-borders",
    "http-status",
    "not-media",
}
_OUT_OF_REACH = frozenset(("unreachable", "resting"))
# Not worth a pause among the mirrors of one rendition: the pause would be long, and another host may do.
_SLOW = frozenset(("unreachable", "resting", "stalled"))
_SLOW_OR_BACKING_OFF = _SLOW | {"pausing"}


def host_of(candidate: Candidate) -> str:
    """The host that a candidate would be asked from."""
    return urlsplit(candidate.url).hostname or ""


class Attempts:
    """The refusals of one asset's candidates so far, the latest for each, and the time that is left for it.

    `patience` is for waits between tries, `work` for the processes that decode pictures.
    """

    def __init__(self, patience: Patience | None = None, work: WorkBudget | None = None) -> None:
        self.patience = patience or Patience()
        self.work = work
        self._refused: dict[Candidate, Refusal] = {}
        self._tries: Counter[Candidate] = Counter()
        self._was_left: set[Candidate] = set()

    def refuse(self, candidate: Candidate, reason: str, detail: str) -> None:
        """Record that a candidate did not give the asset."""
        path = unsigned(urlsplit(candidate.url).path)[:_LONGEST_PATH]
        self._refused[candidate] = Refusal(host_of(candidate), path, candidate.quality, reason, detail)
        if reason == _LEFT:
            self._was_left.add(candidate)
        elif reason not in ("pausing", "resting"):
            self._tries[candidate] += 1

    def forgive(self, candidate: Candidate) -> None:
        """The candidate gave the asset after all."""
        self._refused.pop(candidate, None)

    @property
    def is_first(self) -> bool:
        """Whether nothing was tried yet."""
        return not self._refused

    def was_tried(self, candidate: Candidate) -> bool:
        """Whether the candidate was asked for before; that its host rested does not count."""
        return self._tries[candidate] > 0

    def left(self, group: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return those that were left for being slow, and are still to be asked for the file again."""
        return tuple(item for item in group if item in self._refused and self._refused[item].reason == _LEFT)

    def untried(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return those that nobody was asked for yet, though their hosts may have rested.

        For these a slow host is left; one that was left itself is no reason to leave another.
        """
        return tuple(item for item in candidates if not self._tries[item] and item not in self._was_left)

    def open(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return those that were not tried yet or may work on another try."""
        return tuple(candidate for candidate in candidates if self._is_open(candidate))

    def _is_open(self, candidate: Candidate) -> bool:
        refusal = self._refused.get(candidate)
        if refusal is None or refusal.reason in _PASSING or refusal.reason == _LEFT:
            return True
        return refusal.reason in _ONCE_MORE and self._tries[candidate] < 2

    def worth_a_pause(self, group: Sequence[Candidate], tries: int) -> tuple[Candidate, ...]:
        """Return those of one rendition's mirrors, asked fewer than `tries` times, that may soon give it.

        A guessed host that backs off is not waited for.
        """
        return tuple(
            candidate
            for candidate in self.open(group)
            if self._refused[candidate].reason not in (_SLOW_OR_BACKING_OFF if candidate.guessed else _SLOW)
            and self._tries[candidate] < tries
        )

    def worth_another_round(self, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """Return those that are worth waiting for, after everything was asked and failed.

        A guessed host that is down is not, nor is a host that no reply names and that cannot be reached: it
        may not exist any more.
        """
        return tuple(candidate for candidate in self.open(candidates) if not self._is_passed_over(candidate))

    def _is_passed_over(self, candidate: Candidate) -> bool:
        reason = self._refused[candidate].reason if candidate in self._refused else ""
        return (candidate.guessed and reason in _PASSING) or (candidate.derived and reason in _OUT_OF_REACH)

    def fewest_tries(self, waiting: Sequence[Candidate]) -> int:
        """How often one of these was asked at least, but for those whose host rests; 0 if all hosts rest."""
        asked = [self._tries[item] for item in waiting if self._refused[item].reason != "pausing"]
        return min(asked, default=0)

    def are_expired(self, candidates: Sequence[Candidate]) -> bool:
        """Whether a paid call for new addresses is called for (docs/decisions/0008).

        Everything that the reply lists is forbidden, and of what we only derived nothing shows that it has
        the file: a mirror that broke off in the middle may give it another day, for nothing. Where nothing is
        listed, all that we derived must be forbidden.
        """
        reasons = {
            candidate: self._refused[candidate].reason if candidate in self._refused else ""
            for candidate in candidates
        }
        listed = {reason for candidate, reason in reasons.items() if not candidate.derived}
        derived = {reason for candidate, reason in reasons.items() if candidate.derived}
        return listed | derived == {"forbidden"} or (listed == {"forbidden"} and derived <= _NO_SIGN_OF_IT)

    def were_guesses(self, candidates: Sequence[Candidate]) -> bool:
        """Whether nothing but addresses of our own making was there, and no host has a file under them."""
        reasons = {self._refused[item].reason for item in candidates if item in self._refused}
        return all(item.derived for item in candidates) and reasons | {"forbidden"} == {
            "not-found",
            "forbidden",
        }

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """All refusals, in the order of the first try."""
        return tuple(self._refused.values())

    @property
    def most_telling(self) -> Refusal:
        """A refusal that will not pass says more than one that may. At least one must be there."""
        lasting = (refusal for refusal in self.refusals if refusal.reason not in _PASSING)
        return next(lasting, self.refusals[0])
