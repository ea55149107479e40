"""The tree of errors: what each tells its catcher to do, and with which code the program ends."""

import inspect
import re

import pytest

from xharchive import errors
from xharchive.errors import ExitCode, Recovery, XharchiveError

TREE = {
    # error: (what its catcher does, exit code when nobody catches it)
    errors.UsageError: (Recovery.ABORT, 2),
    errors.Refused: (Recovery.ABORT, 4),
    errors.ArchiveError: (Recovery.ABORT, 5),
    errors.NotPermitted: (Recovery.SKIP, 5),
    errors.NetworkError: (Recovery.NEXT, 3),
    errors.ConnectionFailed: (Recovery.RETRY, 3),
    errors.ProxyFailed: (Recovery.RETRY, 3),
    errors.BodyCut: (Recovery.NEXT, 3),
    errors.Stalled: (Recovery.NEXT, 3),
    errors.TooLittle: (Recovery.NEXT, 3),
    errors.BadAnswer: (Recovery.NEXT, 3),
    errors.ReplyTooLarge: (Recovery.NEXT, 3),
    errors.Forbidden: (Recovery.NEXT, 3),
    errors.CandidateFailed: (Recovery.NEXT, 3),
    errors.ReplyUnusable: (Recovery.NEXT, 3),
    errors.NoteFailed: (Recovery.SKIP, 3),
}


@pytest.mark.parametrize("error", TREE, ids=lambda error: error.__name__)
def test_each_error_says_what_comes_next(error: type[XharchiveError]) -> None:
    """Recovery and exit code are those of the table above."""
    assert (error.recovery, error.exit_code) == TREE[error]


def test_the_tree_is_whole() -> None:
    """Every deliberate error is in the table above, is exported, and descends from the one root."""
    defined = {
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, XharchiveError) and value is not XharchiveError
    }
    assert defined == set(TREE)
    assert {error.__name__ for error in defined} <= set(errors.__all__)


def test_the_drawing_at_the_top_agrees_with_the_code() -> None:
    """Whoever reads the tree in the module's docstring is told the truth."""
    drawn = dict(re.findall(r"── (\w+)\s+(ABORT|RETRY|NEXT|SKIP)?", errors.__doc__ or ""))
    assert set(drawn) == {error.__name__ for error in TREE}
    for error, (recovery, _) in TREE.items():
        assert drawn[error.__name__] in ("", recovery.name)


def test_exit_codes_are_those_of_the_design() -> None:
    """Scripts rely on them (docs/architecture.md#exit-codes)."""
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "BUG": 1,
        "USAGE": 2,
        "INCOMPLETE": 3,
        "REFUSED": 4,
        "ARCHIVE": 5,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
    assert XharchiveError.exit_code == ExitCode.BUG


def test_termination_passes_every_ordinary_handler() -> None:
    """SIGTERM must not be swallowed by an `except Exception`."""
    assert not issubclass(errors.Terminated, Exception)


@pytest.mark.parametrize("error", [errors.CandidateFailed, errors.ReplyUnusable, errors.NoteFailed])
def test_a_reason_is_a_stable_word_beside_the_sentence(
    error: type[errors.CandidateFailed] | type[errors.ReplyUnusable] | type[errors.NoteFailed],
) -> None:
    """Programs read the reason, people the text."""
    raised = error("not-whole", "the file is not whole")
    assert (raised.reason, str(raised)) == ("not-whole", "the file is not whole")


def test_a_failed_connection_says_whether_the_request_may_have_arrived() -> None:
    """A call that was sent may have been billed; the careful default is that it was not."""
    assert not errors.ConnectionFailed("no route").sent
    assert errors.ConnectionFailed("reset", sent=True).sent
