"""Prints the plan of a run, and asks the user before calls that cost more than expected."""

import sys
from collections.abc import Collection
from dataclasses import replace

from xharchive.api.ledger import CutOff, cut_off_calls
from xharchive.cli.signals import signals_end_the_question
from xharchive.errors import Refused
from xharchive.events import RunPlanned
from xharchive.run import Archiver
from xharchive.sanitize import counted
from xharchive.sources.requested_notes import NoteList


def plan_text(plan: RunPlanned) -> str:
    """Return the plan as lines for people."""
    to_pay = plan.notes - plan.settled - plan.paid - plan.held_back
    calls = _calls_text(plan)
    lines = [
        f"notes          {plan.notes}",
        f"there already  {plan.settled}, no request",
        f"paid already   {plan.paid}, media only",
        f"to be paid     {to_pay}: {calls}, and retries",
    ]
    if plan.held_back:
        lines.append(f"undecided      {plan.held_back}: a call was cut off and may be billed (--on-unknown)")
    if plan.links:
        lines.append(f"short links    {plan.links}: not followed yet, one note each")
    return "\n".join([*lines, "nothing was sent"]) + "\n"


def _calls_text(plan: RunPlanned) -> str:
    most = counted(plan.most_calls, "API call")
    return most if plan.calls == plan.most_calls else f"{plan.calls} to {most}"


async def calls_to_skip(
    archiver: Archiver, notes: NoteList, on_unknown: str, subjects: Collection[str] = ()
) -> CutOff:
    """Return the calls (subject, endpoint) to skip, because an earlier run was cut off in them.

    Asks the user at a terminal, if such a call belongs to this run.

    Args:
        archiver: the archive and the settings of this run.
        notes: the notes of this run.
        on_unknown: what to do about such calls: ask, pay or skip.
        subjects: short links and listings of this run; the ledger adds " #" and a page to a listing.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    cut_off: CutOff = {} if on_unknown == "pay" else cut_off_calls(archiver.store.ledger)
    if not cut_off or on_unknown == "skip" or not _is_terminal():
        return cut_off
    archiver.skip(cut_off)
    plan = await archiver.plan(notes)
    asked = {*subjects, *(link.url for link in notes.links)}
    others = {about for about, _ in cut_off if about in asked or about.rpartition(" #")[0] in asked}
    waiting = plan.held_back + len(others)
    if not waiting:
        return cut_off
    several = f"{counted(waiting, 'call')} of an earlier run were"
    what = "A call of an earlier run was" if waiting == 1 else several
    question = f"{what} cut off, and may have been billed. Repeat it, and perhaps pay twice?"
    return {} if _ask(question) else cut_off


async def approve(archiver: Archiver, notes: NoteList, confirm_above: int | None) -> None:
    """Ask before a run that needs more than `confirm_above` calls.

    Raises:
        Refused: the user says no, or there is no terminal.
        ArchiveError: the archive cannot be read.
    """
    if confirm_above is None:
        return
    plan = await archiver.plan(notes)
    links = len(notes.links)  # one note each, and perhaps a call to find it
    plan = replace(plan, calls=plan.calls + links, most_calls=plan.most_calls + 2 * links)
    if plan.calls > confirm_above:
        _ask_to_pay(f"this run needs {_calls_text(plan)}", confirm_above)


def approve_pages(pages: int | None, confirm_above: int | None) -> None:
    """Ask before a listing that may need more than `confirm_above` calls.

    Args:
        pages: the largest number of pages; None: unknown.
        confirm_above: the number of calls; None: any.

    Raises:
        Refused: the user says no, or there is no terminal.
    """
    if confirm_above is not None and (pages is None or pages > confirm_above):
        many = "as many calls as it takes" if pages is None else f"up to {counted(pages, 'call')}"
        _ask_to_pay(f"this listing may need {many}", confirm_above)


def _ask_to_pay(need: str, limit: int) -> None:
    needs = f"{need}, more than --confirm-above {limit}"
    if not _is_terminal():
        raise Refused(f"{needs}, and there is no terminal to ask at; nothing was asked or paid")
    if not _ask(f"{needs[0].upper()}{needs[1:]}. Go on?"):
        raise Refused("not confirmed; nothing was asked or paid")


def _is_terminal() -> bool:
    # A caller may have closed standard input.
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        with signals_end_the_question():
            answer = sys.stdin.readline()
    except UnicodeDecodeError:
        answer = ""
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes", "是")
