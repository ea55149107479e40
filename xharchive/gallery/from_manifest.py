"""Builds the gallery's cards and pages from manifests. All texts of a manifest are untrusted.

A received archive may have manifests of many megabytes. A page shows the first part of such a manifest and
says so; those of real notes stay below the limits.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any, TypeVar

from xharchive.gallery.formats import china_time, file_href
from xharchive.gallery.pages import (
    Card,
    Cue,
    Neighbour,
    NotePage,
    PagePicture,
    Sound,
    Subtitle,
    TextSpan,
    Video,
    index_href,
)
from xharchive.manifest import FileEntry, Manifest, MissingAsset, NoteMetadata, Role, State
from xharchive.media import AVIF, GIF, JPEG, PNG, WEBP, AssetKind
from xharchive.models import Author, Mention, Slot

BROWSER_TYPES = frozenset(known.media_type for known in (JPEG, PNG, WEBP, GIF, AVIF))
LONGEST_TEXT = 100_000
MOST_TAGS = 500
"""Limit of tags, and of mentions."""
MOST_FILES = 1_000
"""Limit of files, and of missing assets. Notes of this program have at most about 500."""

_LONGEST_NAME = 1_000
_LONGEST_CARD_TEXT = 4_000
_LONGEST_LINE = 2_000
_LONGEST_LABEL = 200
_MOST_REMARKS = 50
_MOST_SWITCHES = 50
_MOST_CUES = 20_000
_MOST_CUE_CHARACTERS = 1_000_000
_SITE = "https://www.xiaohongshu.com"
_USER = re.compile(r"[0-9a-f]{24}")
_TOPIC = re.compile(r"#([^#\[\]\n]{1,100})\[话题\]#")  # the app's notation
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"{_TIME}\s*-->\s*{_TIME}")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|\{\\[^{}]{0,80}\}")
_Texts = TypeVar("_Texts", FileEntry, MissingAsset, Slot, Author, Mention)


@dataclass(frozen=True, slots=True)
class Extras:
    """Texts of subtitles, and hrefs of screen-sized images and previews, by the path of their file."""

    texts: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)
    previews: Mapping[str, str] = field(default_factory=dict)


def build_card(manifest: Manifest, folder: str, thumb: tuple[str, int, int]) -> Card:
    """Build the card of a note for the index; `thumb` as in `Card`."""
    note, _ = _limit_metadata(manifest.metadata)
    kinds = [entry.slot.kind for entry in manifest.files if entry.is_main]
    return Card(
        id=manifest.id.text,
        folder=file_href(f"{folder}/"),
        title=note.title,
        text=_TOPIC.sub(r"#\1 ", note.text)[:_LONGEST_CARD_TEXT],
        author=note.author.name,
        author_id=note.author.id,
        tags=note.tags,
        place=note.place,
        published=note.published_text or china_time(manifest.id.published),
        kind=note.type or "unknown",
        pictures=kinds.count(AssetKind.IMAGE),
        motions=kinds.count(AssetKind.LIVE),
        video=AssetKind.VIDEO in kinds,
        partial=manifest.state is State.PARTIAL,
        counts=_counts(note),
        thumb=thumb,
    )


def build_page(
    manifest: Manifest, extras: Extras, newer: Neighbour | None, older: Neighbour | None, root: str = "../"
) -> NotePage:
    """Build the page of a note; `root` is the href of the archive, relative to the page."""
    note, remarks = _limit_metadata(manifest.metadata)
    remarks += _cut_remarks((("files", MOST_FILES, manifest.files), ("missing", MOST_FILES, manifest.gaps)))
    manifest = replace(
        manifest,
        files=tuple(map(_limit_texts, manifest.files[:MOST_FILES])),
        gaps=tuple(map(_limit_texts, manifest.gaps[:MOST_FILES])),
    )
    author = note.author
    return NotePage(
        id=manifest.id.text,
        title=note.title,
        pieces=tuple(_text_spans(note, root)),
        author=author.name,
        author_href=index_href(author=author.id or author.name, root=root)
        if author.id or author.name
        else "",
        author_address=_profile_url(author.id),
        address=f"{_SITE}/explore/{manifest.id}",
        place=note.place,
        published=note.published_text or china_time(manifest.id.published),
        updated=note.updated_text,
        archived=china_time(manifest.archived),
        counts=_counts(note),
        tags=tuple(TextSpan(f"#{tag}", index_href(tag=tag, root=root)) for tag in note.tags),
        pictures=tuple(_pictures(manifest, extras)),
        videos=tuple(_videos(manifest, extras)),
        sounds=tuple(
            Sound(kind.value, file_href(entry.path), entry.duration_ms / 1000)
            for kind in (AssetKind.SOUND, AssetKind.MUSIC)
            for entry in _originals(manifest, kind)
        ),
        missing=manifest.gaps,
        files=manifest.files,
        switches=tuple(islice(_switches(note.author_switches), _MOST_SWITCHES)),
        remarks=tuple(remarks),
        root=root,
        newer=newer,
        older=older,
    )


def _limit_metadata(note: NoteMetadata) -> tuple[NoteMetadata, list[str]]:
    """Return the part of a note's metadata that a page shows, and remarks: its own, and one for each cut."""
    limits = (
        ("title, characters", _LONGEST_NAME, note.title),
        ("text, characters", LONGEST_TEXT, note.text),
        ("place, characters", _LONGEST_NAME, note.place),
        ("tags", MOST_TAGS, note.tags),
        ("mentions", MOST_TAGS, note.mentions),
    )
    limited = replace(
        note,
        title=_cut(note.title),
        text=_cut(note.text, LONGEST_TEXT),
        place=_cut(note.place),
        tags=tuple(_cut(tag) for tag in note.tags[:MOST_TAGS] if tag),
        mentions=tuple(map(_limit_texts, note.mentions[:MOST_TAGS])),
        author=_limit_texts(note.author),
    )
    return limited, [*map(_cut, note.remarks[:_MOST_REMARKS]), *_cut_remarks(limits)]


