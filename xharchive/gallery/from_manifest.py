"""Builds the gallery's cards and pages from manifests. All texts of a manifest are untrusted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote

from xharchive.gallery.limits import limit_manifest, limit_metadata
from xharchive.gallery.page_model import (
    Card,
    Cue,
    FileRow,
    MissingAssetRow,
    Neighbour,
    NotePage,
    PagePicture,
    Sound,
    Subtitle,
    TextSpan,
    Video,
)
from xharchive.gallery.pages import index_href
from xharchive.manifest import FileEntry, Manifest, Role, State, as_timestamps
from xharchive.media import AVIF, GIF, JPEG, PNG, WEBP, AssetKind
from xharchive.models import Slot

BROWSER_TYPES = frozenset(known.media_type for known in (JPEG, PNG, WEBP, GIF, AVIF))
_SITE = "https://www.xiaohongshu.com"
_USER = re.compile(r"[0-9a-f]{24}")
_TOPIC = re.compile(r"#([^#\[\]\n]{1,100})\[话题\]#")
_LONGEST_TEXT = 4000
_TIMES = re.compile(
    r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|\{\\[^{}]{0,80}\}")
_LONGEST_LINE = 2000
_LONGEST_LABEL = 200
_MOST_SWITCHES = 50
_MOST_CUES = 20_000
_MOST_CUE_CHARACTERS = 1_000_000
_COUNTS = ("likes", "collects", "comments", "shares")


@dataclass(frozen=True, slots=True)
class Extras:
    """Texts of subtitles, and hrefs of screen-sized images and previews, by the path of their file."""

    texts: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)
    previews: Mapping[str, str] = field(default_factory=dict)


def folder_href(folder: str) -> str:
    """Return the href of a note folder, relative to the archive, with a trailing slash."""
    return "".join(f"{_quote(name)}/" for name in folder.split("/"))


def root_href(folder: str) -> str:
    """Return the href of the archive, relative to a note folder, with a trailing slash."""
    return "../" * len(folder.split("/"))


def build_card(manifest: Manifest, folder: str, thumb: tuple[str, int, int]) -> Card:
    """Build the card of a note for the index; `thumb` as in `Card`."""
    note, _ = limit_metadata(manifest.note)
    author = _object(note.get("author"))
    kinds = [entry.slot.kind for entry in manifest.files if entry.is_main]
    return Card(
        id=manifest.id.text,
        folder=folder_href(folder),
        title=_text(note.get("title")),
        text=_plain_topics(_text(note.get("text")))[:_LONGEST_TEXT],
        author=_text(author.get("name")),
        author_id=_text(author.get("id")),
        tags=_tags(note),
        place=_text(note.get("place")),
        published=_published(manifest),
        kind=_text(note.get("type")) or "unknown",
        pictures=kinds.count(AssetKind.IMAGE),
        motions=kinds.count(AssetKind.LIVE),
        video=AssetKind.VIDEO in kinds,
        partial=manifest.state is State.PARTIAL,
        counts=_counts(note),
        thumb=thumb,
    )


def build_page(
    manifest: Manifest,
    extras: Extras,
    newer: Neighbour | None,
    older: Neighbour | None,
    root: str = "../",
) -> NotePage:
    """Build the page of a note.

    Args:
        root: href of the archive, relative to the page (`root_href`).
    """
    manifest, remarks = limit_manifest(manifest)
    note = manifest.note
    author = _object(note.get("author"))
    name, user = _text(author.get("name")), _text(author.get("id"))
    return NotePage(
        id=manifest.id.text,
        title=_text(note.get("title")),
        kind=_text(note.get("type")) or "unknown",
        pieces=tuple(_text_spans(note, root)),
        author=name,
        author_href=index_href(author=user or name, root=root) if user or name else "",
        author_address=_profile_url(user),
        address=f"{_SITE}/explore/{manifest.id}",
        place=_text(note.get("place")),
        published=_published(manifest),
        updated=_text(_object(note.get("updated")).get("china")),
        archived=(as_timestamps(manifest.archived) or {}).get("china", ""),
        counts=_counts(note),
        tags=tuple(TextSpan(f"#{tag}", index_href(tag=tag, root=root)) for tag in _tags(note)),
        pictures=tuple(_pictures(manifest, extras)),
        videos=tuple(_videos(manifest, extras)),
        sounds=tuple(_sounds(manifest)),
        missing=tuple(MissingAssetRow(str(gap.slot), gap.reason, gap.detail) for gap in manifest.gaps),
        files=tuple(map(_file_row, manifest.files)),
        switches=tuple(islice(_switches(note), _MOST_SWITCHES)),
        remarks=remarks,
        root=root,
        newer=newer,
        older=older,
    )


def _quote(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _file_href(path: str) -> str:
    """Return the href of a file in the note folder, relative to the note's page."""
    return quote(path, errors="replace")


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _published(manifest: Manifest) -> str:
    declared = _text(_object(manifest.note.get("published")).get("china"))
    return declared or str((as_timestamps(manifest.id.published) or {})["china"])


