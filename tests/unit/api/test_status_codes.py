"""The vendor's codes: what each means for the run, and whether it is paid for (docs/api.md#codes)."""

import pytest

from xharchive.api.status_codes import CODES, Action, meaning_of_code, meaning_of_status

DOCUMENTED = {
    0: (Action.READ, "yes"),
    100: (Action.STOP, "no"),
    201: (Action.READ, "yes"),
    301: (Action.RETRY, "no"),
    302: (Action.SLOW_DOWN, "no"),
    303: (Action.STOP, "no"),
    400: (Action.FAIL, "no"),
    500: (Action.RETRY, "no"),
    600: (Action.STOP, "no"),
    601: (Action.STOP, "no"),
    602: (Action.STOP, "no"),
}


def test_every_documented_code_has_its_meaning() -> None:
    """Action and bill are those of the vendor's documentation."""
    assert {code: (meaning.action, meaning.billed) for code, meaning in CODES.items()} == DOCUMENTED
    assert all(meaning_of_code(code) == meaning for code, meaning in CODES.items())


@pytest.mark.parametrize("code", [-1, 1, 200, 404, 603, 10**9])
def test_an_unknown_code_is_never_asked_again(code: int) -> None:
    """Nobody knows what it costs, so the note is given up and the bill counted as unknown."""
    assert (meaning_of_code(code).action, meaning_of_code(code).billed) == (Action.FAIL, "unknown")


@pytest.mark.parametrize(
    ("status", "action", "billed"),
    [
        (200, Action.NEXT, "unknown"),
        (204, Action.NEXT, "unknown"),
        (304, Action.FAIL, "unknown"),
        (400, Action.FAIL, "no"),
        (401, Action.STOP, "no"),
        (403, Action.STOP, "no"),
        (404, Action.FAIL, "unknown"),
        (418, Action.FAIL, "unknown"),
        (429, Action.SLOW_DOWN, "no"),
        (500, Action.RETRY_ONCE, "unknown"),
        (502, Action.RETRY_ONCE, "unknown"),
        (599, Action.RETRY_ONCE, "unknown"),
    ],
)
def test_a_status_counts_where_there_is_no_envelope(status: int, action: Action, billed: str) -> None:
    """A 200 that is not JSON and a 5xx may have been billed; a refusal stops the paying."""
    meaning = meaning_of_status(status)
    assert (meaning.action, meaning.billed) == (action, billed)


def test_a_stop_tells_the_user_what_to_do() -> None:
    """Every code that ends the paying comes with the next step."""
    stops = [meaning.text for meaning in CODES.values() if meaning.action is Action.STOP]
    assert all(any(hint in words for hint in ("check", "ask", "run", "resume")) for words in stops)


def test_nobody_can_change_the_table() -> None:
    """It is shared by all notes of a run."""
    with pytest.raises(TypeError):
        CODES[0] = CODES[100]  # type: ignore[index]
