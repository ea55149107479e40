"""What a group of tasks failed with, as one error."""

from collections.abc import Iterable

from xharchive.errors import XharchiveError

__all__ = ["first_of"]


def first_of(problems: BaseExceptionGroup[BaseException]) -> BaseException:
    """Unwrap what a TaskGroup wrapped: a deliberate error before any other."""
    flat = list(_flat(problems))
    return next((problem for problem in flat if isinstance(problem, XharchiveError)), flat[0])


def _flat(problem: BaseException) -> Iterable[BaseException]:
    if isinstance(problem, BaseExceptionGroup):
        for inner in problem.exceptions:
            yield from _flat(inner)
    else:
        yield problem
