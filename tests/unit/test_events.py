"""The stream of events: names and fields are an interface for programs, so they are pinned here."""

import json

import pytest

from xharchive import events
from xharchive.events import Event, Outcome, as_json, ignore

CASES: list[tuple[Event, dict[str, object]]] = [
    (events.RunStarted(3, "/a"), {"event": "run_started", "notes": 3, "archive": "/a"}),
    (
        events.Call("n", "v1", "first", None, "unknown"),
        {
            "event": "call",
            "note": "n",
            "endpoint": "v1",
            "reason": "first",
            "code": None,
            "billed": "unknown",
        },
    ),
    (
        events.NoteResolved("n", "t", 4, 3, 99),
        {"event": "note_resolved", "note": "n", "title": "t", "assets": 4, "waiting": 3, "bytes": 99},
    ),
    (events.Progressed(7), {"event": "progressed", "bytes": 7}),
    (
        events.CandidateRefused("n", "image-1", "h", "not-found", "404"),
        {
            "event": "candidate_refused",
            "note": "n",
            "asset": "image-1",
            "host": "h",
            "reason": "not-found",
            "detail": "404",
        },
    ),
    (
        events.AssetArchived("n", "image-1", "01.heic", 5, "original", "h"),
        {
            "event": "asset_archived",
            "note": "n",
            "asset": "image-1",
            "file": "01.heic",
            "bytes": 5,
            "quality": "original",
            "host": "h",
        },
    ),
    (
        events.AssetMissing("n", "video", "expired", "403"),
        {"event": "gapped", "note": "n", "asset": "video", "reason": "expired", "detail": "403"},
    ),
    (
        events.NoteFinished("n", "t", Outcome.PARTIAL, "f", 2, 1),
        {
            "event": "note_finished",
            "note": "n",
            "title": "t",
            "outcome": "partial",
            "folder": "f",
            "files": 2,
            "gaps": 1,
            "detail": "",
            "known": False,
        },
    ),
    (events.NotesUnchanged(500), {"event": "notes_unchanged", "notes": 500}),
    (events.Warned("w"), {"event": "warned", "text": "w"}),
    (
        events.GalleryRefreshed(9, 2, 1, "/a/index.html"),
        {"event": "gallery_refreshed", "notes": 9, "pages": 2, "pictures": 1, "index": "/a/index.html"},
    ),
    (
        events.RunPlanned(9, 4, 2, 1, 2, 6),
        {
            "event": "run_planned",
            "notes": 9,
            "settled": 4,
            "paid": 2,
            "held_back": 1,
            "calls": 2,
            "most_calls": 6,
            "links": 0,
        },
    ),
    (
        events.RunFinished({"archived": 1}, 5, 4, 3, 2, "why", 1, "api", {"api": 1.0}, 1, 0),
        {
            "event": "run_finished",
            "notes": {"archived": 1},
            "bytes": 5,
            "calls": 4,
            "billed": 3,
            "left": 2,
            "stopped": "why",
            "held_back": 1,
            "bound_by": "api",
            "shares": {"api": 1.0},
            "perhaps_billed": 1,
            "free": 0,
            "known_empty": 0,
        },
    ),
]


@pytest.mark.parametrize(("event", "expected"), CASES, ids=lambda case: type(case).__name__)
def test_an_event_has_a_stable_json_form(event: Event, expected: dict[str, object]) -> None:
    """Name in snake case first, then the fields in order; nothing in it that JSON cannot hold."""
    assert as_json(event) == expected
    assert list(as_json(event)) == list(expected)
    assert json.loads(json.dumps(as_json(event))) == expected


def test_every_event_is_pinned() -> None:
    """A new event gets its line in the table above."""
    # By name, because a dataclass with slots is made twice.
    assert {type(event).__name__ for event, _ in CASES} == {kind.__name__ for kind in Event.__subclasses__()}


def test_outcomes_are_stable_words() -> None:
    """Reports and scripts count by these words."""
    assert list(Outcome) == ["archived", "unchanged", "partial", "empty", "failed"]


def test_the_default_listener_does_nothing() -> None:
    """Whoever does not listen need not care."""
    ignore(events.Warned("w"))
