"""An archive that somebody hands on is input too: a manifest is whole and harmless, or it is refused."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.note_folders import gap, manifest_of, note_id
from support.records import manifests

from xharchive import manifest
from xharchive.manifest import Manifest, ManifestError, parse, to_json

GOOD: dict[str, Any] = json.loads(to_json(manifest_of(note_id(1), gaps=[gap()])))
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON document, but for the document itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(path: tuple[Any, ...], value: object = None, *, remove: bool = False) -> bytes:
    """The good manifest with one place set or removed."""
    data: Any = copy.deepcopy(GOOD)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(data).encode()


def refused(content: str | bytes) -> str:
    with pytest.raises(ManifestError) as raised:
        parse(content)
    return str(raised.value)


def parsed(content: str | bytes) -> Manifest | None:
    """Parse, or None for a refusal; whatever else is raised fails the test."""
    try:
        return parse(content)
    except ManifestError:
        return None


@given(st.binary(max_size=200) | st.text(st.characters(), max_size=200))
def test_arbitrary_bytes_are_refused(content: str | bytes) -> None:
    """With ManifestError and nothing else."""
    refused(content)


@given(anything)
def test_arbitrary_json_is_refused(value: object) -> None:
    """A document, whatever it holds, is no manifest."""
    refused(json.dumps(value))


@given(st.sampled_from(sorted(places(GOOD), key=str)), anything)
def test_a_distorted_place_is_read_or_refused(path: tuple[Any, ...], value: object) -> None:
    """Nothing but ManifestError is raised, and what passes can be written and read again."""
    record = parsed(changed(path, value))
    if record is not None:
        assert parse(to_json(record)) == record


@settings(max_examples=50)
@given(manifests(), st.data())
def test_a_cut_or_flipped_manifest_is_read_or_refused(record: Manifest, data: st.DataObject) -> None:
    """A crash, a bad sector."""
    content = bytearray(to_json(record).encode())
    place = data.draw(st.integers(0, len(content) - 2))
    assert parsed(bytes(content[:place])) is None
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    parsed(bytes(content))


OPTIONAL = {"pair", "generator"}  # for readers of the file; told by other fields


@pytest.mark.parametrize("path", [path for path in places(GOOD) if len(path) == 1], ids=str)
def test_no_part_of_the_document_may_lack(path: tuple[Any, ...]) -> None:
    """Each top-level key is needed."""
    refused(changed(path, remove=True))


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in places(GOOD)
        if (path[0] == "note" and len(path) == 2)
        or (path[:2] in (("gaps", 0), ("replies", 0)) and len(path) == 3)
    ],
    ids=str,
)
def test_no_field_of_note_gap_or_reply_may_lack(path: tuple[Any, ...]) -> None:
    """Views print them without asking."""
    if path[-1] not in OPTIONAL:
        assert "missing" in refused(changed(path, remove=True))


@pytest.mark.parametrize(
    "name", ["path", "role", "kind", "position", "label", "size", "sha256", "media_type", "width"]
)
def test_no_field_of_a_file_may_lack(name: str) -> None:
    """What a file is must be told."""
    refused(changed(("files", 0, name), remove=True))


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.5])
def test_another_version_is_refused(version: object) -> None:
    """By name, so that the user knows what to do."""
    assert "schema version 1" in refused(changed(("schema_version",), version))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "..",
        "a/..",
        "a\\b",
        "..\\x",
        "a\0b",
        "x\ud800",
        None,
        5,
        ["a"],
    ],
)
@pytest.mark.parametrize("place", [("files", 0, "path"), ("replies", 0, "path")])
def test_no_path_leaves_the_note_folder(place: tuple[Any, ...], path: object) -> None:
    """Neither a file's nor a reply's."""
    refused(changed(place, path))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("id",), "../../x"),
        (("state",), "done"),
        (("note",), None),
        (("note", "title"), None),
        (("note", "url"), "javascript:alert(1)"),
        (("note", "url"), "https://www.xiaohongshu.com/explore/x"),
        (("note", "author"), "somebody"),
        (("note", "author", "name"), 5),
        (("note", "tags"), [1]),
        (("note", "mentions"), [{}]),
        (("note", "counts", "likes"), "many"),
        (("note", "counts", "likes"), 1.5),
        (("note", "published"), None),
        (("note", "published", "utc"), "yesterday"),
        (("note", "updated"), {"china": "x"}),
        (("note", "author_switches"), []),
        (("archived",), "2026-03-09T14:09:06"),
        (("archived",), "0001-01-01T00:00:00+14:00"),
        (("files", 0, "size"), -1),
        (("files", 0, "size"), True),
        (("files", 0, "size"), 2**64),
        (("files", 0, "kind"), "folder"),
        (("files", 0, "role"), "copy"),
        (("files", 0, "quality"), "best"),
        (("files", 0, "checks"), "all"),
        (("files", 0, "source"), []),
        (("files", 0, "refused"), [5]),
        (("gaps", 0, "tried"), {}),
        (("replies",), None),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(place: tuple[Any, ...], value: object) -> None:
    """The message says that a field is wrong."""
    if place == ("files", 0, "source"):
        assert parse(changed(place, value)).files[0].host == ""  # an absent source is an empty one
    else:
        assert "a field is missing or wrong" in refused(changed(place, value))


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff"])
def test_text_that_no_file_can_hold_is_refused(text: str) -> None:
    """A lone surrogate would break the catalog, the gallery and the next write."""
    assert "not JSON" in refused(changed(("note", "title"), text))
    assert "not JSON" in refused(changed(("note", "title"), "TITLE").decode().replace("TITLE", text))


def test_a_whole_emoji_written_as_escapes_is_read() -> None:
    """Two surrogates that belong together are one character."""
    assert parse(changed(("note", "title"), "😆")).title == "😆"


def test_a_byte_order_mark_does_no_harm() -> None:
    """An editor may have left one."""
    assert parse(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()).id == note_id(1)


def test_other_encodings_are_refused() -> None:
    """A manifest is UTF-8."""
    refused(json.dumps(GOOD).encode("utf-16"))


def test_a_bottomless_document_is_refused() -> None:
    """It must not exhaust the stack."""
    refused("[" * 200_000)
    refused(b'{"schema_version":1,"note":' + b'{"a":' * 50_000)


def test_a_refusal_is_short() -> None:
    """However long the wrong value is."""
    assert len(refused(changed(("files", 0, "path"), "/" + "x" * 100_000))) < 300
    assert len(refused(changed(("files", 0, "size"), "x" * 100_000))) < 300


def test_an_empty_note_has_no_metadata() -> None:
    """{} is the one form that needs no fields."""
    empty = Manifest(note_id(1), manifest.State.EMPTY)
    assert parse(to_json(empty)) == empty
