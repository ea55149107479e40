"""Choose one error from a failed group of tasks."""

from collections.abc import Iterable

from xharchive.errors import XharchiveError

__all__ = ["first_error"]


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return one error of a TaskGroup: the first deliberate one (`XharchiveError`), else the first one."""
    flat = list(_flat(errors))
    return next((error for error in flat if isinstance(error, XharchiveError)), flat[0])


def _flat(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _flat(inner)
    else:
        yield error
