"""A manifest that somebody hands on may be of any size: larger than any honest one, it is refused at once."""

import copy
import json
from typing import Any

import pytest
from support.note_folders import manifest_of, note_id

from xharchive.manifest import (
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
    ManifestError,
    MissingAsset,
    RefusedCandidate,
    Role,
    State,
    note_as_json,
    parse,
    to_json,
)
from xharchive.media import AssetKind
from xharchive.models import Author, Mention, Note, NoteType, Quality, Slot
from xharchive.parsers.note_fields import LONGEST_NAME, LONGEST_TEXT, MOST_TAGS

GOOD: dict[str, Any] = json.loads(to_json(manifest_of(note_id(1))))
MANY = 20_001
DEEP: Any = json.loads("[" * 300 + "]" * 300)


def with_note(**fields: object) -> bytes:
    """The good manifest with other metadata."""
    data = copy.deepcopy(GOOD)
    data["note"] |= fields
    return json.dumps(data).encode()


def refused(content: str | bytes) -> str:
    with pytest.raises(ManifestError) as raised:
        parse(content)
    return str(raised.value)


def test_a_manifest_that_is_too_large_is_refused() -> None:
    """White space counts too: nothing is decoded before."""
    good = json.dumps(GOOD).encode()
    assert parse(good.ljust(MAX_MANIFEST_BYTES)).id == note_id(1)
    assert refused(good.ljust(MAX_MANIFEST_BYTES + 1)) == "larger than 16 MiB"
    assert refused(good.decode().ljust(MAX_MANIFEST_BYTES + 1)) == "larger than 16 MiB"


@pytest.mark.parametrize("junk", ["1," * 500_000, "[]," * 250_000, "{}," * 250_000])
def test_a_manifest_of_too_many_values_is_refused(junk: str) -> None:
    """Before Python makes objects of them."""
    content = json.dumps({"junk": "JUNK", **GOOD}).replace('"JUNK"', f"[{junk}0]")
    assert refused(content) == refused(content.encode()) == "more than 500,000 values"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tags": ["x"] * MANY}, "a list of more than 20,000 entries"),
        ({"mentions": [{"id": "", "name": "x"}] * MANY}, "a list of more than 20,000 entries"),
        ({"remarks": ["x"] * MANY}, "a list of more than 20,000 entries"),
        ({"text": "x" * 1_000_001}, "a text of more than 1,000,000 characters"),
        ({"author_switches": {"media_save_config": DEEP}}, "more than 200 levels"),
        ({"unknown": {"x": DEEP}}, "more than 200 levels"),
        ({"remarks": "x"}, "expected a list"),
        ({"remarks": [1]}, "expected text"),
    ],
)
def test_metadata_beyond_any_note_is_refused(fields: dict[str, object], reason: str) -> None:
    """Each bound is far above what this program records of a note."""
    assert reason in refused(with_note(**fields))


def test_of_a_key_that_stands_twice_the_last_value_counts() -> None:
    """And only that one is checked: no other reader of the manifest sees the first."""
    content = json.dumps(GOOD)
    twice = content.replace('"note": {', '"note": {"title": 1, "url": "javascript:alert()", ', 1)
    assert parse(twice) == parse(content)
    assert "expected text" in refused(
        content.replace('"note": {', '"title": 1, "note": {"text": "", ', 1)[:-1] + ', "note": {"type": 1}}'
    )


def test_the_longest_manifest_that_this_program_writes_is_read() -> None:
    """A note at all of its bounds, with every asset refused at every address, in the longest letters."""
    letter = "\U0001f600"
    name = letter * LONGEST_NAME
    note = Note(
        note_id(1),
        NoteType.VIDEO,
        ("v1",),
        title=letter * LONGEST_TEXT,
        text=letter * LONGEST_TEXT,
        author=Author(name, name, name),
        tags=(name,) * MOST_TAGS,
        mentions=(Mention(name, name),) * MOST_TAGS,
        place=name,
        language=name,
        remarks=(name,) * 20,
    )
    tried = (RefusedCandidate("x" * 253, name, Quality.ORIGINAL, "not-found", "d" * 100),) * 20
    gaps = tuple(
        MissingAsset(Slot(AssetKind.IMAGE, at), Role.ORIGINAL, "not-found", "d", tried) for at in range(65)
    )
    file = FileEntry(
        "01.jpg",
        Role.ORIGINAL,
        Slot(AssetKind.IMAGE, 1),
        1,
        "0" * 64,
        "image/jpeg",
        refused=tried,
        url_path="x" * 4096,
    )
    record = Manifest(note_id(1), State.PARTIAL, note_as_json(note), (file,) * 200, gaps)
    text = to_json(record)
    assert len(text.encode()) < MAX_MANIFEST_BYTES
    assert parse(text.encode()) == record
