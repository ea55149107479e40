"""Parse the JSON form of a manifest. It is untrusted input: an archive may come from somebody else."""

import json
import re
from collections.abc import Mapping

from xharchive.manifest.record import (
    SCHEMA_VERSION,
    FileEntry,
    Manifest,
    MissingAsset,
    RefusedCandidate,
    ReplyEntry,
    Role,
    State,
    as_list,
    as_moment,
    as_object,
    as_text,
    read_metadata,
)
from xharchive.media import SUFFIXES, AssetKind
from xharchive.models import NoteId, Quality, Slot
from xharchive.naming import PLAIN_NAME

_MAY_BE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_MAX_FILE_BYTES = 2**48  # so that sums of sizes fit a column of a database

MAX_MANIFEST_BYTES = 16 * 1024 * 1024
"""The largest manifest in bytes. This program writes less: it bounds the assets of a note, and its texts."""
_MAX_VALUES = 500_000
_MAX_DEPTH = 200


class ManifestError(ValueError):
    """The text is not a manifest of this version. The message says where it differs."""


class NewerManifest(ManifestError):
    """A later version of this program wrote the manifest, so this one must not change it.

    Attributes:
        is_from_xharchive: the manifest names this program as its generator. Other programs use the name
            `manifest.json` too.
    """

    def __init__(self, message: str, *, is_from_xharchive: bool) -> None:
        super().__init__(message)
        self.is_from_xharchive = is_from_xharchive


def parse(text: str | bytes) -> Manifest:
    """Parse a manifest: `parse(to_json(m)) == m`. Of duplicate keys the last value counts.

    Raises:
        NewerManifest: a later version of this program wrote it.
        ManifestError: anything else is wrong with it.
    """
    # Refuse a text that would take too much time or memory, before it is parsed.
    if len(text) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"larger than {MAX_MANIFEST_BYTES >> 20} MiB")
    if isinstance(text, str):
        values = text.count(",") + text.count("[") + text.count("{")
    else:
        values = text.count(b",") + text.count(b"[") + text.count(b"{")
    if values > _MAX_VALUES:
        raise ManifestError(f"more than {_MAX_VALUES:,} values")
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8-sig")
        data = json.loads(plain)
        if _MAY_BE_SURROGATE.search(plain):
            json.dumps(data, ensure_ascii=False).encode()  # refuse a lone one: it cannot be encoded
    except (ValueError, RecursionError) as problem:
        raise ManifestError(f"not JSON: {type(problem).__name__}") from None
    if not isinstance(data, dict) or data.get("schema_version") != SCHEMA_VERSION:
        found = data.get("schema_version") if isinstance(data, dict) else None
        message = f"not a manifest of schema version {SCHEMA_VERSION}"
        if isinstance(found, int) and found > SCHEMA_VERSION:
            is_from_xharchive = str(data.get("generator", "")).startswith("xharchive ")
            raise NewerManifest(message, is_from_xharchive=is_from_xharchive)
        raise ManifestError(message)
    try:
        return _manifest(data)
    except (KeyError, TypeError, ValueError, OverflowError) as problem:
        raise ManifestError(f"a field is missing or wrong: {problem}") from None


def _manifest(data: Mapping[str, object]) -> Manifest:
    note = as_object(data["note"])  # kept as it is, after a check of all fields that this program reads
    _check_depth(note, _MAX_DEPTH)
    read_metadata(note)
    return Manifest(
        id=NoteId(as_text(data["id"])),
        state=State(as_text(data["state"])),
        note=note,
        files=tuple(map(file_from_object, as_list(data["files"]))),
        gaps=tuple(map(_missing_asset, as_list(data["gaps"]))),
        replies=tuple(map(_reply, as_list(data["replies"]))),
        archived=as_moment(data["archived"]),
        generator=as_text(data["generator"]),
    )


def _check_depth(value: object, levels: int) -> None:
    """Refuse values that nest too deeply to be written again."""
    if levels < 0:
        raise ValueError(f"more than {_MAX_DEPTH} levels")
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, levels - 1)


def file_from_object(value: object) -> FileEntry:
    """Parse the entry of a file.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: a field is missing or wrong.
    """
    data = as_object(value)
    source = as_object(data.get("source") or {"host": "", "path": ""})
    quality = data.get("quality")
    return FileEntry(
        path=_media_name(data["path"]),
        role=Role(as_text(data["role"])),
        slot=_slot(data),
        size=_size(data["size"]),
        sha256=as_text(data["sha256"]),
        media_type=as_text(data["media_type"]),
        width=_integer(data["width"] or 0),
        height=_integer(data["height"] or 0),
        duration_ms=_integer(data["duration_ms"] or 0),
        quality=Quality(as_text(quality)) if quality else None,
        host=as_text(source["host"]),
        url_path=as_text(source["path"]),
        endpoint=as_text(data.get("endpoint", "")),
        fetched=as_moment(data.get("fetched")),
        checks=tuple(as_text(check) for check in as_list(data.get("checks", []))),
        problem=as_text(data.get("problem") or ""),
        refused=_refused_candidates(data.get("refused", [])),
        derived_from=as_text(data.get("derived_from", "")),
        tool=as_text(data.get("tool", "")),
        settings=as_text(data.get("settings", "")),
        lost=tuple(as_text(what) for what in as_list(data.get("lost", []))),
        orientation=_integer(data.get("orientation") or 1),
        stands_for=_media_name(data["stands_for"]) if data.get("stands_for") else "",
    )


def _missing_asset(value: object) -> MissingAsset:
    data = as_object(value)
    return MissingAsset(
        slot=_slot(data),
        role=Role(as_text(data["role"])),
        reason=as_text(data["reason"]),
        detail=as_text(data["detail"]),
        tried=_refused_candidates(data["tried"]),
    )


def _reply(value: object) -> ReplyEntry:
    data = as_object(value)
    return ReplyEntry(
        endpoint=as_text(data["endpoint"]),
        path=_reply_path(data["path"]),
        size=_size(data["size"]),
        sha256=as_text(data["sha256"]),
        outcome=as_text(data["outcome"]),
    )


def _refused_candidates(items: object) -> tuple[RefusedCandidate, ...]:
    return tuple(
        RefusedCandidate(
            host=as_text(item["host"]),
            path=as_text(item["path"]),
            quality=Quality(as_text(item["quality"])),
            reason=as_text(item["reason"]),
            detail=as_text(item["detail"]),
        )
        for item in map(as_object, as_list(items))
    )


def _slot(data: Mapping[str, object]) -> Slot:
    return Slot(AssetKind(as_text(data["kind"])), _integer(data["position"]), as_text(data["label"]))


def _media_name(value: object) -> str:
    # The suffix of a media file: not that of a page or a manifest.
    name = as_text(value)
    if not PLAIN_NAME.fullmatch(name) or "\\" in name or name.rpartition(".")[2] not in SUFFIXES:
        raise ValueError(f"{name[:80]!r} is no name of a media file")
    return name


def _reply_path(value: object) -> str:
    path = as_text(value)
    folder, _, name = path.partition("/")
    if folder != "replies" or not PLAIN_NAME.fullmatch(name) or "\\" in name or not name.endswith(".json"):
        raise ValueError(f"{path[:80]!r} is no path of a reply")
    return path


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"expected a whole number, found {value!r:.40}")
    return value


def _size(value: object) -> int:
    size = _integer(value)
    if size > _MAX_FILE_BYTES:
        raise ValueError("a file larger than any file")
    return size
