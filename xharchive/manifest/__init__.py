"""The manifest of a note as a value, and its JSON form with a JSON Schema (`manifest.schema.json`).

A manifest lists the archived files, and the missing assets with reasons. It has no token and no query of a
URL, so no signature either. `parse(to_json(m)) == m`.
"""

import json
from importlib import resources

from xharchive.manifest.json_format import (
    MAX_MANIFEST_BYTES,
    ManifestError,
    NewerManifest,
    as_timestamps,
    file_as_object,
    file_from_object,
    note_as_json,
    parse,
    to_json,
)
from xharchive.manifest.record import (
    DOUBTFUL_REASONS,
    LOST_REPLY,
    SCHEMA_VERSION,
    FileEntry,
    Manifest,
    MissingAsset,
    NoteMetadata,
    RefusedCandidate,
    ReplyEntry,
    Role,
    State,
)

__all__ = [
    "DOUBTFUL_REASONS",
    "FILE_NAME",
    "LOST_REPLY",
    "MAX_MANIFEST_BYTES",
    "SCHEMA_VERSION",
    "FileEntry",
    "Manifest",
    "ManifestError",
    "MissingAsset",
    "NewerManifest",
    "NoteMetadata",
    "RefusedCandidate",
    "ReplyEntry",
    "Role",
    "State",
    "as_timestamps",
    "file_as_object",
    "file_from_object",
    "json_schema",
    "note_as_json",
    "parse",
    "to_json",
]

FILE_NAME = "manifest.json"


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a manifest."""
    text = resources.files("xharchive.manifest").joinpath("manifest.schema.json").read_text("utf-8")
    schema: dict[str, object] = json.loads(text)
    return schema
