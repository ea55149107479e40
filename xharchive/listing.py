"""Read a listing page by page; each page is paid for once and saved before it is parsed.

An interrupted listing resumes at its page. Several endpoints may serve the same listing. The next one is used
only if the first page of the one before fails, because the pages of two endpoints do not fit together.
"""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from xharchive.api import ApiClient, ApiRequest, NoReply, NoUsableReply, Retries, find_reply
from xharchive.archive import ReplyStore
from xharchive.errors import NoteFailed
from xharchive.models import ListedNote, NoteId
from xharchive.parsers.listing_endpoints import Listing, Page, read_page
from xharchive.sanitize import counted

# End a listing after this many pages in a row: the vendor may repeat pages, or send only advertisements and
# other cards, and each page costs money.
_MAX_REPEATED_PAGES = 2
_MAX_PAGES_WITHOUT_NEW_NOTES = 5


class _EndpointFailed(NoteFailed):
    """An endpoint cannot serve the listing. Another one may, and nothing is paid for twice."""


@dataclass(slots=True)
class ListingStats:
    """Counts of a listing so far.

    Attributes:
        pages: all pages.
        kept: the pages that were saved before.
        repeated: notes that were listed before.
        unreadable: pages with data but without a recognizable list of notes.
        stop_reason: why the listing ended early although there may be more pages; "" if it did not.
        skipped: entries without a note, by reason.
    """

    pages: int = 0
    kept: int = 0
    repeated: int = 0
    unreadable: int = 0
    stop_reason: str = ""
    skipped: Counter[str] = field(default_factory=Counter)


def listing_key(sources: Sequence[Listing]) -> str:
    """Return a key of 16 hex digits that is the same in each run over the same listing."""
    first = [sources[0].endpoint, sources[0].path, dict(sources[0].parameters)]
    return _digest(first)[:16]


def _page_name(listing: Listing, number: int) -> str:
    """Return the name of a saved page; a digest of the parameters tells variants of one endpoint apart."""
    return f"{listing.endpoint}-{_digest(dict(listing.parameters))[:8]}-{number:05}"


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class Lister:
    """List notes for one run; `tally` has the counts so far. A page may use up to `retries` retries."""

    def __init__(self, calls: ApiClient, retries: int) -> None:
        self._api = calls
        self._retries = retries
        self.tally = ListingStats()

    async def notes(
        self, sources: Sequence[Listing], shelf: ReplyStore, max_pages: int | None
    ) -> AsyncIterator[ListedNote]:
        """Yield the notes of a listing, each once, in the vendor's order.

        Args:
            sources: the same listing at several endpoints, the preferred one first.
            shelf: the saved pages of the listing.
            max_pages: the most pages to read; None for no limit.

        Raises:
            NoteFailed: a page cannot be fetched. The pages before it stay saved, and the next run resumes
                there.
            Refused: the API refuses all further calls.
            ArchiveError: a page or the ledger cannot be written.
        """
        listing, page = await self._first_page(sources, shelf)
        seen: set[NoteId] = set()
        number = repeated = without_new = 0
        while True:
            number += 1
            new = [note for note in page.notes if note.id not in seen]
            self.tally.pages += 1
            self.tally.repeated += len(page.notes) - len(new)
            self.tally.unreadable += page.unreadable
            self.tally.skipped.update(page.skipped)
            without_new = 0 if new else without_new + 1
            repeated = 0 if new or page.skipped else repeated + 1
            for note in new:
                seen.add(note.id)
                yield note
            if number == max_pages or listing.is_last(page):
                return
            if repeated == _MAX_REPEATED_PAGES or without_new == _MAX_PAGES_WITHOUT_NEW_NOTES:
                if page.has_more:
                    self.tally.stop_reason = f"the last {counted(without_new, 'page')} had nothing new"
                return
            page = await self._page(listing, shelf, number + 1, page)

    async def _first_page(self, sources: Sequence[Listing], shelf: ReplyStore) -> tuple[Listing, Page]:
        """Return the endpoint to use and its first page. An endpoint that an earlier run used comes first."""
        for listing in sources:
            if await find_reply(shelf, _page_name(listing, 1)) is not None:
                return listing, await self._page(listing, shelf, 1, None)
        for listing in sources[:-1]:
            try:
                return listing, await self._page(listing, shelf, 1, None)
            except _EndpointFailed:
                continue
        return sources[-1], await self._page(sources[-1], shelf, 1, None)

    async def _page(self, listing: Listing, shelf: ReplyStore, number: int, before: Page | None) -> Page:
        """Return a page, saved or paid for; `before` is the page before it."""
        name, subject = _page_name(listing, number), f"{listing.subject} #{number}"
        await self._api.reconcile(subject, listing.endpoint, shelf, name)
        if saved := await find_reply(shelf, name):
            self.tally.kept += 1
            return read_page(saved[1], author=listing.author)
        parameters = listing.page(number, before)
        request = ApiRequest(listing.endpoint, listing.path, parameters, subject, name, listing.identifier)
        reason = "first" if number == 1 else "page"
        try:
            _, envelope = await self._api.call(request, shelf, Retries(self._retries), reason)
        except NoReply:
            raise
        except (NoUsableReply, NoteFailed) as error:
            if isinstance(error, NoUsableReply) or error.reason == "refused-by-api":
                # Another endpoint may accept its own parameters.
                raise _EndpointFailed(error.reason, str(error)) from None
            raise
        return read_page(envelope, author=listing.author)
