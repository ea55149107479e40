"""What a run would do and pay, found out from what is there: nobody is asked, nothing is written."""

from collections.abc import Iterable, Sequence

from xharchive.endpoints import Endpoint
from xharchive.events import RunPlanned
from xharchive.holdings import Holdings
from xharchive.manifest import State
from xharchive.models import NoteId
from xharchive.pipeline.note_story import shelf_of
from xharchive.resolver import merged, outlook, read_kept
from xharchive.stores import PosixStore

__all__ = ["forecast"]


async def forecast(
    notes: Iterable[NoteId],
    store: PosixStore,
    holdings: Holdings,
    endpoints: Sequence[Endpoint],
    *,
    recheck_empty: bool = False,
    cut_off: frozenset[tuple[str, str]] = frozenset(),
) -> RunPlanned:
    """Add up what a run over these notes would need; `cut_off` are the calls that it must not repeat.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    begun = {note_id.text for note_id in store.unfinished()}
    total = settled = paid = held_back = calls = most_calls = 0
    for note_id in notes:
        total += 1
        holding = holdings.find(note_id)
        recheck = recheck_empty and holding is not None and holding.state is State.EMPTY
        if holding is not None and holding.settled and not recheck:
            settled += 1
            continue
        known = {}
        if holding is not None or note_id.text in begun:
            shelf = shelf_of(store.workspace(note_id, holding.folder if holding else None))
            known = await read_kept(note_id, shelf, endpoints)
        if recheck and merged(known) is None:
            known = {}
        ahead = outlook(known, endpoints)
        if not ahead:
            paid += 1
        elif any((note_id.text, endpoint.name) in cut_off for endpoint in ahead):
            held_back += 1
        else:
            calls += 1
            most_calls += len(ahead)
    return RunPlanned(total, settled, paid, held_back, calls, most_calls)
