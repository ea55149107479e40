"""Replies to read: the three seeds, and small ones made around a single note object."""

import json
from pathlib import Path
from typing import Any

from xharchive.media import AssetKind
from xharchive.models import Asset, Note, NoteId, Slot
from xharchive.parsers import ENDPOINTS, read_envelope, read_note

SEEDS = Path(__file__).parents[2] / "data" / "seeds"
SEED_IDS = {
    "v7": NoteId("69aed4e2000000000e00c358"),
    "v1": NoteId("698ab064000000001503876d"),
    "pgy": NoteId("65c0b3fc000000002c037a49"),
}
NOTE_ID = NoteId("69aed4e2000000000e00c358")
STRANGER = "600000000000000000000001"
CDN = "https://sns-i8.rednotecdn.com"
STREAMS = "http://sns-v8.rednotecdn.com/stream/1"


def seed(name: str) -> Any:
    """Return a seed's reply as JSON, fresh for every caller."""
    return json.loads((SEEDS / f"{name}.json").read_text(encoding="utf-8"))


def read(data: object, *, endpoint: str = "v1", code: object = 0, note_id: NoteId = NOTE_ID) -> Note:
    """Read a reply around the given data."""
    body = json.dumps({"code": code, "data": data}).encode()
    return read_note(read_envelope(body), ENDPOINTS[endpoint], note_id)


def app_note(**fields: object) -> dict[str, object]:
    """An app note with one picture, and whatever else a test is about."""
    return {"id": NOTE_ID.text, "type": "normal", "images_list": [{"fileid": "notes/a"}], **fields}


def read_app(**fields: object) -> Note:
    """Read an app note in a block."""
    return read([{"user": {}, "note_list": [app_note(**fields)]}])


def asset(note: Note, kind: AssetKind, position: int = 0, label: str = "") -> Asset:
    """Return the asset of a slot that has to be there."""
    return next(each for each in note.assets if each.slot == Slot(kind, position, label))


def slots(note: Note) -> list[str]:
    """Return the slots of a note as text, in order."""
    return [str(each.slot) for each in note.assets]
