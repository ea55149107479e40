"""A listing in, notes out: page after page, each paid for once and kept before it is read.

An interrupted listing goes on at its page. Of the ways to a listing the next one is tried only where the
first page of the one before cannot be had: pages of two versions do not fit together.
"""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from xharchive.api import Calls, NoReply, Question, Retries, Unanswered
from xharchive.errors import NoteFailed, ReplyUnusable
from xharchive.models import Listed, NoteId
from xharchive.parsers import Envelope, read_envelope
from xharchive.parsers.listing_endpoints import Listing
from xharchive.parsers.listing_pages import Page, read_page
from xharchive.replies import ReplyShelf
from xharchive.sanitize import counted
from xharchive.status_codes import Action, meaning_of_code

__all__ = ["Lister", "Tally", "key_of"]

# In a row: the vendor repeats itself, or shows strangers and cards only, and each page is paid for.
_REPEATED_PAGES = 2
_PAGES_WITHOUT_NOTES = 5


class _NotThisWay(NoteFailed):
    """A way cannot answer; another one may, and asking it does not pay for the same thing twice."""


@dataclass(slots=True)
class Tally:
    """What a listing came across so far: pages, those of them kept from before, notes that came twice.

    `unreadable` pages have data that no list of notes was found in. `gave_up` says why the listing was ended
    although it may go on.
    """

    pages: int = 0
    kept: int = 0
    repeated: int = 0
    unreadable: int = 0
    gave_up: str = ""
    skipped: Counter[str] = field(default_factory=Counter)


def key_of(ways: Sequence[Listing]) -> str:
    """Return a word that is the same for the same listing: 16 hex digits."""
    first = [ways[0].endpoint, ways[0].path, dict(ways[0].parameters)]
    text = json.dumps(first, ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Lister:
    """Lists notes for one run; `retries` are those of one page. `tally` counts as it goes."""

    def __init__(self, calls: Calls, retries: int) -> None:
        self._calls = calls
        self._retries = retries
        self.tally = Tally()

    async def notes(
        self, ways: Sequence[Listing], shelf: ReplyShelf, most_pages: int | None
    ) -> AsyncIterator[Listed]:
        """Yield the notes of a listing, each once, in the vendor's order, from at most so many pages.

        Raises:
            NoteFailed: a page cannot be had; what was paid for is kept, and the next run goes on from there.
            Refused: the API refuses every call from now on.
            ArchiveError: a page or the ledger cannot be written.
        """
        way, page = await self._first(ways, shelf)
        seen: set[NoteId] = set()
        number = repeated = barren = 0
        while True:
            number += 1
            new = [note for note in page.notes if note.id not in seen]
            self._count(page, len(page.notes) - len(new))
            barren = 0 if new else barren + 1
            repeated = 0 if new or page.skipped else repeated + 1
            seen.update(note.id for note in new)
            for note in new:
                yield note
            if number == most_pages or way.ends_with(page):
                return
            if repeated == _REPEATED_PAGES or barren == _PAGES_WITHOUT_NOTES:
                self.tally.gave_up = (
                    f"the last {counted(barren, 'page')} had nothing new" if page.goes_on else ""
                )
                return
            page = await self._page(way, shelf, number + 1, page)

    def _count(self, page: Page, repeated: int) -> None:
        self.tally.pages += 1
        self.tally.repeated += repeated
        self.tally.unreadable += page.unreadable
        self.tally.skipped.update(page.skipped)

    async def _first(self, ways: Sequence[Listing], shelf: ReplyShelf) -> tuple[Listing, Page]:
        """Return the first way whose first page can be had; one that an earlier run began comes first."""
        for way in ways:
            if await _kept(shelf, _name(way, 1)) is not None:
                return way, await self._page(way, shelf, 1, None)
        for way in ways[:-1]:
            try:
                return way, await self._page(way, shelf, 1, None)
            except _NotThisWay:
                continue
        return ways[-1], await self._page(ways[-1], shelf, 1, None)

    async def _page(self, way: Listing, shelf: ReplyShelf, number: int, before: Page | None) -> Page:
        name = _name(way, number)
        about = f"{way.subject} #{number}"
        await self._calls.recall(about, way.endpoint, shelf, name)
        envelope = await _kept(shelf, name)
        if envelope is not None:
            self.tally.kept += 1
            return read_page(envelope, author=way.author)
        question = Question(way.endpoint, way.path, way.page(number, before), about, name, way.identifier)
        reason = "first" if number == 1 else "page"
        try:
            _, envelope = await self._calls.pay(question, shelf, Retries(self._retries), reason)
        except Unanswered as trouble:
            raise _NotThisWay(trouble.reason, str(trouble)) from None
        except NoReply:
            raise
        except NoteFailed as trouble:
            if trouble.reason == "refused-by-api":  # these words are not known there; other words may be
                raise _NotThisWay(trouble.reason, str(trouble)) from None
            raise
        return read_page(envelope, author=way.author)


async def _kept(shelf: ReplyShelf, name: str) -> Envelope | None:
    body = await shelf.find(name)
    if body is None:
        return None
    try:
        envelope = read_envelope(body)
    except ReplyUnusable:
        return None
    return envelope if meaning_of_code(envelope.code).action is Action.READ else None


def _name(way: Listing, number: int) -> str:
    """A page's name on the shelf; the words of a way tell two versions of one endpoint apart."""
    words = hashlib.sha256(json.dumps(dict(way.parameters), sort_keys=True).encode()).hexdigest()[:8]
    return f"{way.endpoint}-{words}-{number:05}"
