"""Limits that a process sets on itself."""

import resource

import pytest

from xharchive.child_process import forbid_core_dumps, limit, limit_durably

UNLIMITED = resource.RLIM_INFINITY
Limits = dict[int, tuple[int, int]]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """The limits of a process, soft and hard; this one's own stay as they are."""
    held = {resource.RLIMIT_CPU: (50, 100), resource.RLIMIT_CORE: (UNLIMITED, UNLIMITED)}
    monkeypatch.setattr(resource, "getrlimit", held.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", held.__setitem__)
    return held


@pytest.mark.parametrize(("hard", "expected"), [(100, 100), (UNLIMITED, 500), (900, 500)])
def test_a_limit_stays_below_the_hard_one(limits: Limits, hard: int, expected: int) -> None:
    """What the administrator set is never asked to be more."""
    limits[resource.RLIMIT_CPU] = (50, hard)
    limit(resource.RLIMIT_CPU, 500)
    assert limits[resource.RLIMIT_CPU] == (expected, hard)
    limit_durably(resource.RLIMIT_CPU, 500)
    assert limits[resource.RLIMIT_CPU] == (expected, expected)


def test_core_dumps_are_forbidden_until_further_notice_or_for_good(limits: Limits) -> None:
    """One byte is less than any dump has."""
    forbid_core_dumps()
    assert limits[resource.RLIMIT_CORE] == (1, UNLIMITED)
    forbid_core_dumps(permanent=True)
    assert limits[resource.RLIMIT_CORE] == (1, 1)
