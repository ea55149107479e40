"""What the gallery shows of a note, found in its manifest, of whose texts nothing is trusted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote

from xharchive.manifest import FileEntry, Manifest, Role, State, as_timestamps
from xharchive.media import AVIF, GIF, JPEG, PNG, WEBP, AssetKind
from xharchive.models import Slot
from xharchive.views.gallery.bounded_manifest import shown_note, shown_part
from xharchive.views.gallery.page_model import (
    Card,
    Cue,
    Fact,
    Hole,
    Neighbour,
    NotePage,
    Picture,
    Piece,
    Sound,
    Subtitle,
    Video,
)
from xharchive.views.gallery.subtitle_cues import read_cues

__all__ = ["Extras", "card_of", "folder_href", "needs_screen", "page_of", "root_href", "thumb_source"]

_SHOWN = frozenset(known.media_type for known in (JPEG, PNG, WEBP, GIF, AVIF))
_INDEX = "index.html"
_SITE = "https://www.xiaohongshu.com"
_USER = re.compile(r"[0-9a-f]{24}")
_TOPIC = re.compile(r"#([^#\[\]\n]{1,100})\[话题\]#")
_LONGEST_TEXT = 4000
_LONGEST_LABEL = 200
_MOST_SWITCHES = 50
_MOST_CUES = 20_000
_MOST_LETTERS_OF_CUES = 1_000_000
_COUNTS = ("likes", "collects", "comments", "shares")


@dataclass(frozen=True, slots=True)
class Extras:
    """What lies beside the manifest, by the path of its file: texts of subtitles, hrefs of made previews."""

    texts: Mapping[str, str] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)
    previews: Mapping[str, str] = field(default_factory=dict)


def folder_href(folder: str) -> str:
    """Return the href of a note's folder from the archive's, with a slash at its end."""
    return "".join(f"{_quoted(name)}/" for name in folder.split("/"))


def root_href(folder: str) -> str:
    """Return the href of the archive's folder from a note's, with a slash at its end."""
    return "../" * len(folder.split("/"))


def card_of(manifest: Manifest, folder: str, thumb: tuple[str, int, int]) -> Card:
    """Return what the index shows of a note; `thumb` as in the card."""
    note, _ = shown_note(manifest.note)
    author = _object(note.get("author"))
    kinds = [entry.slot.kind for entry in manifest.files if entry.is_main]
    return Card(
        id=manifest.id.text,
        folder=folder_href(folder),
        title=_text(note.get("title")),
        text=_without_marks(_text(note.get("text")))[:_LONGEST_TEXT],
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


def thumb_source(manifest: Manifest) -> FileEntry | None:
    """Return the file that a note's thumbnail is made of: its first picture, else its cover.

    Of a HEIF the converted twin, where there is one: it was made of the original, and decodes much faster.
    """
    for kind in (AssetKind.IMAGE, AssetKind.COVER):
        entries = [entry for entry in manifest.files if entry.slot.kind is kind and entry.is_readable]
        for entry in sorted(entries, key=lambda entry: (entry.slot.position, entry.media_type not in _SHOWN)):
            return entry
    return None


def needs_screen(manifest: Manifest) -> tuple[FileEntry, ...]:
    """Return the originals that no browser draws as they should be and that have no converted twin."""
    drawn = {entry.slot for entry in manifest.files if _is_drawn(entry)}
    return tuple(
        entry
        for entry in manifest.files
        if entry.role is Role.ORIGINAL
        and entry.slot.kind in (AssetKind.IMAGE, AssetKind.COVER)
        and entry.slot not in drawn
        and entry.is_readable
    )


def page_of(
    manifest: Manifest,
    extras: Extras,
    newer: Neighbour | None,
    older: Neighbour | None,
    root: str = "../",
) -> NotePage:
    """Return everything that stands on a note's page, however much its manifest holds.

    Args:
        root: the href of the archive's folder from the page, as `root_href` returns it.
    """
    manifest, remarks = shown_part(manifest)
    note = manifest.note
    author = _object(note.get("author"))
    name, user = _text(author.get("name")), _text(author.get("id"))
    return NotePage(
        id=manifest.id.text,
        title=_text(note.get("title")),
        kind=_text(note.get("type")) or "unknown",
        pieces=tuple(_pieces(note, root)),
        author=name,
        author_href=f"{root}{_INDEX}#author={_quoted(user or name)}" if user or name else "",
        author_address=f"{_SITE}/user/profile/{user}" if _USER.fullmatch(user) else "",
        address=f"{_SITE}/explore/{manifest.id}",
        place=_text(note.get("place")),
        published=_published(manifest),
        updated=_text(_object(note.get("updated")).get("china")),
        archived=(as_timestamps(manifest.archived) or {}).get("china", ""),
        counts=_counts(note),
        tags=tuple(Piece(f"#{tag}", _tag_href(tag, root)) for tag in _tags(note)),
        pictures=tuple(_pictures(manifest, extras)),
        videos=tuple(_videos(manifest, extras)),
        sounds=tuple(_sounds(manifest)),
        holes=tuple(Hole(str(gap.slot), gap.reason, gap.detail) for gap in manifest.gaps),
        facts=tuple(map(_fact, manifest.files)),
        switches=tuple(islice(_switches(note), _MOST_SWITCHES)),
        remarks=remarks,
        root=root,
        newer=newer,
        older=older,
    )


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _path(path: str) -> str:
    """The href of a file in the note's folder, from its page."""
    return quote(path, errors="replace")


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _published(manifest: Manifest) -> str:
    told = _text(_object(manifest.note.get("published")).get("china"))
    return told or str((as_timestamps(manifest.id.published) or {})["china"])


