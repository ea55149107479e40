"""Helpers are a luxury: they never take the descriptors that a run needs."""

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from xharchive.download import multipart


@contextmanager
def limited(to: int) -> Iterator[None]:
    """Have this process open no more than so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (to, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def lowest_free() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize(("spare", "needed", "may"), [(60, 8, True), (30, 8, False), (60, 40, False)])
def test_as_many_as_are_left(spare: int, needed: int, may: bool) -> None:
    """Those that assets still need are left out of account."""
    with limited(lowest_free() + spare):
        assert multipart.has_descriptors_for(needed) is may


def test_none_left() -> None:
    """Not even to look."""
    with ExitStack() as opened:
        opened.enter_context(limited(lowest_free() + 2))
        with suppress(OSError):
            while True:
                opened.enter_context(open(os.devnull, "rb"))  # noqa: PTH123
        assert multipart.has_descriptors_for(0) is False


def test_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stands in the way."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert multipart.has_descriptors_for(1 << 40) is True
