"""The JSON form of a manifest: parse it as untrusted input, and write the same bytes for the same content.

An archive may come from somebody else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

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
from xharchive.models import Note, NoteId, Quality, Slot
from xharchive.naming import CHINA_TIME
from xharchive.sanitize import PLAIN_NAME

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
    except (KeyError, TypeError, ValueError) as problem:
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
        KeyError, TypeError, ValueError: a field is missing or wrong.
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


def as_timestamps(moment: datetime | None) -> dict[str, str] | None:
    """Return a time as ISO 8601 twice, in the platform's time (+08:00) and in UTC; None for None."""
    if moment is None:
        return None
    utc = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"china": moment.astimezone(CHINA_TIME).isoformat(timespec="seconds"), "utc": utc}


def note_as_json(note: Note) -> dict[str, object]:
    """Return a note's metadata in the manifest's form. Assets are listed in `files` and `gaps` instead."""
    return {
        "type": note.type.value,
        "url": f"https://www.xiaohongshu.com/explore/{note.id}",
        "title": note.title,
        "text": note.text,
        "author": asdict(note.author),
        "tags": list(note.tags),
        "mentions": list(map(asdict, note.mentions)),
        "counts": asdict(note.counts),
        "place": note.place,
        "language": note.language,
        "published": as_timestamps(note.published or note.id.published),
        "updated": as_timestamps(note.updated),
        "author_switches": {
            "function_switch": [dict(switch) for switch in note.switches],
            "media_save_config": dict(note.save_config),
        },
        **({"remarks": list(note.remarks)} if note.remarks else {}),
    }


def to_json(manifest: Manifest) -> str:
    """Return the manifest as indented JSON text with keys in a fixed order."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "generator": manifest.generator,
        "id": manifest.id.text,
        "state": manifest.state,
        "archived": _utc(manifest.archived),
        "note": dict(manifest.note),
        "files": list(map(file_as_object, manifest.files)),
        "gaps": list(map(_missing_asset_as_object, manifest.gaps)),
        "replies": list(map(asdict, manifest.replies)),
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _utc(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


def _slot_as_object(slot: Slot) -> dict[str, object]:
    pair = slot.position if slot.kind in (AssetKind.IMAGE, AssetKind.LIVE) else None
    return {"kind": slot.kind, "position": slot.position, "label": slot.label, "pair": pair}


def file_as_object(entry: FileEntry) -> dict[str, object]:
    """Return the entry of a file in its JSON form."""
    common: dict[str, object] = {
        "path": entry.path,
        "role": entry.role,
        **_slot_as_object(entry.slot),
        "size": entry.size,
        "sha256": entry.sha256,
        "media_type": entry.media_type,
        "width": entry.width or None,
        "height": entry.height or None,
        "duration_ms": entry.duration_ms or None,
    }
    if entry.role is Role.DERIVATIVE:
        return common | {
            "derived_from": entry.derived_from,
            "tool": entry.tool,
            "settings": entry.settings,
            "lost": list(entry.lost),
        }
    return common | {
        "quality": entry.quality,
        "source": {"host": entry.host, "path": entry.url_path},
        "endpoint": entry.endpoint,
        "fetched": _utc(entry.fetched),
        "checks": list(entry.checks),
        "problem": entry.problem or None,
        "refused": list(map(asdict, entry.refused)),
        **({"stands_for": entry.stands_for} if entry.stands_for else {}),
        **({"orientation": entry.orientation} if entry.orientation > 1 else {}),
    }


def _missing_asset_as_object(gap: MissingAsset) -> dict[str, object]:
    return {
        **_slot_as_object(gap.slot),
        "role": gap.role,
        "reason": gap.reason,
        "detail": gap.detail,
        "tried": list(map(asdict, gap.tried)),
    }