def _tags(note: Mapping[str, object]) -> tuple[str, ...]:
    tags = note.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str) and tag) if isinstance(tags, list) else ()


def _counts(note: Mapping[str, object]) -> tuple[int | None, int | None, int | None, int | None]:
    counts = _object(note.get("counts"))
    likes, collects, comments, shares = (_number(counts.get(name)) for name in _COUNTS)
    return likes, collects, comments, shares


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _plain_topics(text: str) -> str:
    """Replace `#name[话题]#`, the app's notation, by #name."""
    return _TOPIC.sub(r"#\1 ", text)


def _text_spans(note: Mapping[str, object], root: str) -> Iterable[TextSpan]:
    """Divide the text into topics, mentions and plain text."""
    text, at, users = _text(note.get("text")), 0, _mention_ids(note)
    names = "|".join(re.escape(name) for name in sorted(users, key=len, reverse=True))
    links = re.compile(f"{_TOPIC.pattern}|@(?:{names})") if names else _TOPIC
    for found in links.finditer(text):
        if plain := text[at : found.start()]:
            yield TextSpan(plain)
        if topic := found[1]:
            yield TextSpan(f"#{topic}", index_href(tag=topic, root=root))
        else:
            yield TextSpan(found[0], _profile_url(users[found[0].removeprefix("@")]))
        at = found.end()
    if text[at:]:
        yield TextSpan(text[at:])


def _mention_ids(note: Mapping[str, object]) -> Mapping[str, str]:
    """Return the ids of the mentioned users by their names."""
    mentions = note.get("mentions")
    users = [_object(mention) for mention in (mentions if isinstance(mentions, list) else ())]
    return {name: _text(user.get("id")) for user in users if (name := _text(user.get("name")))}


def _profile_url(user: str) -> str:
    return f"{_SITE}/user/profile/{user}" if _USER.fullmatch(user) else ""


def _pictures(manifest: Manifest, extras: Extras) -> Iterable[PagePicture]:
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
            file=_file_href(still.path) if still and shown else "",
            width=still.width if still else 0,
            height=still.height if still else 0,
            motion=_file_href(motion.path) if motion else "",
            motion_preview=extras.previews.get(motion.path, "") if motion else "",
            motion_seconds=motion.duration_ms / 1000 if motion else 0.0,
            missing="" if shown else missing.get(position) or "the picture cannot be shown",
        )


def _originals(manifest: Manifest, kind: AssetKind) -> list[FileEntry]:
    """Return a file for each original of a kind: itself, or its substitute if it cannot be decoded."""
    shown_elsewhere = {entry.stands_for for entry in manifest.files if entry.stands_for}
    return [
        entry
        for entry in manifest.files
        if entry.slot.kind is kind and entry.role is Role.ORIGINAL and entry.path not in shown_elsewhere
    ]


def _displayable_files(manifest: Manifest) -> Mapping[Slot, str]:
    """Return the first file of each slot that browsers can display."""
    undecodable = {entry.stands_for for entry in manifest.files}
    displayable: dict[Slot, str] = {}
    for entry in manifest.files:
        if is_displayable(entry) and entry.path not in undecodable:
            displayable.setdefault(entry.slot, entry.path)
    return displayable


def _display_href(displayable: Mapping[Slot, str], entry: FileEntry, extras: Extras) -> str:
    """Return the href of a displayable version of an original; "" if there is none."""
    if is_displayable(entry):
        return _file_href(entry.path)
    derivative = displayable.get(entry.slot)
    href = _file_href(derivative) if derivative else extras.screens.get(entry.path, "")
    return href or (_file_href(entry.path) if entry.media_type in BROWSER_TYPES else "")


