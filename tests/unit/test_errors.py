"""The tree of errors: the drawing of it at the top of the module, and the exit codes."""

import inspect
import re

import pytest

from xharchive import errors
from xharchive.errors import ExitCode, XharchiveError

DRAWN = re.compile(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>\w+) +(?P<action>ABORT|RETRY|NEXT|SKIP)?")
ACTIONS = {"ABORT", "RETRY", "NEXT", "SKIP"}
EXIT_CODES = {
    # error: exit code if the command line is the first to catch it
    errors.UsageError: 2,
    errors.Refused: 4,
    errors.ArchiveError: 5,
    errors.PermissionDenied: 5,
    errors.NetworkError: 3,
    errors.ConnectionFailed: 3,
    errors.ProxyFailed: 3,
    errors.IncompleteBody: 3,
    errors.Stalled: 3,
    errors.BelowMinimumRate: 3,
    errors.BadResponse: 3,
    errors.ReplyTooLarge: 3,
    errors.NotAllowed: 3,
    errors.Failure: 3,
    errors.CandidateFailed: 3,
    errors.ReplyUnusable: 3,
    errors.NoteFailed: 3,
}


def _drawing() -> list[re.Match[str]]:
    """The lines of the tree in the module's docstring, without its root."""
    lines = (errors.__doc__ or "").splitlines()
    return [found for line in lines if "── " in line and (found := DRAWN.match(line))]


@pytest.mark.parametrize("error", EXIT_CODES, ids=lambda error: error.__name__)
def test_each_error_has_its_exit_code(error: type[XharchiveError]) -> None:
    """Scripts rely on the number."""
    assert error.exit_code == EXIT_CODES[error]


def test_the_table_has_every_error() -> None:
    """Every deliberate error is in the table above and descends from the one root."""
    defined = {
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, XharchiveError) and value is not XharchiveError
    }
    assert defined == set(EXIT_CODES)


def test_the_drawing_has_every_error_under_its_parent() -> None:
    """The tree in the module's docstring is the tree of the classes."""
    above = [XharchiveError.__name__]
    drawn: dict[str, str] = {}
    for found in _drawing():
        level = len(found["branch"]) // 4
        drawn[found["name"]] = above[level - 1]
        above[level:] = [found["name"]]
    assert drawn == {error.__name__: error.__base__.__name__ for error in EXIT_CODES if error.__base__}


def test_the_drawing_names_an_action_for_every_error_that_is_raised() -> None:
    """Its legend explains each action. Two are only bases; of one of them, who sent the request decides."""
    actions = {found["name"]: found["action"] for found in _drawing()}
    assert {name for name, action in actions.items() if action is None} == {"NetworkError", "Failure"}
    assert set(re.findall(r"\b([A-Z]{4,5}): ", errors.__doc__ or "")) == ACTIONS


def test_the_drawing_has_the_exit_codes_of_errors_that_end_a_run() -> None:
    """A number in the drawing is the number of the class."""
    codes = dict(re.findall(r"── (\w+) .* exit (\d)", errors.__doc__ or ""))
    assert codes == {"UsageError": "2", "Refused": "4", "ArchiveError": "5"}
    assert all(getattr(errors, name).exit_code == int(code) for name, code in codes.items())


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
