"""What a run would do and pay, found out from what is there: nobody is asked, nothing is written."""

from collections.abc import Iterable, Sequence

from xharchive.archive import PosixStore
from xharchive.archived_notes import Holdings
from xharchive.events import RunPlanned
from xharchive.manifest import State
from xharchive.models import NoteId
from xharchive.parsers import Endpoint
from xharchive.replies import CutOff, ReplyShelf
from xharchive.resolver import merged, outlook, read_kept
from xharchive.run.archive_note import shelf_of

__all__ = ["forecast"]


async def forecast(
    notes: Iterable[NoteId],
    store: PosixStore,
    holdings: Holdings | None,
    endpoints: Sequence[Endpoint],
    *,
    recheck_empty: bool = False,
    cut_off: CutOff | None = None,
) -> RunPlanned:
    """Add up what a run over these notes would need; `cut_off` are the calls that it must not repeat.

    Without holdings there is no archive yet.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    undecided: dict[str, frozenset[str]] = {}
    for about, endpoint in cut_off or {}:
        undecided[about] = undecided.get(about, frozenset()) | {endpoint}
    begun = {note_id.text for note_id in store.unfinished()}
    all_of_them = outlook({}, endpoints)
    total = settled = paid = held_back = calls = most_calls = 0
    found = holdings.find_each(notes) if holdings else ((note_id, None) for note_id in notes)
    for note_id, holding in found:
        total += 1
        recheck = recheck_empty and holding is not None and holding.state is State.EMPTY
        is_misnamed = holding is None and holdings is not None and holdings.misnamed_folder(note_id)
        is_passed = holding is not None and (holding.closed or (holding.settled and not recheck))
        if is_misnamed or is_passed:
            settled += 1
            continue
        known, answered = {}, frozenset[str]()
        if holding is not None or note_id.text in begun:
            shelf = shelf_of(store.workspace(note_id, holding.folder if holding else None))
            known = await read_kept(note_id, shelf, endpoints)
            answered = await ReplyShelf(shelf.folder).endpoints()
        if recheck and merged(known) is None:
            known = {}
        ahead = outlook(known, endpoints) if known else all_of_them
        if undecided.get(note_id.text, frozenset()) - answered:
            held_back += 1
        elif not ahead:
            paid += 1
        else:
            calls += 1
            most_calls += len(ahead)
    return RunPlanned(total, settled, paid, held_back, calls, most_calls)
