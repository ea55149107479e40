"""Plan a run from the files in the archive, without a request or a write."""

from collections.abc import Iterable, Sequence

from xharchive.api.ledger import CutOff
from xharchive.archive import Archive, ReplyStore
from xharchive.events import RunPlanned
from xharchive.manifest import State
from xharchive.models import NoteId
from xharchive.parsers import Endpoint
from xharchive.resolver import endpoints_to_call, merged, read_saved_replies


async def plan_run(
    notes: Iterable[NoteId],
    archive: Archive,
    endpoints: Sequence[Endpoint],
    *,
    recheck_empty: bool = False,
    cut_off: CutOff | None = None,
) -> RunPlanned:
    """Count the notes and calls of a run.

    Args:
        notes: the notes of the run.
        archive: the archive, open; not open if it does not exist yet.
        endpoints: the endpoints of the run, the first choice first.
        recheck_empty: the run calls the API again for empty notes.
        cut_off: interrupted calls that the run must not repeat.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    undecided: dict[str, frozenset[str]] = {}
    for about, endpoint in cut_off or {}:
        undecided[about] = undecided.get(about, frozenset()) | {endpoint}
    unfinished = {note_id.text for note_id in archive.unfinished()}
    all_endpoints = endpoints_to_call({}, endpoints)
    total = settled = paid = held_back = calls = most_calls = 0
    found = archive.look_up(notes) if archive.is_open else ((note_id, None) for note_id in notes)
    for note_id, archived in found:
        total += 1
        recheck = recheck_empty and archived is not None and archived.state is State.EMPTY
        if archived is not None and (archived.closed or (archived.is_done and not recheck)):
            settled += 1
            continue
        known, with_reply = {}, frozenset[str]()
        if archived is not None or note_id.text in unfinished:
            shelf = archive.workspace(note_id, archived.folder if archived else None).reply_store
            known = await read_saved_replies(note_id, shelf, endpoints)
            with_reply = await ReplyStore(shelf.folder).endpoints()
        if recheck and merged(known) is None:
            known = {}
        to_call = endpoints_to_call(known, endpoints) if known else all_endpoints
        if undecided.get(note_id.text, frozenset()) - with_reply:
            held_back += 1
        elif not to_call:
            paid += 1
        else:
            calls += 1
            most_calls += len(to_call)
    return RunPlanned(total, settled, paid, held_back, calls, most_calls)
