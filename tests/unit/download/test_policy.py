"""What is tried next, whatever comes of it: it ends, within the patience, and trades no quality."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis.strategies import DataObject, booleans, data, integers, lists, sampled_from, tuples

from xharchive.download.hosts import HostHealth, HostThroughput, host_of
from xharchive.download.policy import (
    UNDECODABLE,
    Attempts,
    Policy,
    Try,
    Wait,
    WaitBudget,
)
from xharchive.errors import CandidateFailed
from xharchive.media import AssetKind
from xharchive.models import Asset, Candidate, Quality, Slot

TRANSIENT = ("busy", "server-error", "cut")
ONCE_MORE = ("stalled", "not-whole", "md5-differs")
FINAL = ("not-found", "forbidden", "wrong-kind", "bad-answer", "not-as-declared", UNDECODABLE)
"""After these a candidate is not asked again."""
OUTCOMES = (*TRANSIENT, *ONCE_MORE, *FINAL, "unreachable", "slow", "good")


@dataclass
class World:
    """Hosts and a clock that only waits move; an asset, and what was done for it."""

    candidates: list[Candidate]
    retries: int
    patience: float
    now: float = 0.0
    waited: float = 0.0
    tried: list[tuple[Candidate, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = HostHealth(lambda: self.now, 8.0)
        self.throughput = HostThroughput(lambda: self.now)
        self.attempts = Attempts(WaitBudget(self.patience))
        pauses = [0.5 * 2.0**number for number in range(self.retries)]
        self.steps = Policy(self.candidates, self.attempts, self.health, self.throughput, pauses).steps()

    def play(self, outcomes: DataObject, kinds: tuple[str, ...]) -> Candidate | None:
        """Obey until there is a file or nothing more to do; return what gave the file."""
        for step in self.steps:
            if isinstance(step, Wait):
                self.waited += step.seconds
                self.now += step.seconds
                continue
            reason = self.judged(step, outcomes, kinds)
            self.tried.append((step.candidate, reason))
            if reason == "good":
                return step.candidate
            self.attempts.refuse(step.candidate, reason, "")
        return None

    def judged(self, step: Try, outcomes: DataObject, kinds: tuple[str, ...]) -> str:
        """What came of a try, with what it teaches of the host."""
        host = host_of(step.candidate)
        try:
            self.health.check(host)
        except CandidateFailed as problem:
            return problem.reason
        reason = outcomes.draw(sampled_from(kinds))
        if reason == "slow" and not {*map(host_of, step.mirrors)} - {host}:
            reason = "good"
        if reason in (*TRANSIENT, "stalled", "unreachable"):
            self.health.record_failure(host, unreachable=reason == "unreachable", is_retry=step.is_retry)
        if reason == "busy" and outcomes.draw(booleans()):
            self.health.back_off(host, outcomes.draw(sampled_from([1.0, 20.0, 300.0])))
        self.attempts.has_fallback |= reason in ("not-as-declared", UNDECODABLE)
        return reason


def candidate(rendition: int, host: int, *, derived: bool, guessed: bool) -> Candidate:
    url = f"https://h{host}.xhscdn.com/{rendition}"
    return Candidate(url, Quality.RENDITION, f"r{rendition}", derived=derived, guessed=derived and guessed)


plans = lists(
    tuples(integers(0, 3), integers(0, 4), booleans(), booleans()),
    min_size=1,
    max_size=9,
    unique_by=lambda c: c[:2],
).map(lambda drawn: [candidate(r, h, derived=d, guessed=g) for r, h, d, g in sorted(drawn)])


@settings(max_examples=400, deadline=None)
@given(plan=plans, retries=integers(0, 4), patience=sampled_from([0.0, 3.0, 30.0, 600.0]), outcomes=data())
def test_any_outcomes_end_and_keep_to_the_patience(
    plan: list[Candidate], retries: int, patience: float, outcomes: DataObject
) -> None:
    """No circle, no wait beyond the limit, no second try of what is settled; each candidate gets its try."""
    world = World(plan, retries, patience)
    result = world.play(outcomes, OUTCOMES)
    assert world.waited <= patience
    assert len(world.tried) <= 200 * len(plan)
    requests = [(item, reason) for item, reason in world.tried if reason not in ("pausing", "resting")]
    for item in plan:
        answers = [reason for asked, reason in requests if asked == item]
        assert not any(reason in FINAL for reason in answers[:-1])
        assert sum(reason in ONCE_MORE for reason in answers) <= 2
    if result is None:
        unreadable = {item.field for item, reason in requests if reason == UNDECODABLE}
        seen = {item for item, _ in world.tried}
        assert all(item in seen or item.field in unreadable for item in plan)


@settings(max_examples=200, deadline=None)
@given(
    renditions=integers(2, 3),
    mirrors=integers(1, 3),
    retries=integers(1, 4),
    outcomes=data(),
    bad=integers(0, 3),
)
def test_a_better_rendition_is_not_given_up_for_a_transient_fault(
    renditions: int, mirrors: int, retries: int, outcomes: DataObject, bad: int
) -> None:
    """Its hosts are busy or cut a few times, fewer than there are tries: no lesser one is ever asked for."""
    plan = [candidate(r, h, derived=False, guessed=False) for r in range(renditions) for h in range(mirrors)]
    world = World(plan, retries, 10_000.0)
    faults = min(bad, retries)
    for step in world.steps:
        if isinstance(step, Wait):
            world.now += step.seconds
            continue
        assert step.candidate.field == "r0"
        try:
            world.health.check(host_of(step.candidate))
        except CandidateFailed as problem:
            world.attempts.refuse(step.candidate, problem.reason, "")
            continue
        if sum(item == step.candidate for item, _ in world.tried) >= faults:
            return
        reason = outcomes.draw(sampled_from(TRANSIENT))
        world.health.record_failure(host_of(step.candidate), is_retry=step.is_retry)
        world.tried.append((step.candidate, reason))
        world.attempts.refuse(step.candidate, reason, "")
    raise AssertionError("it was given up")


def test_a_slow_host_is_left_for_mirrors_of_its_rendition_only() -> None:
    """And before its last turn it is not left any more."""
    plan = [candidate(0, host, derived=False, guessed=False) for host in (0, 1)]
    plan.append(candidate(1, 2, derived=False, guessed=False))
    world = World(plan, 0, 0.0)
    seen = []
    for step in world.steps:
        assert isinstance(step, Try)
        seen.append((host_of(step.candidate)[:2], tuple(host_of(mirror)[:2] for mirror in step.mirrors)))
        world.attempts.refuse(step.candidate, "slow" if len(seen) == 1 else "not-found", "")
    assert seen == [("h0", ("h0", "h1")), ("h1", ("h1",)), ("h0", ()), ("h2", ())]


def test_a_host_that_rests_again_and_again_is_given_up() -> None:
    """Others' failures have it rest whenever its turn comes: that is no circle."""
    world = World([candidate(0, 0, derived=False, guessed=False)], 0, 0.0)
    seen = []
    for step in world.steps:
        seen.append(type(step))
        if isinstance(step, Try):
            world.attempts.refuse(step.candidate, "pausing", "")
    assert 100 < len(seen) < 300
    assert Wait in seen


def test_the_reason_without_an_address_or_after_a_rest() -> None:
    """Nothing was asked; the run no longer waits for a host."""
    asset = Asset(Slot(AssetKind.IMAGE, 1), "v1", ())
    attempts = Attempts()
    assert attempts.failure(asset, ()).reason == "no-source"
    resting = candidate(0, 0, derived=False, guessed=False)
    attempts.refuse(resting, "pausing", "it rests")
    assert not attempts.budget.spend(1e9)
    failure = attempts.failure(asset, (resting,))
    assert (failure.reason, failure.detail) == (
        "resting",
        "the only address failed; it rests; the time to wait for them (--patience) was used up",
    )
