"""Note ids out of what people have at hand: a bare id, a link, a pasted share text.

Forms of links: `/explore/<id>`, `/discovery/item/<id>`, `/search_result/<id>`, `/user/profile/<user>/<id>` on
xiaohongshu.com and rednote.com; queries (`xsec_token` …) are dropped: not needed, and not ours to keep.
"""

import json
import re
from urllib.parse import urlsplit

from xharchive.errors import UsageError
from xharchive.models import NoteId, NoteType
from xharchive.naming import one_line

__all__ = ["NotANote", "named_notes", "note_ids", "topic_id", "user_id"]

_BARE_ID = re.compile(r"[0-9a-fA-F]{24}")
# A link ends where the next one begins: lists are pasted with any glue between them.
_LINK = re.compile(
    r"(?i:https?://|xhsdiscover://|(?<![\w./-])(?:www\.)?(?:xiaohongshu|rednote)\.com/)"
    r"(?:(?!https?://|xhsdiscover://)[^\s，。；！“”<>\"'])+"
)
_NOTE_PATH = re.compile(
    r"/(?:explore|discovery/item|search_result|item|user/profile/[0-9a-fA-F]{24})/([0-9a-fA-F]{24})(?![0-9a-zA-Z])"
)
_PROFILE = re.compile(r"(?:xiaohongshu|rednote)\.com/user/profile/([0-9a-fA-F]{24})(?![0-9a-zA-Z])")
_SITES = ("xiaohongshu.com", "rednote.com")
_SHORT_SITES = ("xhslink.com", "xhslink.cn")
_NAMES_OF_A_NOTE = ("id", "note_id", "noteId", "url")
_TYPES = {"video": NoteType.VIDEO, "image": NoteType.IMAGE, "normal": NoteType.IMAGE}
_SEPARATORS = re.compile(r"[\s,;，；]+")


class NotANote(ValueError):
    """The text names no note; the message says why and what to do."""


def named_notes(text: str) -> tuple[tuple[NoteId, NoteType], ...]:
    """Return the notes that one line of input names, each with its type where the line says it.

    A line may also be a JSON object, as the listing verbs print and others export: the note stands under
    `id`, `note_id`, `noteId` or `url`, its type under `type`.

    Raises:
        NotANote: the line names none, or names something else.
    """
    line = text.strip().removeprefix("\ufeff").strip()
    if not line.startswith("{"):
        return tuple((note_id, NoteType.UNKNOWN) for note_id in note_ids(line))
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise NotANote("the line begins like a JSON object and is none") from None
    for name in _NAMES_OF_A_NOTE:
        if isinstance(value := record.get(name), str) and value.strip():
            found = note_ids(value)
            return tuple(
                (note_id, _TYPES.get(str(record.get("type")), NoteType.UNKNOWN)) for note_id in found
            )
    raise NotANote(f"the JSON object has none of {', '.join(_NAMES_OF_A_NOTE)}")


def note_ids(text: str) -> tuple[NoteId, ...]:
    """Return the notes that one line of input names, in order; () for a blank line or a `#` comment.

    Raises:
        NotANote: the line names none, or names something else.
    """
    line = text.strip().removeprefix("\ufeff").strip()
    if not line or line.startswith("#"):
        return ()
    links = _LINK.findall(line)
    if links:
        return _from_links(links)
    return _from_bare_ids(line)


def _from_bare_ids(line: str) -> tuple[NoteId, ...]:
    words = [word for word in _SEPARATORS.split(line.partition(" #")[0]) if word]
    wrong = [word for word in words if not _BARE_ID.fullmatch(word)]
    if wrong or not words:
        shown = one_line(wrong[0] if wrong else line)[:60]
        raise NotANote(f"'{shown}' is neither a note id (24 hex digits) nor a link to a note")
    return tuple(NoteId(word.lower()) for word in words)


def _from_links(links: list[str]) -> tuple[NoteId, ...]:
    found: list[NoteId] = []
    problems: list[str] = []
    for link in links:
        try:
            found.append(_from_link(link))
        except NotANote as problem:
            problems.append(str(problem))
    if not found:
        raise NotANote(problems[0])
    return tuple(found)


def _from_link(link: str) -> NoteId:
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        host = (parts.hostname or "").removesuffix(".")
    except ValueError:
        raise NotANote("a link that cannot be read") from None
    if parts.scheme == "xhsdiscover":
        return _from_path(f"/{host}{parts.path}", link)
    if _belongs(host, _SHORT_SITES):
        raise NotANote("short links are not resolved yet: open it in a browser and paste the long link")
    if not _belongs(host, _SITES):
        raise NotANote(
            f"the link leads to {one_line(host)[:60] or 'nowhere'}, not to xiaohongshu.com or rednote.com"
        )
    return _from_path(parts.path, link)


def _from_path(path: str, link: str) -> NoteId:
    found = _NOTE_PATH.match(path)
    if not found:
        shown = one_line(link.partition("?")[0])[:100]
        raise NotANote(f"the link {shown} is not a note's (expected …/explore/<24 hex digits>)")
    return NoteId(found.group(1).lower())


def _belongs(host: str, sites: tuple[str, ...]) -> bool:
    return any(host == site or host.endswith("." + site) for site in sites)


def user_id(text: str) -> str:
    """Return the user that an id or the link of a profile names: 24 lower-case hex digits.

    Raises:
        UsageError: it names none.
    """
    found = _BARE_ID.fullmatch(text.strip()) or _PROFILE.search(text)
    if not found:
        shown = one_line(text)[:80]
        raise UsageError(f"'{shown}' is neither a user's id (24 hex digits) nor the link of a profile")
    return (found[1] if found.re is _PROFILE else found[0]).lower()


def topic_id(text: str) -> str:
    """Return a topic's id: 24 lower-case hex digits.

    Raises:
        UsageError: it is none.
    """
    if not _BARE_ID.fullmatch(text.strip()):
        raise UsageError(f"'{one_line(text)[:80]}' is not a topic's id (24 hex digits)")
    return text.strip().lower()
