"""The listing endpoints of the demo API: search, feed, author, topic, and short links.

Their shapes are those of docs/api.md#listings and of seeds 003 and 004. Like real listings they include
suggestions, an advertisement, a note of another author, a repeated page and an empty one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

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
_Handler = Callable[["DemoListings", Mapping[str, str]], object]


class DemoListings:
    """Makes the replies of the listing endpoints from the demo's notes, newest first."""

    def __init__(self, notes: Mapping[str, DemoNote]) -> None:
        self._notes = sorted(notes.values(), key=lambda note: note.id, reverse=True)

    def reply(self, path: str, query: Mapping[str, str]) -> bytes:
        """Return the reply of the endpoint at `path`.

        Raises:
            KeyError: there is no endpoint at this path.
        """
        data = LISTING_PATHS[path](self, query)
        code = 400 if data is None else 0
        return json.dumps({"code": code, "message": None, "data": data}, ensure_ascii=False).encode()

    def search_v2(self, query: Mapping[str, str]) -> object:
        """Return items that wrap notes, with a suggestion among them."""
        page = self._page(self._search(query, query.get("noteType", "_0")), query)
        items: list[_Json] = [{"model_type": "note", "note": card} for card in page]
        return {"items": [*items[:1], {"model_type": "hot_query", "id": "q"}, *items[1:]] if items else []}

    def search_v4(self, query: Mapping[str, str]) -> object:
        """Return bare notes, `has_more`, and a session."""
        found = self._search(query, query.get("noteType", "ALL"))
        page = list(self._page(found, query))
        session = {"search_id": "s-demo", "session_id": "t-demo"}
        return {"notes": page, "has_more": len(page) == _PAGE, "api_info": session}

    def feed_v1(self, query: Mapping[str, str]) -> object:
        """Return a flat list with an advertisement."""
        page = list(self._page(self._notes, query))
        return [*page, {**page[0], "id": "6" * 24, "is_ads": True}] if page else []

    def author_v4(self, query: Mapping[str, str]) -> object:
        """Return a user's notes with a cursor each, and one of another author; None for an unknown user."""
        user = query.get("userId", "")
        if user not in _NAMES:
            return None
        own = [note for note in self._notes if _user_of(note) == user]
        start = self._index_after(own, query.get("lastCursor", ""))
        cards = [card | {"cursor": card["id"]} for card in map(_card, own[start : start + _PAGE])]
        stranger = next(note for note in self._notes if _user_of(note) != user)
        strangers = [] if start else [_card(stranger)]
        return {"notes": [*strangers, *cards], "has_more": start + _PAGE < len(own)}

    def topic_v1(self, query: Mapping[str, str]) -> object:
        """Return a topic's notes with one cursor per page; None for an unknown topic."""
        if query.get("topicId") != TOPIC:
            return None
        start = self._index_after(self._notes, query.get("cursor", ""))
        page = self._notes[start : start + _PAGE]
        cursor = page[-1].id if page else ""
        more = start + _PAGE < len(self._notes)
        return {"note_list": list(map(_card, page)), "cursor": cursor, "has_more": more}

    def share_url_v1(self, query: Mapping[str, str]) -> object:
        """Return the target of a short link; None for an unknown one."""
        target = self.target(query.get("shareUrl", ""))
        return {"redirect_url": target} if target else None

    def target(self, link: str) -> str:
        """Return the target of a short link; "" for an unknown one."""
        address = link.partition("://")[2].replace("xhslink.cn/", "xhslink.com/")
        if address == PROFILE_LINK.partition("://")[2]:
            return f"https://www.xiaohongshu.com/user/profile/{AUTHOR}?xsec_token=x"
        for note in self._notes:
            if address == short_link(note.id).partition("://")[2]:
                return f"https://www.xiaohongshu.com/discovery/item/{note.id}?xsec_token=x&shareRedId=y"
        return ""

    def _search(self, query: Mapping[str, str], kind: str) -> list[DemoNote]:
        keyword = query.get("keyword", "")
        kinds = {"_1": "video", "VIDEO_NOTE": "video", "_2": "normal", "NORMAL_NOTE": "normal"}
        return [
            note
            for note in self._notes
            if keyword == EVERYTHING or keyword in note.title
            if kinds.get(kind, _type_of(note)) == _type_of(note)
        ]

    def _page(self, notes: Sequence[DemoNote], query: Mapping[str, str]) -> Iterator[_Json]:
        """Return a page by its number. The last page comes twice, as in real listings; then nothing."""
        last = max(1, -(-len(notes) // _PAGE))
        number = int(query.get("page", "1"))
        shown = min(number, last) if number <= last + 1 else number
        return map(_card, notes[(shown - 1) * _PAGE : shown * _PAGE])

    def _index_after(self, notes: Sequence[DemoNote], cursor: str) -> int:
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


_API = "/api/xiaohongshu/"
LISTING_PATHS: Mapping[str, _Handler] = MappingProxyType(
    {
        _API + "search-note/v2": DemoListings.search_v2,
        _API + "search-note/v4": DemoListings.search_v4,
        _API + "get-note-feed/v1": DemoListings.feed_v1,
        _API + "get-user-note-list/v4": DemoListings.author_v4,
        _API + "get-topic-note-list/v1": DemoListings.topic_v1,
        _API + "share-url-transfer/v1": DemoListings.share_url_v1,
    }
)
"""The endpoints by path."""