def _cut_remarks(limits: tuple[tuple[str, int, Any], ...]) -> Iterator[str]:
    for what, most, values in limits:
        if len(values) > most:
            yield f"{what}: the first {most:,} of {len(values):,} are shown; manifest.json has all"


def _cut(text: str, most: int = _LONGEST_NAME) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _limit_texts(value: _Texts) -> _Texts:
    """Cut the texts of a value, and of its slot. No file system allows a path longer than the limit."""
    cut: dict[str, Any] = {}
    for each in fields(value):
        match getattr(value, each.name):
            case str() as text if type(text) is str:
                cut[each.name] = _cut(text)
            case Slot() as slot:
                cut[each.name] = _limit_texts(slot)
            case (str(), *_) as texts:
                cut[each.name] = tuple(map(_cut, texts[:_MOST_REMARKS]))
    return replace(value, **cut)


def _counts(note: NoteMetadata) -> tuple[int | None, int | None, int | None, int | None]:
    counts = note.counts
    return counts.likes, counts.collects, counts.comments, counts.shares


def _text_spans(note: NoteMetadata, root: str) -> Iterator[TextSpan]:
    """Divide the text into topics, mentions and plain text."""
    users = {mention.name: mention.id for mention in note.mentions if mention.name}
    names = "|".join(re.escape(name) for name in sorted(users, key=len, reverse=True))
    links = re.compile(f"{_TOPIC.pattern}|@(?:{names})") if names else _TOPIC
    at = 0
    for found in links.finditer(note.text):
        if plain := note.text[at : found.start()]:
            yield TextSpan(plain)
        if topic := found[1]:
            yield TextSpan(f"#{topic}", index_href(tag=topic, root=root))
        else:
            yield TextSpan(found[0], _profile_url(users[found[0].removeprefix("@")]))
        at = found.end()
    if plain := note.text[at:]:
        yield TextSpan(plain)


def _profile_url(user: str) -> str:
    return f"{_SITE}/user/profile/{user}" if _USER.fullmatch(user) else ""


def _pictures(manifest: Manifest, extras: Extras) -> Iterator[PagePicture]:
    stills = {entry.slot.position: entry for entry in _originals(manifest, AssetKind.IMAGE)}
    motions = {entry.slot.position: entry for entry in _originals(manifest, AssetKind.LIVE)}
    missing = {
        gap.slot.position: gap.detail or gap.reason
        for gap in manifest.gaps
        if gap.slot.kind is AssetKind.IMAGE and gap.role is Role.ORIGINAL
    }
    displayable = _displayable_files(manifest)
    for position in sorted(stills.keys() | missing.keys() | motions.keys()):
        still, motion = stills.get(position), motions.get(position)
        shown = _display_href(displayable, still, extras) if still else ""
        yield PagePicture(
            position=position,
            shown=shown,
            file=file_href(still.path) if still and shown else "",
            width=still.width if still else 0,
            height=still.height if still else 0,
            motion=file_href(motion.path) if motion else "",
            motion_preview=extras.previews.get(motion.path, "") if motion else "",
            missing="" if shown else missing.get(position) or "the picture cannot be shown",
        )


