"""Names of files and folders that are safe on every file system and stable across runs.

The note id is part of a folder's name, so two notes never share a folder. The title is only for readers.
"""

import re
import unicodedata
from datetime import timedelta, timezone

from xharchive.media import AssetKind, Format
from xharchive.models import NoteId, Slot
from xharchive.sanitize import JOINER, PLAIN_NAME, one_line

CHINA_TIME = timezone(timedelta(hours=8))
"""The platform's time zone, for dates in names and local times in manifests."""

_MAX_TITLE_BYTES = 120
_STRIPPED = " ._-~" + JOINER
_BLANKS = re.compile(r"[\s_]+")
_NOTE_FOLDER = re.compile(r"(?:[^/\0]*_)?([0-9a-f]{24})")
_MAX_LEVELS = 2  # of folders: a note lies in the archive, or in a folder that the user made there
_NOT_NOTE_FOLDERS = frozenset(
    ("gallery", "#recycle", "@Recycle", "$RECYCLE.BIN", "#snapshot", "@eaDir", "lost+found")
)
_SINGLE_STEMS = {AssetKind.VIDEO: "video", AssetKind.COVER: "cover", AssetKind.SOUND: "audio"}


def folder_name(note_id: NoteId, title: str) -> str:
    """Return `<date>_<title>_<id>`, at most 255 bytes, valid on Linux, macOS and Windows.

    The date is the publish date in China, from the note id. The title is cleaned: NFC, no control, format or
    bidirectional characters, no reserved name, cut between characters.
    """
    date = note_id.published.astimezone(CHINA_TIME).strftime("%Y-%m-%d")
    return "_".join(filter(None, (date, _clean_title(title), note_id.text)))


def _clean_title(title: str) -> str:
    from pathvalidate import sanitize_filename  # noqa: PLC0415 - this import would slow `--help` by a tenth

    visible = one_line(unicodedata.normalize("NFC", title))
    # pathvalidate leaves ".." alone (docs/reliability.md#pictures-films-and-names), so both ends are
    # stripped after it.
    legal = sanitize_filename(visible, platform="universal", replacement_text="_")
    flat = _BLANKS.sub(" ", legal).strip(_STRIPPED)
    return flat.encode("utf-8", "ignore")[:_MAX_TITLE_BYTES].decode("utf-8", "ignore").strip(_STRIPPED)


def note_id_from_name(folder: str) -> NoteId | None:
    """Return the note id at the end of a folder's name, or None if the name has none."""
    found = _NOTE_FOLDER.fullmatch(folder)
    return NoteId(found.group(1)) if found else None


def is_note_folder(name: str) -> bool:
    """Return whether a folder's name ends with a note id."""
    return _NOTE_FOLDER.fullmatch(name) is not None


def is_folder_of(note: str, folder: str) -> bool:
    """Return whether a folder's name ends with this note id. Faster than `note_id_from_name`."""
    ends_with_it = folder == note or folder.endswith(f"_{note}")
    return ends_with_it and "/" not in folder and "\0" not in folder


def may_be_folder_of(note: str, folder: str) -> bool:
    """Return whether a record may say that a note lies in this folder; only the manifest proves it.

    The first check is much faster, and enough for nearly all folders.
    """
    return is_folder_of(note, folder) or may_hold_note(folder)


def note_id_from_path(folder: str) -> NoteId | None:
    """Return the note id at the end of a folder's path, or None if its last name has none."""
    return note_id_from_name(folder.rpartition("/")[2])


def may_hold_note(folder: str) -> bool:
    """Return whether a folder may hold a note, judged by its path in the archive.

    The path has one or two plain names. A note is not in a hidden folder, in the gallery, or in the folders
    where network storage puts deleted or older files.
    """
    names = folder.split("/")
    return (
        len(names) <= _MAX_LEVELS
        and names[0] not in _NOT_NOTE_FOLDERS
        and all(PLAIN_NAME.fullmatch(name) and not name.startswith(".") for name in names)
    )


def file_stem(slot: Slot, pictures: int) -> str:
    """Return the name of an asset's file without its suffix.

    An image and its motion share the zero-padded position. An asset that a note has once is named by its
    kind, a subtitle by the video that it belongs to.

    Args:
        pictures: number of images in the note, for the padding.
    """
    if slot.kind in (AssetKind.IMAGE, AssetKind.LIVE):
        return f"{slot.position:0{max(2, len(str(pictures)))}d}"
    if slot.kind is AssetKind.SUBTITLE:
        return f"video.{slot.label}" if slot.label else "video"
    name = _SINGLE_STEMS.get(slot.kind, slot.kind.value)
    return f"{name}-{slot.position}" if slot.position > 1 else name


def fallback_stem(slot: Slot, quality: str, pictures: int) -> str:
    """Return the file name, without suffix, of a second file of lower quality for the same asset."""
    return f"{file_stem(slot, pictures)}.{quality}"


def file_name(slot: Slot, found: Format, pictures: int) -> str:
    """Return the final name of an original: its stem, and the suffix of the format that its bytes have."""
    return f"{file_stem(slot, pictures)}.{found.suffix}"