def is_displayable(entry: FileEntry) -> bool:
    """Whether browsers display a file upright. They ignore the orientation of a WebP."""
    return entry.media_type in BROWSER_TYPES and (
        entry.media_type != WEBP.media_type or entry.orientation == 1
    )


def _videos(manifest: Manifest, extras: Extras) -> Iterable[Video]:
    displayable = _displayable_files(manifest)
    covers = [_display_href(displayable, cover, extras) for cover in _originals(manifest, AssetKind.COVER)]
    poster = next(filter(None, covers), "")
    subtitles = tuple(_subtitles(manifest, extras))
    for entry in _originals(manifest, AssetKind.VIDEO):
        preview = extras.previews.get(entry.path, "")
        seconds = entry.duration_ms / 1000
        yield Video(_file_href(entry.path), poster, preview, entry.width, entry.height, seconds, subtitles)
        subtitles = ()  # they belong to the note's one video
    archived = {entry.slot for entry in manifest.files}
    for gap in manifest.gaps:
        if gap.slot.kind is AssetKind.VIDEO and gap.role is Role.ORIGINAL and gap.slot not in archived:
            yield Video("", poster, missing=gap.detail or gap.reason)


def _subtitles(manifest: Manifest, extras: Extras) -> Iterable[Subtitle]:
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
        yield Subtitle(_text(entry.slot.label)[:_LONGEST_LABEL], tuple(cues))


def read_cues(text: str) -> tuple[Cue, ...]:
    """Return the cues, with times in seconds; skip all other lines."""
    cues: list[Cue] = []
    times: tuple[float, float] | None = None
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        found = _TIMES.search(line)
        if found or not line.strip():
            if times and lines and times[1] > times[0] and len(cues) < _MOST_CUES:
                cues.append(Cue(*times, "\n".join(lines)))
            lines, times = [], _seconds(found) if found else None
        elif times:
            lines.append(_MARKUP.sub("", line.strip())[:_LONGEST_LINE])
    return tuple(cues)


def _seconds(found: re.Match[str]) -> tuple[float, float]:
    numbers = [part or "0" for part in found.groups()]
    return _moment(numbers[:4]), _moment(numbers[4:])


def _moment(parts: list[str]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000


def _sounds(manifest: Manifest) -> Iterable[Sound]:
    for kind in (AssetKind.SOUND, AssetKind.MUSIC):
        for entry in _originals(manifest, kind):
            yield Sound(kind.value, _file_href(entry.path), entry.media_type, entry.duration_ms / 1000)


def _file_row(entry: FileEntry) -> FileRow:
    return FileRow(
        path=entry.path,
        href=_file_href(entry.path),
        role=entry.role.value,
        kind=str(entry.slot),
        size=entry.size,
        pixels=f"{entry.width} × {entry.height}" if entry.width and entry.height else "",
        quality=entry.quality.value if entry.quality else "",
        source=f"{entry.host}{entry.url_path}" if entry.host else "",
        endpoint=entry.endpoint,
        fetched=(as_timestamps(entry.fetched) or {}).get("china", ""),
        sha256=entry.sha256,
        note=_file_remark(entry),
    )


def _file_remark(entry: FileEntry) -> str:
    parts: Sequence[str] = (
        f"made from {entry.derived_from} ({entry.settings})" if entry.derived_from else "",
        f"lost: {', '.join(entry.lost)}" if entry.lost else "",
        f"shown in place of {entry.stands_for}" if entry.stands_for else "",
        entry.problem,
    )
    return "; ".join(filter(None, parts))


def _switches(note: Mapping[str, object]) -> Iterable[str]:
    """Yield the names of the functions that the author disabled."""
    switches = _object(note.get("author_switches"))
    functions = switches.get("function_switch")
    for switch in functions if isinstance(functions, list) else ():
        if _object(switch).get("enable") is False:
            yield _text(_object(switch).get("type"))[:_LONGEST_LABEL]
    for name, value in _object(switches.get("media_save_config")).items():
        if name.startswith("disable_") and value is True:
            yield name[:_LONGEST_LABEL]
