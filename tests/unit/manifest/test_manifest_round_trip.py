"""What is written is read back equal, satisfies the published schema, and carries no secrets."""

import json
from datetime import UTC, datetime, timedelta, timezone

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from support.note_folders import gap, manifest_of, note_id
from support.records import file_entries, manifests, notes

from xharchive import __version__, manifest
from xharchive.manifest import (
    Manifest,
    Role,
    State,
    as_timestamps,
    file_as_object,
    file_from_object,
    note_as_json,
)
from xharchive.media import AssetKind
from xharchive.models import Note, NoteId, NoteType

VALIDATOR = jsonschema.Draft202012Validator(manifest.json_schema())
ID = NoteId("69aed4e2000000000e00c358")


@given(manifests())
def test_what_is_written_is_read_back_equal(record: Manifest) -> None:
    """`parse(to_json(m)) == m`, as text and as bytes, and the same content gives the same bytes."""
    text = manifest.to_json(record)
    again = manifest.parse(text)
    assert again == record
    assert manifest.parse(text.encode()) == record
    assert manifest.to_json(again) == text


@settings(max_examples=50)
@given(manifests())
def test_every_manifest_satisfies_the_schema(record: Manifest) -> None:
    """Whoever reads our archives with other tools can rely on it."""
    VALIDATOR.validate(json.loads(manifest.to_json(record)))


@given(file_entries)
def test_a_file_s_record_is_read_back_equal(entry: manifest.FileEntry) -> None:
    """The work folder keeps records of files in the manifest's form."""
    assert file_from_object(json.loads(json.dumps(file_as_object(entry)))) == entry


@given(notes)
def test_a_note_s_metadata_is_plain_json(note: Note) -> None:
    """Nothing in it changes on the way through JSON, and the link names this very note."""
    data = note_as_json(note)
    assert json.loads(json.dumps(data)) == data
    assert data["url"] == f"https://www.xiaohongshu.com/explore/{note.id}"


def test_the_schema_is_a_schema() -> None:
    """Draft 2020-12, and it names this version."""
    jsonschema.Draft202012Validator.check_schema(manifest.json_schema())
    assert manifest.json_schema()["$id"] == f"urn:xharchive:manifest:{manifest.SCHEMA_VERSION}"
    assert manifest.FILE_NAME == "manifest.json"


def test_the_text_is_for_people_too() -> None:
    """Indented, Chinese as Chinese, the same keys in the same order, a newline at the end."""
    text = manifest.to_json(manifest_of(ID, title="豫园"))
    assert '"title": "豫园"' in text
    assert text.endswith("}\n")
    assert list(json.loads(text)) == [
        "schema_version",
        "generator",
        "id",
        "state",
        "archived",
        "note",
        "files",
        "gaps",
        "replies",
    ]
    assert json.loads(text)["generator"] == f"xharchive {__version__}"


def test_stills_and_motions_are_paired_by_number() -> None:
    """The pair is told for pictures of the list only."""
    entries = json.loads(manifest.to_json(manifest_of(ID, gaps=[gap(3)])))
    assert [entry["pair"] for entry in entries["files"]] == [1, 2]
    assert entries["gaps"][0]["pair"] == 3
    video = manifest.MissingAsset(
        manifest_of(ID).files[0].slot.__class__(AssetKind.VIDEO), Role.ORIGINAL, "not-given", "x"
    )
    assert json.loads(manifest.to_json(manifest_of(ID, gaps=[video])))["gaps"][0]["pair"] is None


def test_moments_are_written_for_the_platform_and_for_machines() -> None:
    """China time and UTC are the same moment; none stays none."""
    moment = datetime(2026, 3, 9, 17, 30, 15, 999, tzinfo=timezone(timedelta(hours=-1)))
    assert as_timestamps(moment) == {"china": "2026-03-10T02:30:15+08:00", "utc": "2026-03-09T18:30:15Z"}
    assert as_timestamps(None) is None


def test_a_note_without_a_publish_time_has_that_of_its_id() -> None:
    """The id carries it."""
    data = note_as_json(Note(ID, NoteType.UNKNOWN, ()))
    assert data["published"] == as_timestamps(datetime(2026, 3, 9, 14, 10, 42, tzinfo=UTC))
    assert data["updated"] is None


def test_the_title_is_at_hand() -> None:
    """Empty for an empty note."""
    assert manifest_of(ID, title="豫园").title == "豫园"
    assert Manifest(note_id(1), State.EMPTY).title == ""


@settings(max_examples=50)
@given(manifests(), st.sampled_from(State))
def test_the_schema_holds_promise_four(record: Manifest, state: State) -> None:
    """A state that contradicts the gaps is no valid manifest: complete has none, partial has one at least."""
    written = json.loads(manifest.to_json(record)) | {"state": state.value}
    gaps, note = len(written["gaps"]), bool(written["note"])
    holds = {
        State.COMPLETE: note and not gaps,
        State.PARTIAL: note and gaps > 0,
        State.EMPTY: not note and not gaps and not written["files"],
    }
    assert VALIDATOR.is_valid(written) == holds[state]
