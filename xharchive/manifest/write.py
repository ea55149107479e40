"""Write the JSON form of a manifest. The same content always gives the same bytes."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from xharchive.manifest.record import SCHEMA_VERSION, FileEntry, Manifest, MissingAsset, Role
from xharchive.media import AssetKind
from xharchive.models import Note, Slot
from xharchive.naming import CHINA_TIME


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
