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
_PROFILE_PATH = re.compile(r"/user/(?:profile/)?([0-9a-fA-F]{24})(?![0-9a-zA-Z])")
_PROFILE = re.compile(r"(?:xiaohongshu|rednote)\.com/user/profile/([0-9a-fA-F]{24})(?![0-9a-zA-Z])")
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
    """Return the notes and short links in one line of input, in order.

    Return () for a blank line or a `#` comment.

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
    words = [
        word.strip(_QUOTES) for word in _SEPARATORS.split(line.partition(" #")[0]) if word.strip(_QUOTES)
    ]
    wrong = [word for word in words if not _BARE_ID.fullmatch(word)]
    if wrong or not words:
        shown = _excerpt(wrong[0] if wrong else line, 60)
        if _SPREADSHEET_NUMBER.fullmatch(shown):
            raise NotANote(
                f"a spreadsheet made the number {shown} of the id; give its column the format Text"
            )
        raise NotANote(f"'{shown}' is neither a note id (24 hex digits) nor a link to a note")
    return tuple(NoteId(word.lower()) for word in words)


def _excerpt(text: str, length: int) -> str:
    """Return the first `length` characters of a text, safe to print, in bounded time."""
    return one_line(text[:_MAX_EXCERPT])[:length]


def _from_links(links: list[str]) -> tuple[NoteId | ShortLink, ...]:
    found: list[NoteId | ShortLink] = []
    problems: list[str] = []
    for link in links:
        try:
            found.append(_from_link(link))
        except NotANote as problem:
            problems.append(str(problem))
    if not found:
        raise NotANote(problems[0])
    return tuple(found)


def _from_link(link: str) -> NoteId | ShortLink:
    try:
        parts, host = _split(link if "://" in link else f"https://{link}")
    except ValueError:
        raise NotANote("a link that cannot be read") from None
    if parts.scheme == "xhsdiscover":
        return _from_path(f"/{host}{parts.path}", link)
    if _is_on(host, _SHORT_SITES):
        return _short_link(host, parts)
    if not _is_on(host, _SITES):
        raise NotANote(
            f"the link leads to {one_line(host)[:60] or 'nowhere'}, not to xiaohongshu.com or rednote.com"
        )
    if not _NOTE_PATH.match(parts.path):
        with suppress(NotANote):
            return note_of_url(link if "://" in link else f"https://{link}")
    return _from_path(parts.path, link)


def _from_path(path: str, link: str) -> NoteId:
    found = _NOTE_PATH.match(path)
    if not found:
        profile = _PROFILE_PATH.match(path)
        if profile:
            raise NotANote(f"the link is not a note's but a user's; {_author_command(profile)}")
        shown = _excerpt(link.partition("?")[0], 100)
        raise NotANote(f"the link {shown} is not a note's (expected …/explore/<24 hex digits>)")
    return NoteId(found.group(1).lower())


def _author_command(profile: re.Match[str]) -> str:
    return f"to archive the user's notes: xharchive author {profile[1].lower()} --get"


def _short_link(host: str, parts: SplitResult) -> ShortLink:
    found = _SHORT_PATH.match(parts.path)
    if not found:
        raise NotANote(f"the link {one_line(host)[:60]} leads nowhere: the part behind the host is missing")
    return ShortLink(f"https://{host}{found[0]}")


def note_of_url(address: str) -> NoteId:
    """Return the note that a URL of the site leads to, also if it is the URL of a login, captcha or 404 page.

    Raises:
        NotANote: the URL leads elsewhere.
    """
    shown, path, query = _target_parts(address)
    found = _NOTE_PATH.search(path)
    if not found and not _PROFILE_PATH.match(path):
        found = _NOTE_PATH.search(query)  # behind a login
    if not found:
        profile = _PROFILE_PATH.match(path) or _PROFILE_PATH.search(query)
        if profile:
            raise NotANote(f"it leads to a user's profile, which is no note; {_author_command(profile)}")
        raise NotANote(f"it leads to {shown}, which is no note")
    return NoteId(found[1].lower())


def canonical_target(address: str) -> str:
    """Return the canonical URL of the note or profile that a redirect leads to.

    The rest of the redirect's URL is dropped, because it identifies the user who shared the link.

    Raises:
        NotANote: the redirect leads to neither.
    """
    with suppress(NotANote):
        return f"https://www.xiaohongshu.com/explore/{note_of_url(address)}"
    shown, path, query = _target_parts(address)
    found = _PROFILE_PATH.search(path) or _PROFILE_PATH.search(query)
    if not found:
        raise NotANote(f"it leads to {shown}, which is neither a note nor a profile")
    return f"https://www.xiaohongshu.com/user/profile/{found[1].lower()}"


def _target_parts(address: str) -> tuple[str, str, str]:
    """Return the host and path of a URL for messages, then its path and query ("" on other sites)."""
    try:
        parts, host = _split(address.strip())
    except ValueError:
        raise NotANote("it leads to an address that cannot be read") from None
    shown = one_line(f"{host}{parts.path}")[:80] or "nowhere"
    if parts.scheme == "xhsdiscover":
        return shown, f"/{host}{parts.path}", ""
    if not _is_on(host, _SITES):
        return shown, "", ""
    query = parts.query
    for _ in range(_MAX_ENCODINGS):
        query = unquote(query)
    return shown, unquote(parts.path), query


def _split(link: str) -> tuple[SplitResult, str]:
    """Return the parts of a link, and its host without a final dot.

    Raises:
        ValueError: the link is malformed, or its host is too long.
    """
    if _LONG_HOST.match(link):
        raise ValueError
    parts = urlsplit(link)
    return parts, (parts.hostname or "").removesuffix(".")


def find_short_link(text: str) -> ShortLink | None:
    """Return the first short link in a text, None if it has none."""
    try:
        named = notes_in(" ".join(text.split()))
    except NotANote:
        return None
    return next((item for item in named if isinstance(item, ShortLink)), None)


def _is_on(host: str, sites: tuple[str, ...]) -> bool:
    return any(host == site or host.endswith("." + site) for site in sites)


def parse_user_id(text: str) -> str:
    """Return the user id (24 lower-case hex digits) in an id or the link of a profile.

    Raises:
        UsageError: the text has no user id.
    """
    text = without_invisible(text)
    found = _BARE_ID.fullmatch(text.strip()) or _PROFILE.search(text)
    if not found:
        shown = one_line(text)[:80]
        raise UsageError(f"'{shown}' is neither a user's id (24 hex digits) nor the link of a profile")
    return (found[1] if found.re is _PROFILE else found[0]).lower()


def parse_topic_id(text: str) -> str:
    """Return the topic id (24 lower-case hex digits) in a text.

    Raises:
        UsageError: the text is no topic id.
    """
    found = without_invisible(text).strip()
    if not _BARE_ID.fullmatch(found):
        raise UsageError(f"'{one_line(text)[:80]}' is not a topic's id (24 hex digits)")
    return found.lower()
