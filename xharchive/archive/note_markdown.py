"""Writes `note.md`: a note as Markdown."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from xharchive.manifest import DOUBTFUL_REASONS, Manifest, Role
from xharchive.sanitize import one_line

__all__ = ["note_text"]

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
