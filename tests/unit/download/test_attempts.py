"""Which candidates deserve another try, and which refusal says most."""

from dataclasses import replace

import pytest

from xharchive.download.hosts import host_of
from xharchive.download.policy import Attempts
from xharchive.models import Candidate, Quality

A, B, C = (
    Candidate(f"https://{host}.xhscdn.com/key?sign=s3cret", Quality.ORIGINAL, "field") for host in "abc"
)
GROUP = (A, B, C)
PASSING = ["busy", "server-error", "cut", "unreachable", "resting"]
ONCE_MORE = ["stalled", "not-whole", "unproven", "zero-bytes", "not-media", "size-differs", "md5-differs"]
SETTLED = [
    "not-found",
    "forbidden",
    "wrong-kind",
    "outside-borders",
    "bad-answer",
    "undecodable",
]


def test_a_refusal_names_host_and_path_and_no_query() -> None:
    """What goes into the manifest holds no signature."""
    attempts = Attempts()
    attempts.refuse(A, "busy", "not now")
    (refusal,) = attempts.refusals
    assert (refusal.host, refusal.path, refusal.reason) == ("a.xhscdn.com", "/key", "busy")
    assert host_of(A) == "a.xhscdn.com"
    assert host_of(Candidate("", Quality.ORIGINAL, "")) == ""


@pytest.mark.parametrize("reason", PASSING)
def test_what_may_pass_stays_open(reason: str) -> None:
    """However often it happened."""
    attempts = Attempts()
    for _ in range(5):
        attempts.refuse(A, reason, "")
    assert attempts.worth_trying(GROUP) == GROUP


@pytest.mark.parametrize("reason", ONCE_MORE)
def test_what_a_second_try_may_heal_gets_one(reason: str) -> None:
    """Twice the same is a property of the file; a rest in between is not a try."""
    attempts = Attempts()
    attempts.refuse(A, reason, "")
    assert A in attempts.worth_trying(GROUP)
    attempts.refuse(A, "resting", "")
    attempts.refuse(A, reason, "")
    assert attempts.worth_trying(GROUP) == (B, C)


@pytest.mark.parametrize("reason", SETTLED)
def test_what_will_not_pass_is_settled(reason: str) -> None:
    """One answer of this kind is enough."""
    attempts = Attempts()
    attempts.refuse(B, reason, "")
    assert attempts.worth_trying(GROUP) == (A, C)


def test_a_forgiven_candidate_has_no_past() -> None:
    """It gave the asset after all: nothing is on record against it."""
    attempts = Attempts()
    attempts.refuse(A, "busy", "")
    attempts.clear_refusal(A)
    attempts.clear_refusal(B)
    assert attempts.refusals == ()


@pytest.mark.parametrize(
    ("reasons", "worth"),
    [
        (("not-found", "not-found", "not-found"), False),
        (("unreachable", "resting", "stalled"), False),
        (("unreachable", "busy", "not-found"), True),
        (("cut", "not-found", "not-found"), True),
    ],
)
def test_a_pause_among_mirrors_must_be_worth_it(reasons: tuple[str, ...], worth: bool) -> None:
    """Only a short fault is waited out before a worse rendition is looked at."""
    attempts = Attempts()
    for candidate, reason in zip(GROUP, reasons, strict=True):
        attempts.refuse(candidate, reason, "")
    assert bool(attempts.worth_a_pause(GROUP, tries=2)) is worth


def test_a_mirror_that_had_all_its_tries_is_waited_for_no_more() -> None:
    """Tries are counted for each mirror; a round that its host rested through is none of them."""
    attempts = Attempts()
    for reason in ("busy", "pausing", "busy"):
        attempts.refuse(A, reason, "")
    attempts.refuse(B, "busy", "")
    attempts.refuse(B, "pausing", "")
    attempts.refuse(C, "pausing", "")
    assert attempts.worth_a_pause(GROUP, tries=3) == (A, B, C)
    assert attempts.worth_a_pause(GROUP, tries=2) == (B, C)
    assert attempts.fewest_tries((A, B, C)) == 2
    assert attempts.fewest_tries((B, C)) == 0


def test_what_will_not_pass_says_most() -> None:
    """A 404 tells more than a host that was busy; among equals the first counts."""
    attempts = Attempts()
    attempts.refuse(A, "busy", "first")
    attempts.refuse(B, "cut", "second")
    assert attempts.main_refusal.detail == "first"
    attempts.refuse(C, "not-found", "third")
    assert attempts.main_refusal.detail == "third"


GUESS = replace(C, derived=True)
GUESSES = tuple(replace(candidate, derived=True) for candidate in GROUP)


