"""Names that are safe on every file system and stable across runs.

A title only ever decorates: the note id is always in the name of its folder, so two notes never share one.
"""

import re
import unicodedata
from datetime import timedelta, timezone

from xharchive.media import AssetKind, Format
from xharchive.models import NoteId, Slot
from xharchive.sanitize import JOINER, one_line

__all__ = [
    "CHINA",
    "file_name",
    "folder_name",
    "is_folder_of",
    "is_note_folder",
    "is_note_place",
    "is_plain_name",
    "lesser_stem",
    "note_id_in",
    "note_id_in_path",
    "stem",
]

CHINA = timezone(timedelta(hours=8))
"""The platform's time: dates in names and local times in manifests."""

_TITLE_BYTES = 120
_ENDS = " ._-~" + JOINER
_SPACES = re.compile(r"[\s_]+")
_FOLDER = re.compile(r"(?:[^/\0]*_)?([0-9a-f]{24})")
_MOST_LEVELS = 2  # of folders: a note lies in the archive, or in a folder of its owner's there
_NEVER_NOTES = frozenset(
    ("gallery", "#recycle", "@Recycle", "$RECYCLE.BIN", "#snapshot", "@eaDir", "lost+found")
)
_SINGLE_STEMS = {AssetKind.VIDEO: "video", AssetKind.COVER: "cover", AssetKind.SOUND: "audio"}


def folder_name(note_id: NoteId, title: str) -> str:
    """Return `<date>_<title>_<id>`, at most 255 bytes, legal on Linux, macOS and Windows.

    The date is the publish date in China that the id carries. The title is cleaned: NFC, no control, format
    or bidi characters, no reserved names, cut at a whole character.
    """
    date = note_id.published.astimezone(CHINA).strftime("%Y-%m-%d")
    cleaned = _clean_title(title)
    return "_".join(part for part in (date, cleaned, note_id.text) if part)


def _clean_title(title: str) -> str:
    from pathvalidate import sanitize_filename  # noqa: PLC0415 - a tenth of what `--help` would take

    visible = one_line(unicodedata.normalize("NFC", title))
    # pathvalidate leaves ".." alone (docs/reliability.md#pictures-films-and-names), so both ends are
    # stripped after it.
    legal = sanitize_filename(visible, platform="universal", replacement_text="_")
    flat = _SPACES.sub(" ", legal).strip(_ENDS)
    return _first_bytes(flat, _TITLE_BYTES).strip(_ENDS)


def _first_bytes(text: str, most: int) -> str:
    return text.encode("utf-8", "ignore")[:most].decode("utf-8", "ignore")


def note_id_in(folder: str) -> NoteId | None:
    """Return the note id that a folder's name ends with, or None for a folder that is not ours."""
    found = _FOLDER.fullmatch(folder)
    return NoteId(found.group(1)) if found else None


def is_note_folder(name: str) -> bool:
    """Whether `note_id_in` finds an id in a folder's name."""
    return _FOLDER.fullmatch(name) is not None


def is_folder_of(note: str, folder: str) -> bool:
    """Return whether `note_id_in` finds this very id in a folder's name: cheaper, for a million notes."""
    ends_with_it = folder == note or folder.endswith(f"_{note}")
    return ends_with_it and "/" not in folder and "\0" not in folder


def note_id_in_path(folder: str) -> NoteId | None:
    """Return the note id that the last name of a folder's path ends with, or None."""
    return note_id_in(folder.rpartition("/")[2])


def is_note_place(folder: str) -> bool:
    """Return whether a note may lie in this folder of an archive, given relative to the archive.

    Its path is one or two plain names. A hidden folder, the gallery, and what network storage keeps deleted
    or older files in hold no notes.
    """
    names = folder.split("/")
    return (
        len(names) <= _MOST_LEVELS
        and names[0] not in _NEVER_NOTES
        and all(is_plain_name(name) and not name.startswith(".") for name in names)
    )


def is_plain_name(name: str) -> bool:
    """Return whether a name names an entry of a folder, and never another folder's."""
    return bool(name) and name not in (".", "..") and "/" not in name and "\0" not in name


def stem(slot: Slot, pictures: int) -> str:
    """Return a file's name without its suffix.

    Pictures and their motion share the zero-padded position (`pictures` of them in the note); what a note has
    once is named by its kind; a subtitle is named after the video it belongs to.
    """
    if slot.kind in (AssetKind.IMAGE, AssetKind.LIVE):
        return f"{slot.position:0{max(2, len(str(pictures)))}d}"
    if slot.kind is AssetKind.SUBTITLE:
        return f"video.{slot.label}" if slot.label else "video"
    name = _SINGLE_STEMS.get(slot.kind, slot.kind.value)
    return f"{name}-{slot.position}" if slot.position > 1 else name


def lesser_stem(slot: Slot, quality: str, pictures: int) -> str:
    """Return the stem of a lesser file that lies beside the original of its slot."""
    return f"{stem(slot, pictures)}.{quality}"


def file_name(slot: Slot, found: Format, pictures: int) -> str:
    """Return the final name of an original: its stem, and the suffix of the format its bytes have."""
    return f"{stem(slot, pictures)}.{found.suffix}"
