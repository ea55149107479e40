"""Find the notes that a text names: a bare id, a link, a short link, or a share text.

Forms of links: `/explore/<id>`, `/discovery/item/<id>`, `/search_result/<id>`, `/user/profile/<user>/<id>` on
xiaohongshu.com and rednote.com. Queries (`xsec_token` …) are dropped: the program needs none, and they are
private. Pages that the site shows before a note (login, captcha, 404) name it in their query. A short link
(`xhslink.com`, `xhslink.cn`) leads to a note that only a request can find. Invisible characters are dropped
first.
"""

import re
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit

from xharchive.errors import UsageError
from xharchive.models import NoteId, ShortLink
from xharchive.sanitize import invisible_in, one_line, without_invisible

_BARE_ID = re.compile(r"[0-9a-fA-F]{24}")
# A link ends where the next one begins, because pasted lists may have no separator.
_LINK = re.compile(
    r"(?i:https?://|xhsdiscover://|(?<![\w./-])(?:(?:www\.)?(?:xiaohongshu|rednote)\.com|(?:www\.)?xhslink\.(?:com|cn))/)"
    r"(?:(?!https?://|xhsdiscover://)[^\s，。；！“”<>\"'])+"
)
# Longer than any host name (253). `urlsplit` normalizes the host (Unicode NFKC) in quadratic time.
_LONG_HOST = re.compile(r"(?:[^/?#]*:)?//[^/?#]{1000}")
_NOTE_PATH = re.compile(
    r"/(?:explore|discovery/item|search_result|item|user/profile/[0-9a-fA-F]{24})/([0-9a-fA-F]{24})(?![0-9a-zA-Z])"
)
_SHORT_PATH = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
_PROFILE = re.compile(r"(?:xiaohongshu|rednote)\.com/user/profile/([0-9a-fA-F]{24})(?![0-9a-zA-Z])")
_PROFILE_PATH = re.compile(r"/user/(?:profile/)?([0-9a-fA-F]{24})(?![0-9a-zA-Z])")
_SITES = ("xiaohongshu.com", "rednote.com")
_SHORT_SITES = ("xhslink.com", "xhslink.cn")
_SEPARATORS = re.compile(r"[\s,;，；、､。｡｜／・·]+")
_MAX_ENCODINGS = 3  # a captcha page before a login page before a note: each page encodes the next URL again
_QUOTES = "\"'“”‘’"
_MAX_EXCERPT = 600  # characters of a bad line that a message may quote
# A spreadsheet turns an id of digits and one "e" into such a number.
_SPREADSHEET_NUMBER = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


class NotANote(ValueError):
    """The text names no note. The message says why, and what to do."""


def notes_in(text: str) -> tuple[NoteId | ShortLink, ...]:
    """Return the notes and short links in one line of input, in order; () for a blank line or a `#` comment.

    Raises:
        NotANote: the line has no id and no link of a note, or text beside them that is neither.
    """
    if _BARE_ID.fullmatch(text):  # the most frequent form of a line
        return (NoteId(text.lower()),)
    line = without_invisible(text).strip()
    if not line or line.startswith("#"):
        return ()
    links = _LINK.findall(line)
    try:
        return _from_links(links) if links else _from_bare_ids(line)
    except NotANote as problem:
        hidden = invisible_in(text[:_MAX_EXCERPT])
        raise NotANote(f"{problem} (with {hidden})" if hidden else str(problem)) from None


def _from_bare_ids(line: str) -> tuple[NoteId, ...]:
    words = [word.strip(_QUOTES) for word in _SEPARATORS.split(line.partition(" #")[0])]
    words = [word for word in words if word]
    wrong = next((word for word in words if not _BARE_ID.fullmatch(word)), "" if words else line)
    if not wrong:
        return tuple(NoteId(word.lower()) for word in words)
    shown = one_line(wrong[:_MAX_EXCERPT])[:60]
    if _SPREADSHEET_NUMBER.fullmatch(shown):
        raise NotANote(f"a spreadsheet made the number {shown} of the id; give its column the format Text")
    raise NotANote(f"'{shown}' is neither a note id (24 hex digits) nor a link to a note")


def _from_links(links: list[str]) -> tuple[NoteId | ShortLink, ...]:
    found: list[NoteId | ShortLink] = []
    problems: list[NotANote] = []
    for link in links:
        try:
            found.append(_from_link(link if "://" in link else f"https://{link}"))
        except NotANote as problem:
            problems.append(problem)
    if not found:
        raise problems[0]
    return tuple(found)