def _tags(note: Mapping[str, object]) -> tuple[str, ...]:
    tags = note.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str) and tag) if isinstance(tags, list) else ()


def _counts(note: Mapping[str, object]) -> tuple[int | None, int | None, int | None, int | None]:
    counts = _object(note.get("counts"))
    likes, collects, comments, shares = (_number(counts.get(name)) for name in _COUNTS)
    return likes, collects, comments, shares


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _tag_href(tag: str, root: str) -> str:
    return f"{root}{_INDEX}#tag={_quoted(tag)}"


def _without_marks(text: str) -> str:
    """The app writes a topic as `#name[话题]#`; readers know it as #name."""
    return _TOPIC.sub(r"#\1 ", text)


def _pieces(note: Mapping[str, object], root: str) -> Iterable[Piece]:
    """Cut the text at its topics, and what lies between at the names of those it mentions."""
    text, at = _text(note.get("text")), 0
    known = _mentioned(note)
    names = _any_of(known)
    for topic in _TOPIC.finditer(text):
        yield from _with_mentions(text[at : topic.start()], known, names)
        yield Piece(f"#{topic[1]}", _tag_href(topic[1], root))
        at = topic.end()
    yield from _with_mentions(text[at:], known, names)


def _mentioned(note: Mapping[str, object]) -> Mapping[str, str]:
    """Return the ids of those whom the note mentions, by the names with which the text does."""
    mentions = note.get("mentions")
    known = {
        f"@{_text(_object(mention).get('name'))}": _text(_object(mention).get("id"))
        for mention in (mentions if isinstance(mentions, list) else ())
    }
    known.pop("@", None)
    return known


def _any_of(known: Mapping[str, str]) -> re.Pattern[str] | None:
    if not known:
        return None
    return re.compile("|".join(re.escape(name) for name in sorted(known, key=len, reverse=True)))


def _with_mentions(text: str, known: Mapping[str, str], names: re.Pattern[str] | None) -> Iterable[Piece]:
    if names:
        at = 0
        for found in names.finditer(text):
            if text[at : found.start()]:
                yield Piece(text[at : found.start()])
            user = known[found[0]]
            yield Piece(found[0], f"{_SITE}/user/profile/{user}" if _USER.fullmatch(user) else "")
            at = found.end()
        text = text[at:]
    if text:
        yield Piece(text)


def _pictures(manifest: Manifest, extras: Extras) -> Iterable[Picture]:
    stills = {entry.slot.position: entry for entry in _originals(manifest, AssetKind.IMAGE)}
    motions = {entry.slot.position: entry for entry in _originals(manifest, AssetKind.LIVE)}
    lacking = {
        gap.slot.position: gap.detail or gap.reason
        for gap in manifest.gaps
        if gap.slot.kind is AssetKind.IMAGE and gap.role is Role.ORIGINAL
    }
    twins = _drawn_files(manifest)
    for position in sorted(stills.keys() | lacking.keys() | motions.keys()):
        still, motion = stills.get(position), motions.get(position)
        shown = _shown(twins, still, extras) if still else ""
        yield Picture(
            position=position,
            shown=shown,
            file=_path(still.path) if still and shown else "",
            width=still.width if still else 0,
            height=still.height if still else 0,
            motion=_path(motion.path) if motion else "",
            motion_preview=extras.previews.get(motion.path, "") if motion else "",
            motion_seconds=motion.duration_ms / 1000 if motion else 0.0,
            missing="" if shown else lacking.get(position) or "the picture cannot be shown",
        )


def _originals(manifest: Manifest, kind: AssetKind) -> list[FileEntry]:
    """Return what a page shows as the originals: the lesser file where the original cannot be shown."""
    shown_elsewhere = {entry.stands_for for entry in manifest.files if entry.stands_for}
    return [
        entry
        for entry in manifest.files
        if entry.slot.kind is kind and entry.role is Role.ORIGINAL and entry.path not in shown_elsewhere
    ]


