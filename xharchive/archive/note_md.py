"""`note.md`: a note as Markdown, beside its files. It is made from the manifest."""

import re
import stat
from urllib.parse import quote

from xharchive.archive_path import ArchivePath, atomic_replace, lstat_or_none, translate_os_errors
from xharchive.manifest import DOUBTFUL_REASONS, Manifest, NoteMetadata, Role
from xharchive.sanitize import one_line

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
    if not manifest.note:
        return f"# {manifest.id}\n\nEvery endpoint that was asked answered without this note.\n"
    note = manifest.metadata
    # The app shows `#name[话题]#` as #name. At the start of a line, also escape signs of a list or a heading.
    lines = (_BLOCK.sub(r"\1\\", _escape(line)) for line in _TOPIC.sub(r"#\1 ", note.text).splitlines())
    parts = [
        f"# {_escape(note.title) or manifest.id}",
        _summary(note),
        "  \n".join(lines).strip(),
        " ".join(f"\\#{_escape(tag)}" for tag in note.tags),
        f"<{note.url}>",
        *map(_escape, note.remarks),
        _contents(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))


def _summary(note: NoteMetadata) -> str:
    counts = (("♥", note.counts.likes), ("★", note.counts.collects), ("💬", note.counts.comments))
    facts = (
        _escape(note.author.name),
        note.published_text.replace("T", " "),
        _escape(note.place),
        " ".join(f"{sign} {count}" for sign, count in counts if count is not None),
    )
    return " · ".join(fact for fact in facts if fact)


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
    """Return whether the `note.md` in a note folder is the one that the manifest would make."""
    path = folder / NOTE_MD
    with translate_os_errors(f"reading {path}"):
        found = path.status()
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_TEXT_BYTES:
            return False
        return path.read_bytes(_MAX_TEXT_BYTES) == _expected_text(manifest)


def write_if_outdated(folder: ArchivePath, manifest: Manifest) -> bool:
    """Write the `note.md` of a note again if it is not current; return whether it was. This blocks."""
    if is_current(folder, manifest):
        return False
    with translate_os_errors(f"writing {folder / NOTE_MD}"):
        with folder.preserve_times():  # the folder shows the publish time
            atomic_replace(folder / NOTE_MD, _expected_text(manifest), manifest.id.published.timestamp())
        folder.sync()
    return True


def _expected_text(manifest: Manifest) -> bytes:
    return note_text(manifest).encode("utf-8", "replace")


def may_be_outdated(folder: str, stamp: str) -> bool:
    """Return whether `note.md` is missing, empty, or newer than the manifest. This opens no file.

    A commit sets the time of `note.md` to the publish time, which is before the time of the manifest.

    Args:
        folder: absolute path of the note folder.
        stamp: that of the manifest in it, which begins with the manifest's time in nanoseconds.
    """
    try:
        text = lstat_or_none(f"{folder}/{NOTE_MD}")
    except OSError:
        # Not around the call, because a million context managers take seconds.
        with translate_os_errors(f"looking into {folder}"):
            raise
    if text is None or text.st_size == 0:
        return True
    written = stamp.partition("-")[0][:_MAX_DIGITS]
    return not written.isdecimal() or text.st_mtime_ns > int(written)
