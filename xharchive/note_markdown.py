"""Makes `note.md`, a note as Markdown, and writes it again where it differs from the manifest."""

import re
import stat
from collections.abc import Mapping
from urllib.parse import quote

from xharchive.archive_path import ArchivePath, lstat_or_none
from xharchive.disk import atomic_replace, translate_os_errors
from xharchive.manifest import DOUBTFUL_REASONS, Manifest, Role
from xharchive.sanitize import one_line

__all__ = ["NOTE_MD", "is_current", "may_be_outdated", "note_text", "write_if_outdated"]

NOTE_MD = "note.md"
_MAX_DIGITS = 20  # of a time in nanoseconds
_MAX_TEXT_BYTES = 16 * 1024 * 1024  # as for a manifest, which `note.md` is made from
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&])")
_BLOCK = re.compile(r"^(?=[-+=])|^([0-9]{1,9})(?=[.)])")
_TOPIC = re.compile(r"#([^#\[\]\n]+)\[话题\]#")


def note_text(manifest: Manifest) -> str:
    """Return the note as Markdown: title, author, times, text, tags, link, files and missing assets.

    All texts are untrusted: markup and HTML are escaped, control characters removed.
    """
    note = manifest.note
    if not note:
        return f"# {manifest.id}\n\nEvery endpoint that was asked answered without this note.\n"
    parts = [f"# {_escape(str(note['title'])) or manifest.id}", _summary(note), _body(str(note["text"]))]
    tags = note.get("tags")
    if isinstance(tags, list) and tags:
        parts.append(" ".join(f"\\#{_escape(str(tag))}" for tag in tags))
    parts.append(f"<{note['url']}>")
    parts += [_escape(remark) for remark in _remarks(note)]
    parts.append(_contents(manifest))
    return "\n\n".join(part for part in parts if part) + "\n"


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))


def _body(text: str) -> str:
    # The app shows `#name[话题]#` as #name. At the start of a line, also escape signs of a list or a heading.
    lines = (_BLOCK.sub(r"\1\\", _escape(line)) for line in _TOPIC.sub(r"#\1 ", text).splitlines())
    return "  \n".join(lines).strip()


def _summary(note: Mapping[str, object]) -> str:
    author, published = note.get("author"), note.get("published")
    facts = [
        _escape(str(author["name"])) if isinstance(author, dict) else "",
        str(published["china"]).replace("T", " ") if isinstance(published, dict) else "",
        _escape(str(note.get("place", ""))),
        _counts(note.get("counts")),
    ]
    return " · ".join(fact for fact in facts if fact)


def _remarks(note: Mapping[str, object]) -> list[str]:
    remarks = note.get("remarks")
    return [str(remark) for remark in remarks] if isinstance(remarks, list) else []


def _counts(counts: object) -> str:
    if not isinstance(counts, dict):
        return ""
    shown = (
        (sign, counts.get(name)) for sign, name in (("♥", "likes"), ("★", "collects"), ("💬", "comments"))
    )
    return " ".join(f"{sign} {count}" for sign, count in shown if count is not None)


def _contents(manifest: Manifest) -> str:
    files = [
        f"- [{_escape(entry.path)}]({quote(entry.path)})"
        for entry in manifest.files
        if entry.role is Role.ORIGINAL
    ]
    gaps = [
        f"- {'doubtful' if gap.reason in DOUBTFUL_REASONS else 'missing'}: {gap.slot} ({_escape(gap.detail)})"
        for gap in manifest.gaps
    ]
    return "\n".join(files + gaps)


def is_current(folder: ArchivePath, manifest: Manifest) -> bool:
    """Return whether the `note.md` in a note folder is the one that its manifest would make.

    Raises:
        ArchiveError: the file cannot be read.
    """
    path = folder / NOTE_MD
    with translate_os_errors(f"reading {path}"):
        found = path.status()
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_TEXT_BYTES:
            return False
        return path.read_bytes(_MAX_TEXT_BYTES) == _expected_text(manifest)


def write_if_outdated(folder: ArchivePath, manifest: Manifest) -> None:
    """Write the `note.md` of a note again if it is not current. This blocks.

    Raises:
        ArchiveError: the file cannot be read or written.
    """
    if is_current(folder, manifest):
        return
    with translate_os_errors(f"writing {folder / NOTE_MD}"):
        with folder.preserve_times():  # the folder shows the publish time
            atomic_replace(folder / NOTE_MD, _expected_text(manifest), manifest.id.published.timestamp())
        folder.sync()


def may_be_outdated(folder: str, stamp: str) -> bool:
    """Return whether `note.md` is missing, empty, or newer than the manifest. This opens no file.

    A commit sets the time of `note.md` to the publish time, which is before the time of the manifest.

    Args:
        folder: absolute path of the note folder.
        stamp: that of the manifest in it, which begins with the manifest's time in nanoseconds.

    Raises:
        ArchiveError: the folder cannot be read.
    """
    try:
        text = lstat_or_none(f"{folder}/{NOTE_MD}")
    except OSError:  # here, because a million context managers take seconds
        with translate_os_errors(f"looking into {folder}"):
            raise
    if text is None or text.st_size == 0:
        return True
    written = stamp.partition("-")[0][:_MAX_DIGITS]
    return not written.isdecimal() or text.st_mtime_ns > int(written)


def _expected_text(manifest: Manifest) -> bytes:
    return note_text(manifest).encode("utf-8", "replace")
