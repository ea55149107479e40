"""A note of the fake world under another title."""

import json
from dataclasses import replace
from functools import partial

import pytest

from support.fake_world import FakeWorld
from xharchive.demo.notes.demo_note import JsonObject, Md5Lookup, ReplyMaker
from xharchive.demo.world import DemoWorld

__all__ = ["rename_note"]


def rename_note(world: FakeWorld, note_id: str, title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every reply about a note tell another title; the world knows no other notes then."""
    note = world.world.notes[note_id]

    def renamed(reply: ReplyMaker, digest: Md5Lookup) -> JsonObject:
        text = json.dumps(reply(digest)).replace(json.dumps(note.title), json.dumps(title))
        fields: JsonObject = json.loads(text)
        return fields

    replies = {name: partial(renamed, reply) for name, reply in note.replies.items()}
    notes = {note_id: replace(note, title=title, replies=replies)}
    monkeypatch.setattr(DemoWorld, "notes", notes)
    monkeypatch.setattr(world.world, "_notes", notes)
