"""What a run waited for, by the work that each look found; the clock is the test's."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive.run.run_stats import OTHER, Bottleneck, Stage

CAPACITY = {Stage.API: 2, Stage.NETWORK: 4, Stage.CPU: 2, Stage.DISK: 4}
counts = st.fixed_dictionaries({stage: st.integers(0, 9) for stage in Stage})


def shares_of(*looks: dict[Stage, int]) -> dict[str, float]:
    """The shares of a run with a look each second."""
    bottleneck = Bottleneck(CAPACITY, 100.0)
    for second, work in enumerate(looks, 1):
        bottleneck.sample(100.0 + second, {**dict.fromkeys(Stage, 0), **work})
    return bottleneck.shares()


@pytest.mark.parametrize("stage", list(Stage))
def test_the_only_stage_with_work_is_what_the_run_waits_for(stage: Stage) -> None:
    assert shares_of({stage: 1})[stage] == 1


def test_of_stages_with_free_capacity_the_first_is_waited_for() -> None:
    assert shares_of({Stage.API: 1, Stage.NETWORK: 3, Stage.CPU: 1})["api"] == 1


def test_the_last_full_stage_limits_all_before_it() -> None:
    full = {Stage.API: 2, Stage.NETWORK: 4, Stage.CPU: 2, Stage.DISK: 1}
    assert shares_of(full)["cpu"] == 1
    assert shares_of({**full, Stage.DISK: 4})["disk"] == 1


def test_time_without_work_is_other() -> None:
    assert shares_of({}, {}, {Stage.API: 1}, {})[OTHER] == 0.75


def test_shares_of_a_run_without_a_look_are_zero() -> None:
    assert set(shares_of().values()) == {0.0}


@given(st.lists(counts, min_size=1, max_size=20))
def test_the_shares_are_those_of_all_time(looks: list[dict[Stage, int]]) -> None:
    shares = shares_of(*looks)
    assert set(shares) == {*Stage, OTHER}
    assert sum(shares.values()) == pytest.approx(1, abs=0.005)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), counts)
def test_a_late_look_counts_for_all_the_time_since_the_last(
    pauses: list[float], work: dict[Stage, int]
) -> None:
    """The event loop may be held up between two looks."""
    times = [0.0]
    for pause in pauses:
        times.append(times[-1] + pause)
    bottleneck = Bottleneck(CAPACITY, 0.0)
    for _, now in pairwise(times):
        bottleneck.sample(now, work)
    assert max(bottleneck.shares().values()) == (1 if times[-1] else 0)
