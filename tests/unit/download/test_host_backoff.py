"""The health of hosts, on a clock of the test's own."""

import pytest

from xharchive.download.hosts import HostHealth
from xharchive.errors import CandidateFailed


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> HostHealth:
    """Rests begin at 8 seconds."""
    return HostHealth(clock, first_backoff=8.0)


def test_an_unknown_host_may_be_asked(health: HostHealth) -> None:
    """Nobody rests before failing."""
    assert health.backoff_left("a") == 0.0


def test_three_failures_make_a_host_rest(health: HostHealth, clock: Clock) -> None:
    """Two are bad luck; the third is the host's, and other hosts have nothing to do with it."""
    for _ in range(2):
        health.record_failure("a")
        assert health.backoff_left("a") == 0.0
    health.record_failure("a")
    assert health.backoff_left("a") == 8.0
    assert health.backoff_left("b") == 0.0
    clock.now += 7.5
    assert health.backoff_left("a") == 0.5
    clock.now += 10
    assert health.backoff_left("a") == 0.0


def test_an_unreachable_host_rests_at_once_and_longer_each_time(health: HostHealth, clock: Clock) -> None:
    """The rests double up to five minutes."""
    rests = []
    for _ in range(8):
        health.record_failure("a", unreachable=True)
        rests.append(health.backoff_left("a"))
        clock.now += rests[-1]
    assert rests == [8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]


def test_one_good_answer_forgets_the_past(health: HostHealth) -> None:
    """Failures count in a row; a host that works is as good as new."""
    for _ in range(2):
        health.record_failure("a")
    health.record_success("a")
    health.record_failure("a")
    assert health.backoff_left("a") == 0.0
    health.record_failure("a", unreachable=True)
    health.record_success("a")
    assert health.backoff_left("a") == 0.0
    health.record_success("never seen")


def test_a_host_rests_as_long_as_it_asks_but_not_for_ever(health: HostHealth) -> None:
    """Retry-After is honoured up to five minutes, and never shortens a rest."""
    health.back_off("a", 60.0)
    assert health.backoff_left("a") == 60.0
    health.back_off("a", 10.0)
    assert health.backoff_left("a") == 60.0
    health.back_off("b", 1e9)
    assert health.backoff_left("b") == 300.0


def test_a_host_that_fails_every_address_once_stays_hopeful(health: HostHealth, clock: Clock) -> None:
    """It rests, always for the first time; failing with an address again is what makes it hopeless."""
    for _ in range(10):
        for _ in range(3):
            health.record_failure("a", is_retry=False)
        assert health.backoff_left("a") == 8.0
        assert health.is_worth_waiting_for("a")
        clock.now += 8.0
    for rest in (8.0, 16.0, 32.0):
        assert health.is_worth_waiting_for("a")
        for is_retry in (False, True, False):
            health.record_failure("a", is_retry=is_retry)
        assert health.backoff_left("a") == rest
        clock.now += rest
    assert not health.is_worth_waiting_for("a")


def test_what_a_host_asked_for_survives_its_own_good_answers(health: HostHealth, clock: Clock) -> None:
    """Another request was under way when it said Retry-After: that one's success takes nothing back."""
    health.back_off("a", 20.0)
    health.record_success("a")
    assert health.backoff_left("a") == 20.0
    clock.now += 15
    health.record_success("a")
    assert health.backoff_left("a") == 5.0
    assert health.is_worth_waiting_for("a")
    clock.now += 5
    assert health.backoff_left("a") == 0.0
    health.record_success("a")
    assert health.backoff_left("a") == 0.0


def test_a_good_answer_ends_the_rest_that_was_ours(health: HostHealth) -> None:
    """We let it rest for 8 seconds after failures, it asked for 5: it works, so 5 are left."""
    for _ in range(3):
        health.record_failure("a")
    health.back_off("a", 5.0)
    assert health.backoff_left("a") == 8.0
    health.record_success("a")
    assert health.backoff_left("a") == 5.0


def test_its_failures_are_forgotten_all_the_same(health: HostHealth) -> None:
    """Two before the good answer and two behind it are not three in a row."""
    health.record_failure("a")
    health.record_failure("a")
    health.back_off("a", 5.0)
    health.record_success("a")
    health.record_failure("a")
    health.record_failure("a")
    assert health.backoff_left("a") == 5.0


def test_failures_do_not_shorten_what_a_host_asked_for(health: HostHealth, clock: Clock) -> None:
    """The longer of the two rests counts, in whatever order they came."""
    health.back_off("a", 60.0)
    for _ in range(3):
        health.record_failure("a")
    assert health.backoff_left("a") == 60.0
    clock.now += 58
    for _ in range(3):
        health.record_failure("a")
    assert health.backoff_left("a") == 16.0


def told(health: HostHealth) -> tuple[str, str]:
    """Why the host is not asked."""
    with pytest.raises(CandidateFailed) as refused:
        health.check("a")
    return refused.value.reason, str(refused.value)


def test_why_it_is_left_alone_is_told(health: HostHealth, clock: Clock) -> None:
    """A Retry-After is no failure; failures are, also where they come on top of one."""
    health.check("a")
    health.back_off("a", 60.0)
    assert told(health) == ("pausing", "a asked for a pause")
    for _ in range(3):
        health.record_failure("a")
    assert told(health) == ("pausing", "a failed repeatedly and backs off")
    clock.now += 8.0
    assert told(health) == ("pausing", "a asked for a pause")
    clock.now += 52.0
    health.check("a")
    health.record_failure("a", unreachable=True)
    assert told(health) == ("resting", "a failed repeatedly and backs off")


def test_the_rest_that_it_asked_for_is_known(health: HostHealth, clock: Clock) -> None:
    """Apart from ours, which may be longer."""
    assert health.retry_after_left("a") == 0.0
    for _ in range(3):
        health.record_failure("a")
    assert (health.backoff_left("a"), health.retry_after_left("a")) == (8.0, 0.0)
    health.back_off("a", 5.0)
    assert (health.backoff_left("a"), health.retry_after_left("a")) == (8.0, 5.0)
    clock.now += 6.0
    assert (health.backoff_left("a"), health.retry_after_left("a")) == (2.0, 0.0)
