"""A note of the fake world under another title."""

import json
from dataclasses import replace

import pytest

from support.fake_world import FakeWorld
from xharchive.demo.world import DemoWorld

__all__ = ["rename_note"]


def rename_note(world: FakeWorld, note_id: str, title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every reply about a note tell another title; the world knows no other notes then."""
    note = world.world.notes[note_id]

    old, new = (json.dumps(text, ensure_ascii=False).encode() for text in (note.title, title))
    replies = {name: reply.replace(old, new) for name, reply in note.replies.items()}
    notes = {note_id: replace(note, title=title, replies=replies)}
    monkeypatch.setattr(DemoWorld, "notes", notes)
    monkeypatch.setattr(world.world, "_notes", notes)
