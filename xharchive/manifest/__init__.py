"""The manifest of a note as a value, and its JSON form with a JSON Schema (`manifest.schema.json`).

A manifest lists the archived files, and the missing assets with reasons. It has no token and no query of a
URL, so no signature either. `parse(to_json(m)) == m`.
"""

import json
from importlib import resources

from xharchive.manifest.read import LARGEST, ManifestError, NewerManifest, parse
from xharchive.manifest.record import (
    DOUBTFUL,
    LOST,
    SCHEMA_VERSION,
    FileEntry,
    Gap,
    Manifest,
    Refusal,
    ReplyEntry,
    Role,
    State,
)
from xharchive.manifest.write import instant, note_as_json, to_json

__all__ = [
    "DOUBTFUL",
    "FILE_NAME",
    "LARGEST",
    "LOST",
    "SCHEMA_VERSION",
    "FileEntry",
    "Gap",
    "Manifest",
    "ManifestError",
    "NewerManifest",
    "Refusal",
    "ReplyEntry",
    "Role",
    "State",
    "instant",
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