def _from_link(link: str) -> NoteId | ShortLink:
    parts, host = _split(link)
    if not _is_on(host, _SHORT_SITES) or parts.scheme == "xhsdiscover":
        return note_of_url(link)
    found = _SHORT_PATH.match(parts.path)
    if not found:
        raise NotANote(f"the link {one_line(host)[:60]} leads nowhere: the part behind the host is missing")
    return ShortLink(f"https://{host}{found[0]}")


def note_of_url(address: str) -> NoteId:
    """Return the note that a URL of the site leads to, also if it is the URL of a login, captcha or 404 page.

    Raises:
        NotANote: the URL leads elsewhere.
    """
    shown, found = _note_or_profile(address)
    if found is None:
        parts, host = _split(address.strip())
        if host and parts.scheme != "xhsdiscover" and not _is_on(host, _SITES):
            raise NotANote(f"the link leads to {one_line(host)[:60]}, not to {' or '.join(_SITES)}")
        raise NotANote(f"the link leads to {shown}, which is not a note's page (…/explore/<24 hex digits>)")
    if found.re is _PROFILE_PATH:
        problem = "the link is not a note's: it leads to a user's profile, which is no note"
        raise NotANote(f"{problem}; for the user's notes: xharchive author {found[1].lower()} --get")
    return NoteId(found[1].lower())


def canonical_target(address: str) -> str:
    """Return the canonical URL of the note or profile that a redirect leads to.

    The rest of the redirect's URL is dropped, because it identifies the user who shared the link.

    Raises:
        NotANote: the redirect leads to neither.
    """
    shown, found = _note_or_profile(address)
    if found is None:
        raise NotANote(f"it leads to {shown}, which is neither a note nor a profile")
    kind = "explore" if found.re is _NOTE_PATH else "user/profile"
    return f"https://www.xiaohongshu.com/{kind}/{found[1].lower()}"


def _note_or_profile(address: str) -> tuple[str, re.Match[str] | None]:
    """Return host and path of a URL for messages, and the match of `_NOTE_PATH` or `_PROFILE_PATH` in it."""
    parts, host = _split(address.strip())
    shown = one_line(f"{host}{parts.path}"[:_MAX_EXCERPT])[:80] if host else "nowhere"
    if parts.scheme == "xhsdiscover":
        path = f"/{host}{parts.path}"
        return shown, _NOTE_PATH.match(path) or _PROFILE_PATH.search(path)
    if not _is_on(host, _SITES):
        return shown, None
    path, query = unquote(parts.path), parts.query
    for _ in range(_MAX_ENCODINGS):
        query = unquote(query)
    return shown, (
        _NOTE_PATH.search(path)
        or _PROFILE_PATH.search(path)
        or _NOTE_PATH.search(query)  # behind a login
        or _PROFILE_PATH.search(query)
    )


def _split(link: str) -> tuple[SplitResult, str]:
    """Return the parts of a link, and its host without a final dot.

    Raises:
        NotANote: the link is malformed, or its host is too long.
    """
    with suppress(ValueError):
        if not _LONG_HOST.match(link):
            parts = urlsplit(link)
            return parts, (parts.hostname or "").removesuffix(".")
    raise NotANote("a link that cannot be read")


def _is_on(host: str, sites: tuple[str, ...]) -> bool:
    return any(host == site or host.endswith(f".{site}") for site in sites)


def find_short_link(text: str) -> ShortLink | None:
    """Return the first short link in a text, None if it has none."""
    try:
        named = notes_in(" ".join(text.split()))
    except NotANote:
        return None
    return next((item for item in named if isinstance(item, ShortLink)), None)


def parse_user_id(text: str) -> str:
    """Return the user id (24 lower-case hex digits) in an id or a profile link, or raise UsageError."""
    plain = without_invisible(text).strip()
    found = _BARE_ID.fullmatch(plain) or _PROFILE.search(plain)
    if not found:
        shown = one_line(text)[:80]
        raise UsageError(f"'{shown}' is neither a user's id (24 hex digits) nor the link of a profile")
    return found[found.lastindex or 0].lower()


def parse_topic_id(text: str) -> str:
    """Return the topic id (24 lower-case hex digits) in a text, or raise UsageError."""
    found = without_invisible(text).strip()
    if not _BARE_ID.fullmatch(found):
        raise UsageError(f"'{one_line(text)[:80]}' is not a topic's id (24 hex digits)")
    return found.lower()