def _drawn_files(manifest: Manifest) -> Mapping[Slot, str]:
    """Return the first file of each slot that a browser can draw."""
    unread = {entry.stands_for for entry in manifest.files}
    drawn: dict[Slot, str] = {}
    for entry in manifest.files:
        if _is_drawn(entry) and entry.path not in unread:
            drawn.setdefault(entry.slot, entry.path)
    return drawn


def _shown(drawn: Mapping[Slot, str], entry: FileEntry, extras: Extras) -> str:
    """Return the href of what a browser can draw of an original, "" if there is nothing."""
    if _is_drawn(entry):
        return _path(entry.path)
    twin = drawn.get(entry.slot)
    made = _path(twin) if twin else extras.screens.get(entry.path, "")
    return made or (_path(entry.path) if entry.media_type in _SHOWN else "")


def _is_drawn(entry: FileEntry) -> bool:
    """Whether browsers draw a file upright: of a WebP they pass over the orientation."""
    return entry.media_type in _SHOWN and (entry.media_type != WEBP.media_type or entry.orientation == 1)


def _videos(manifest: Manifest, extras: Extras) -> Iterable[Video]:
    drawn = _drawn_files(manifest)
    covers = [_shown(drawn, cover, extras) for cover in _originals(manifest, AssetKind.COVER)]
    poster = next(filter(None, covers), "")
    subtitles = tuple(_subtitles(manifest, extras))
    for entry in _originals(manifest, AssetKind.VIDEO):
        preview = extras.previews.get(entry.path, "")
        seconds = entry.duration_ms / 1000
        yield Video(_path(entry.path), poster, preview, entry.width, entry.height, seconds, subtitles)
        subtitles = ()  # they belong to the note's one video
    there = {entry.slot for entry in manifest.files}
    for gap in manifest.gaps:
        if gap.slot.kind is AssetKind.VIDEO and gap.role is Role.ORIGINAL and gap.slot not in there:
            yield Video("", poster, missing=gap.detail or gap.reason)


def _subtitles(manifest: Manifest, extras: Extras) -> Iterable[Subtitle]:
    """Read the note's subtitles; their lines and letters are bounded for all of them together."""
    cues_left, letters_left = _MOST_CUES, _MOST_LETTERS_OF_CUES
    for entry in _originals(manifest, AssetKind.SUBTITLE):
        if entry.path not in extras.texts:
            continue
        cues: list[Cue] = []
        for cue in read_cues(extras.texts[entry.path]):
            cues_left -= 1
            letters_left -= len(cue.text)
            if cues_left < 0 or letters_left < 0:
                break
            cues.append(cue)
        yield Subtitle(_text(entry.slot.label)[:_LONGEST_LABEL], tuple(cues))


def _sounds(manifest: Manifest) -> Iterable[Sound]:
    for kind in (AssetKind.SOUND, AssetKind.MUSIC):
        for entry in _originals(manifest, kind):
            yield Sound(kind.value, _path(entry.path), entry.media_type, entry.duration_ms / 1000)


def _fact(entry: FileEntry) -> Fact:
    return Fact(
        path=entry.path,
        href=_path(entry.path),
        role=entry.role.value,
        kind=str(entry.slot),
        size=entry.size,
        pixels=f"{entry.width} × {entry.height}" if entry.width and entry.height else "",
        quality=entry.quality.value if entry.quality else "",
        source=f"{entry.host}{entry.url_path}" if entry.host else "",
        endpoint=entry.endpoint,
        fetched=(as_timestamps(entry.fetched) or {}).get("china", ""),
        sha256=entry.sha256,
        note=_remark(entry),
    )


def _remark(entry: FileEntry) -> str:
    parts: Sequence[str] = (
        f"made from {entry.derived_from} ({entry.settings})" if entry.derived_from else "",
        f"lost: {', '.join(entry.lost)}" if entry.lost else "",
        f"shown in place of {entry.stands_for}" if entry.stands_for else "",
        entry.problem,
    )
    return "; ".join(filter(None, parts))


def _switches(note: Mapping[str, object]) -> Iterable[str]:
    """Name what the author switched off."""
    switches = _object(note.get("author_switches"))
    functions = switches.get("function_switch")
    for switch in functions if isinstance(functions, list) else ():
        if _object(switch).get("enable") is False:
            yield _text(_object(switch).get("type"))[:_LONGEST_LABEL]
    for name, value in _object(switches.get("media_save_config")).items():
        if name.startswith("disable_") and value is True:
            yield name[:_LONGEST_LABEL]
