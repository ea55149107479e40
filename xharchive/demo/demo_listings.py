"""The listing endpoints of the demo API: search, feed, author, topic, and short links.

Their shapes are those of docs/api.md#listings and of seeds 003 and 004. Like real listings they include
suggestions, an advertisement, a note of another author, a repeated page and an empty one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

from xharchive.demo.world import DemoNote

AUTHOR = "6276a4d10000000021026c1f"
"""The author of half of the notes; also in the examples of the README and of `author --help`."""
TOPIC = "5be00ef34ba51d0001c5e1d5"
"""A topic of all notes."""
EVERYTHING = "demo"
"""A keyword that finds every note."""

SHORT_HOSTS = frozenset({"xhslink.com", "xhslink.cn"})
"""The hosts of the platform's link shortener."""

_PAGE = 4
_OTHER_AUTHOR = "5a00000000000000000000b2"
_NAMES = {AUTHOR: "示范园丁", _OTHER_AUTHOR: "路过的人"}
_SHORT_LINK_BASE = "http://xhslink.com/a/"
PROFILE_LINK = "http://xhslink.com/m/garden"
"""A short link to the profile of AUTHOR."""

_Json = dict[str, object]

_API = "/api/xiaohongshu/"
LISTING_PATHS = frozenset(
    _API + endpoint
    for endpoint in (
        "search-note/v2",
        "search-note/v4",
        "get-note-feed/v1",
        "get-user-note-list/v4",
        "get-topic-note-list/v1",
        "share-url-transfer/v1",
    )
)
"""The paths of the endpoints."""


class DemoListings:
    """Makes the replies of the listing endpoints from the demo's notes, newest first."""

    def __init__(self, notes: Mapping[str, DemoNote]) -> None:
        self._notes = sorted(notes.values(), key=lambda note: note.id, reverse=True)

    def reply(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the reply of the endpoint at `path`, one of `LISTING_PATHS`."""
        data = self._data(path.removeprefix(_API), query)
        code = 400 if data is None else 0
        return json.dumps({"code": code, "message": None, "data": data}, ensure_ascii=False).encode()

    def _data(self, endpoint: str, query: Mapping[str, str]) -> object:
        """Return what an endpoint sends; None for an unknown user, topic or short link."""
        match endpoint:
            case "search-note/v2":  # items that wrap notes, with a suggestion among them
                page = self._page(self._search(query), query)
                items: list[_Json] = [{"model_type": "note", "note": card} for card in page]
                hint: list[_Json] = [{"model_type": "hot_query", "id": "q"}] if items else []
                return {"items": [*items[:1], *hint, *items[1:]]}
            case "search-note/v4":  # bare notes
                page = self._page(self._search(query), query)
                session = {"search_id": "s-demo", "session_id": "t-demo"}
                return {"notes": page, "has_more": len(page) == _PAGE, "api_info": session}
            case "get-note-feed/v1":  # a flat list with an advertisement
                page = self._page(self._notes, query)
                return [*page, {**page[0], "id": "6" * 24, "is_ads": True}] if page else []
            case "get-user-note-list/v4":
                return self._of_author(query.get("userId", ""), query.get("lastCursor", ""))
            case "get-topic-note-list/v1":  # one cursor per page
                if query.get("topicId") != TOPIC:
                    return None
                start = _index_after(self._notes, query.get("cursor", ""))
                found = self._notes[start : start + _PAGE]
                more, cursor = start + _PAGE < len(self._notes), found[-1].id if found else ""
                return {"note_list": list(map(_card, found)), "cursor": cursor, "has_more": more}
            case _:
                target = self.target(query.get("shareUrl", ""))
                return {"redirect_url": target} if target else None

    def _of_author(self, user: str, cursor: str) -> object:
        """Return a user's notes with a cursor each, and at first one of another author."""
        if user not in _NAMES:
            return None
        own = [note for note in self._notes if _user_of(note) == user]
        start = _index_after(own, cursor)
        cards = [card | {"cursor": card["id"]} for card in map(_card, own[start : start + _PAGE])]
        stranger = next(note for note in self._notes if _user_of(note) != user)
        strangers = [] if start else [_card(stranger)]
        return {"notes": [*strangers, *cards], "has_more": start + _PAGE < len(own)}

    def target(self, link: str) -> str:
        """Return the target of a short link; "" for an unknown one."""
        address = link.partition("://")[2].replace("xhslink.cn/", "xhslink.com/")
        if address == PROFILE_LINK.partition("://")[2]:
            return f"https://www.xiaohongshu.com/user/profile/{AUTHOR}?xsec_token=x"
        for note in self._notes:
            if address == short_link(note.id).partition("://")[2]:
                return f"https://www.xiaohongshu.com/discovery/item/{note.id}?xsec_token=x&shareRedId=y"
        return ""

    def _search(self, query: Mapping[str, str]) -> list[DemoNote]:
        keyword = query.get("keyword", "")
        kinds = {"_1": "video", "VIDEO_NOTE": "video", "_2": "normal", "NORMAL_NOTE": "normal"}
        wanted = kinds.get(query.get("noteType", ""), "")
        return [
            note
            for note in self._notes
            if (keyword == EVERYTHING or keyword in note.title) and wanted in ("", _type_of(note))
        ]

    def _page(self, notes: Sequence[DemoNote], query: Mapping[str, str]) -> list[_Json]:
        """Return a page by its number. The last page comes twice, as in real listings; then nothing."""
        last = max(1, -(-len(notes) // _PAGE))
        number = int(query.get("page", "1"))
        shown = min(number, last) if number <= last + 1 else number
        return list(map(_card, notes[(shown - 1) * _PAGE : shown * _PAGE]))


def _index_after(notes: Sequence[DemoNote], cursor: str) -> int:
    return next((index + 1 for index, note in enumerate(notes) if note.id == cursor), 0)


def short_link(note_id: str) -> str:
    """Return the short link of a demo note."""
    return f"{_SHORT_LINK_BASE}{hashlib.sha256(note_id.encode()).hexdigest()[:8]}"


def _type_of(note: DemoNote) -> str:
    return "video" if "video" in note.originals else "normal"


def _user_of(note: DemoNote) -> str:
    return AUTHOR if int(note.id, 16) % 2 else _OTHER_AUTHOR


def _card(note: DemoNote) -> _Json:
    user = _user_of(note)
    key = next(iter(note.originals.values()), "notes/none")
    return {
        "id": note.id,
        "type": _type_of(note),
        "title": note.title,
        "desc": note.shows,
        "timestamp": int(note.id[:8], 16),
        "liked_count": int(note.id[-3:], 16),
        "user": {"userid": user, "nickname": _NAMES[user]},
        "images_list": [{"url": f"https://sns-i8.rednotecdn.com/{key}?imageView2/2/w/540/format/webp"}],
    }