def _originals(manifest: Manifest, kind: AssetKind) -> list[FileEntry]:
    """Return a file for each original of a kind: itself, or its substitute if it cannot be decoded."""
    undecodable = {entry.stands_for for entry in manifest.files}
    return [
        entry
        for entry in manifest.files
        if entry.slot.kind is kind and entry.role is Role.ORIGINAL and entry.path not in undecodable
    ]


def _displayable_files(manifest: Manifest) -> Mapping[Slot, str]:
    """Return the first file of each slot that browsers can display."""
    undecodable = {entry.stands_for for entry in manifest.files}
    files = [entry for entry in manifest.files if is_displayable(entry) and entry.path not in undecodable]
    return {entry.slot: entry.path for entry in reversed(files)}


def _display_href(displayable: Mapping[Slot, str], entry: FileEntry, extras: Extras) -> str:
    """Return the href of a displayable version of an original; "" if there is none."""
    if is_displayable(entry):
        return file_href(entry.path)
    if derivative := displayable.get(entry.slot):
        return file_href(derivative)
    return extras.screens.get(entry.path) or (
        file_href(entry.path) if entry.media_type in BROWSER_TYPES else ""
    )


def is_displayable(entry: FileEntry) -> bool:
    """Whether browsers display a file upright. They ignore the orientation of a WebP."""
    return entry.media_type in BROWSER_TYPES and (
        entry.media_type != WEBP.media_type or entry.orientation == 1
    )


def _videos(manifest: Manifest, extras: Extras) -> Iterator[Video]:
    displayable = _displayable_files(manifest)
    covers = [_display_href(displayable, cover, extras) for cover in _originals(manifest, AssetKind.COVER)]
    poster = next(filter(None, covers), "")
    subtitles = tuple(_subtitles(manifest, extras))
    for entry in _originals(manifest, AssetKind.VIDEO):
        preview = extras.previews.get(entry.path, "")
        seconds = entry.duration_ms / 1000
        yield Video(file_href(entry.path), poster, preview, entry.width, entry.height, seconds, subtitles)
        subtitles = ()  # they belong to the note's one video
    archived = {entry.slot for entry in manifest.files}
    for gap in manifest.gaps:
        if gap.slot.kind is AssetKind.VIDEO and gap.role is Role.ORIGINAL and gap.slot not in archived:
            yield Video("", poster, missing=gap.detail or gap.reason)


def _subtitles(manifest: Manifest, extras: Extras) -> Iterator[Subtitle]:
    """Parse the subtitles; limit the cues and characters of all of them together."""
    cues_left, characters_left = _MOST_CUES, _MOST_CUE_CHARACTERS
    for entry in _originals(manifest, AssetKind.SUBTITLE):
        if entry.path not in extras.texts:
            continue
        cues: list[Cue] = []
        for cue in read_cues(extras.texts[entry.path]):
            cues_left -= 1
            characters_left -= len(cue.text)
            if cues_left < 0 or characters_left < 0:
                break
            cues.append(cue)
        yield Subtitle(entry.slot.label[:_LONGEST_LABEL], tuple(cues))


def read_cues(text: str) -> Iterator[Cue]:
    """Yield the cues, with times in seconds; skip all other lines."""
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        found = _TIMES.search(line)
        if found or not line.strip():
            if times and lines and times[1] > times[0]:
                yield Cue(*times, "\n".join(lines))
            lines, times = (
                [],
                (_seconds(*found.groups()[:4]), _seconds(*found.groups()[4:])) if found else None,
            )
        elif times:
            lines.append(_MARKUP.sub("", line.strip())[:_LONGEST_LINE])


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + int(fraction.ljust(3, "0")) / 1000


def _switches(switches: Mapping[str, object]) -> Iterator[str]:
    """Yield the names of the functions that the author disabled. The API's own form: any type is possible."""
    match switches.get("function_switch"):
        case list(functions):
            for function in functions:
                match function:
                    case {"type": str(name), "enable": False}:
                        yield name[:_LONGEST_LABEL]
    match switches.get("media_save_config"):
        case dict(settings):
            for name, value in settings.items():
                if name.startswith("disable_") and value is True:
                    yield name[:_LONGEST_LABEL]
