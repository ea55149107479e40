"""The end report says what was told, no more and no less."""

from xharchive.events import (
    Call,
    Event,
    NoteFinished,
    NotesUnchanged,
    Outcome,
    Progressed,
    RunFinished,
    Warned,
)
from xharchive.run.run_stats import RunStats


def finished(outcome: Outcome) -> NoteFinished:
    """A note's end."""
    return NoteFinished("69aed4e2000000000e00c358", "", outcome, "", 0, 0)


def test_the_report_is_the_sum_of_the_events() -> None:
    """Bytes, calls, bills and outcomes; every event is passed on as it came, in order."""
    heard: list[Event] = []
    stats = RunStats(heard.append)
    told: list[Event] = [
        Call("n", "v1", "first", 0, "yes"),
        Call("n", "v1", "retry", None, "unknown"),
        Call("n", "v6", "cascade", 301, "no"),
        Progressed(100),
        Warned("careful"),
        Progressed(23),
        *(finished(outcome) for outcome in (Outcome.ARCHIVED, Outcome.ARCHIVED, Outcome.FAILED)),
        NotesUnchanged(2),
    ]
    for event in told:
        stats(event)
    assert heard == told
    assert stats.report(7, "the quota is used up") == RunFinished(
        notes={"archived": 2, "unchanged": 2, "partial": 0, "empty": 0, "failed": 1},
        bytes=123,
        calls=3,
        billed=1,
        perhaps_billed=1,
        free=1,
        left=2,
        stopped="the quota is used up",
    )


def test_what_the_run_waited_for_is_said_if_something_was_fetched() -> None:
    """The largest share that has a name of its own; a run that fetched nothing waited for nothing."""
    shares = {"api": 0.2, "network": 0.3, "cpu": 0.0, "disk": 0.0, "other": 0.5}
    stats = RunStats(lambda _: None)
    report = stats.report(1, "", 0, shares)
    assert (report.bound_by, report.shares) == ("", {})
    stats(Progressed(1))
    report = stats.report(1, "", 0, shares)
    assert (report.bound_by, report.shares) == ("network", shares)


def test_a_run_without_events_left_everything() -> None:
    """Nothing told, nothing claimed."""
    report = RunStats(lambda _: None).report(3, "")
    assert (report.left, report.bytes, report.calls, report.stopped) == (3, 0, 0, "")
    assert set(report.notes.values()) == {0}