@pytest.mark.parametrize(
    ("candidates", "reasons", "guessed"),
    [
        (GUESSES, ("not-found", "not-found", "not-found"), True),
        (GUESSES, ("not-found", "forbidden", "not-found"), True),
        (GUESSES, ("forbidden", "forbidden", "forbidden"), False),
        (GUESSES, ("not-found", "busy", "not-found"), False),
        (GUESSES, ("not-found", "not-whole", "not-found"), False),
        (GROUP, ("not-found", "not-found", "not-found"), False),
        ((A, *GUESSES[1:]), ("not-found", "not-found", "not-found"), False),
    ],
)
def test_only_addresses_of_our_own_making_are_guesses(
    candidates: tuple[Candidate, ...], reasons: tuple[str, ...], guessed: bool
) -> None:
    """None of them is known to a host, and none was listed: the reply had no address at all."""
    attempts = Attempts()
    for candidate, reason in zip(candidates, reasons, strict=True):
        attempts.refuse(candidate, reason, "")
    assert attempts.derived_urls_unknown(candidates) is guessed


@pytest.mark.parametrize(
    ("reasons", "expired"),
    [
        (("forbidden", "forbidden", "forbidden"), True),
        (("forbidden", "forbidden", "not-found"), True),
        (("forbidden", "forbidden", "busy"), True),
        (("forbidden", "forbidden", "unreachable"), True),
        (("forbidden", "forbidden", "cut"), False),
        (("forbidden", "forbidden", "not-whole"), False),
        (("forbidden", "forbidden", "stalled"), False),
        (("forbidden", "not-found", "forbidden"), False),
        (("forbidden", "busy", "forbidden"), False),
        (("forbidden", "server-error", "forbidden"), False),
        (("forbidden", "stalled", "forbidden"), False),
        (("forbidden", "resting", "forbidden"), False),
        (("not-found", "not-found", "forbidden"), False),
    ],
)
def test_only_403_of_all_that_is_listed_is_worth_a_paid_call(reasons: tuple[str, ...], expired: bool) -> None:
    """Never 404, 5xx or a time-out; a derived address has no say unless it began to give the file."""
    attempts = Attempts()
    for candidate, reason in zip((A, B, GUESS), reasons, strict=True):
        attempts.refuse(candidate, reason, "")
    assert attempts.urls_expired((A, B, GUESS)) is expired


def test_what_was_not_tried_or_not_listed_is_not_expired() -> None:
    """An address left out, nothing at all, a derived one that is missing: a new reply would not help."""
    attempts = Attempts()
    attempts.refuse(A, "forbidden", "")
    assert not attempts.urls_expired((A, B))
    assert not attempts.urls_expired(())
    attempts.refuse(GUESS, "not-found", "")
    assert not attempts.urls_expired((GUESS,))
    attempts.refuse(GUESS, "forbidden", "")
    assert attempts.urls_expired((GUESS,))


@pytest.mark.parametrize("reason", [*PASSING, "pausing"])
def test_no_round_is_held_for_a_guessed_host_that_is_down(reason: str) -> None:
    """It stays open for a round that another one deserves."""
    guess = replace(A, derived=True, guessed=True)
    attempts = Attempts()
    attempts.refuse(guess, reason, "")
    assert attempts.worth_trying((guess,)) == (guess,)
    assert attempts.worth_another_round((guess,)) == ()


@pytest.mark.parametrize(
    ("reason", "worth"),
    [("unreachable", False), ("resting", False), ("pausing", False), ("busy", True), ("cut", True)],
)
def test_a_guessed_host_gets_a_pause_only_if_it_answers(reason: str, worth: bool) -> None:
    """Among the mirrors of one rendition, so that a moment of trouble does not cost the upload."""
    guess = replace(A, derived=True, guessed=True)
    attempts = Attempts()
    attempts.refuse(guess, reason, "")
    assert bool(attempts.worth_a_pause((guess,), tries=3)) is worth


@pytest.mark.parametrize(
    ("reason", "worth"),
    [("unreachable", False), ("resting", False), ("pausing", True), ("busy", True), ("cut", True)],
)
def test_a_derived_host_is_waited_for_only_if_it_can_be_reached(reason: str, worth: bool) -> None:
    """The upload's own host is no guess, but no reply names it either."""
    derived = replace(A, derived=True)
    attempts = Attempts()
    attempts.refuse(derived, reason, "")
    assert bool(attempts.worth_another_round((derived,))) is worth


def test_what_a_second_try_may_heal_gets_it_from_a_guessed_host_too() -> None:
    """The host answered; the fault may have been the transfer's."""
    guess = replace(A, derived=True, guessed=True)
    attempts = Attempts()
    attempts.refuse(guess, "not-whole", "")
    assert attempts.worth_another_round((guess,)) == (guess,)
