"""How long an asset is waited for in all."""

import pytest

from xharchive.download.policy import WaitBudget


@pytest.mark.parametrize(("first_wait", "limit"), [(1.0, 70.0), (0.1, 7.0), (0.0, 0.0)])
def test_waits_that_no_host_asked_for_are_bounded_by_the_first_pause(first_wait: float, limit: float) -> None:
    """70 times as long in all; the default of a second survives an outage of a minute."""
    patience = WaitBudget(None, first_wait)
    assert patience.spend(limit)
    assert not patience.is_used_up
    assert not patience.spend(0.001)
    assert patience.is_used_up


def test_a_host_that_asks_for_time_gets_two_minutes_however_short_the_pauses_are() -> None:
    """All such waits together, and the others count too."""
    patience = WaitBudget(None, 0.1)
    assert patience.spend(60.0, requested_by_host=True)
    assert patience.spend(5.0)
    assert not patience.spend(56.0, requested_by_host=True)
    assert patience.spend(55.0, requested_by_host=True)
    assert not patience.spend(0.1)


@pytest.mark.parametrize("asked", [True, False])
def test_the_user_s_limit_is_for_all_waits(asked: bool) -> None:
    """More or less than the default, whatever the first pause is."""
    patience = WaitBudget(300.0, 0.1)
    assert patience.spend(299.0, requested_by_host=asked)
    assert not patience.spend(2.0, requested_by_host=asked)
    assert patience.spend(1.0, requested_by_host=not asked)


def test_no_patience_still_allows_what_takes_no_time() -> None:
    """With a first pause of 0 further tries follow at once."""
    assert WaitBudget(0.0).spend(0.0)
