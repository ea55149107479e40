"""Pauses between tries: they double, they are bounded, and half of each is chance."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.retry import RetryPolicy


class NoChance(Random):  # noqa: S311 - a dice of a test
    """A dice that always shows the same."""

    def __init__(self, shows: float) -> None:
        super().__init__(0)
        self._shows = shows

    def random(self) -> float:
        return self._shows


def dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - pauses, not secrets


def test_pauses_double_up_to_the_longest() -> None:
    """Without chance the pauses are half of 1, 2, 4 … seconds, and never more than the limit."""
    policy = RetryPolicy(retries=6, first_wait=1, longest_wait=10)
    assert list(policy.pauses(NoChance(0))) == [0.5, 1, 2, 4, 5, 5]
    assert list(policy.pauses(NoChance(1))) == [1, 2, 4, 8, 10, 10]


def test_no_retries_no_pauses() -> None:
    """Who wants no further try waits for none."""
    assert list(RetryPolicy(retries=0).pauses(dice(1))) == []


@given(
    st.integers(0, 10_000),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.integers(),
)
def test_a_pause_is_never_longer_than_allowed(attempt: int, first: float, longest: float, seed: int) -> None:
    """However often one asked before, a pause lies between half of the whole and the whole."""
    policy = RetryPolicy(1, first, longest)
    whole = min(first * 2.0 ** min(attempt, 32), longest)
    assert whole / 2 <= policy.pause(attempt, dice(seed)) <= whole


def test_two_waiters_do_not_come_back_at_one_moment() -> None:
    """Half of each pause is drawn at random."""
    policy = RetryPolicy()
    assert policy.pause(0, dice(1)) != policy.pause(0, dice(2))
    assert policy.pause(0, dice(1)) == pytest.approx(policy.pause(0, dice(1)))


def test_probes_of_a_host_that_does_not_reply_are_farther_and_farther_apart() -> None:
    """Five of them, from five times the first wait on, and never more than the limit."""
    assert RetryPolicy().probe_pauses == (5, 10, 20, 40, 60)
    assert RetryPolicy(first_wait=0).probe_pauses == (0,) * 5
