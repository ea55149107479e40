"""What a run may spend: its plan, and the questions that only the user can answer."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

from xharchive.archive import ArchiveFolder
from xharchive.archived_notes import ArchivedNotes
from xharchive.errors import Refused
from xharchive.events import RunPlanned, as_json
from xharchive.inputs import NoteList
from xharchive.parsers import parse_order
from xharchive.progress import json_line
from xharchive.replies import CutOff, cut_off_calls
from xharchive.run import ArchiveOptions, plan_run
from xharchive.sanitize import counted

__all__ = ["calls_to_hold_back", "confirm", "confirm_pages", "plan_text", "show_plan"]


def show_plan(
    args: argparse.Namespace, store: ArchiveFolder, holdings: ArchivedNotes | None, notes: NoteList
) -> None:
    """Print what a run would do and pay; without holdings there is no archive yet.

    Raises:
        UsageError: the order of endpoints is wrong.
        ArchiveError: the archive cannot be read.
    """
    cut_off: CutOff = {} if args.on_unknown == "pay" else cut_off_calls(store.ledger)
    plan = asyncio.run(
        plan_run(
            notes,
            store,
            holdings,
            parse_order(args.endpoints),
            recheck_empty=args.recheck_empty,
            cut_off=cut_off,
        )
    )
    plan = replace(plan, links=notes.links)
    sys.stdout.write(json_line(as_json(plan)) if args.json else plan_text(plan))


def plan_text(plan: RunPlanned) -> str:
    """Return the plan in lines for people."""
    to_pay = plan.notes - plan.settled - plan.paid - plan.held_back
    calls = _range(plan)
    lines = [
        f"notes          {plan.notes}",
        f"there already  {plan.settled}, no request",
        f"paid already   {plan.paid}, media only",
        f"to be paid     {to_pay}: {calls}, and retries",
    ]
    if plan.held_back:
        lines.append(f"undecided      {plan.held_back}: a call was cut off and may be billed (--on-unknown)")
    if plan.links:
        lines.append(f"short links    {plan.links}: not followed yet, a note each")
    return "\n".join([*lines, "nothing was sent"]) + "\n"


def _range(plan: RunPlanned) -> str:
    most = counted(plan.most_calls, "API call")
    return most if plan.calls == plan.most_calls else f"{plan.calls} to {most}"


def calls_to_hold_back(
    args: argparse.Namespace,
    store: ArchiveFolder,
    holdings: ArchivedNotes,
    notes: NoteList,
    options: ArchiveOptions,
    concerns: Callable[[str], bool] = lambda _: False,
) -> CutOff:
    """Return the calls (subject, endpoint) that must not be made, as an earlier run was cut off in them.

    Asks the user, where one is there, if any of them is about these notes or `concerns` this run otherwise.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    cut_off: CutOff = {} if args.on_unknown == "pay" else cut_off_calls(store.ledger)
    if not cut_off or args.on_unknown == "skip" or not _is_terminal():
        return cut_off
    plan = asyncio.run(_plan(store, holdings, notes, options, cut_off))
    waiting = plan.held_back + len({about for about, _ in cut_off if concerns(about)})
    if not waiting:
        return cut_off
    several = f"{counted(waiting, 'call')} of an earlier run were"
    what = "A call of an earlier run was" if waiting == 1 else several
    question = f"{what} cut off, and may have been billed. Ask again, and perhaps pay twice?"
    return {} if _says_yes(question) else cut_off


def confirm(
    args: argparse.Namespace,
    store: ArchiveFolder,
    holdings: ArchivedNotes,
    notes: NoteList,
    options: ArchiveOptions,
) -> None:
    """Ask before a run that needs more calls than `--confirm-above`.

    Raises:
        Refused: the user says no, or cannot be asked.
        ArchiveError: the archive cannot be read.
    """
    if args.confirm_above is None:
        return
    plan = asyncio.run(_plan(store, holdings, notes, options, options.cut_off))
    links = notes.links  # a note each, and perhaps a call to find it
    plan = replace(plan, calls=plan.calls + links, most_calls=plan.most_calls + 2 * links)
    if plan.calls <= args.confirm_above:
        return
    needs = f"this run needs {_range(plan)}, more than --confirm-above {args.confirm_above}"
    if not _is_terminal():
        raise Refused(f"{needs}, and there is no terminal to ask at; nothing was asked or paid")
    if not _says_yes(f"{needs[0].upper()}{needs[1:]}. Go on?"):
        raise Refused("not confirmed; nothing was asked or paid")


def confirm_pages(args: argparse.Namespace, pages: int | None) -> None:
    """Ask before a listing that may need more calls than `--confirm-above`; None: nobody knows how many.

    Raises:
        Refused: the user says no, or cannot be asked.
    """
    if args.confirm_above is None or (pages is not None and pages <= args.confirm_above):
        return
    many = "as many calls as it takes" if pages is None else f"up to {counted(pages, 'call')}"
    needs = f"this listing may need {many}, more than --confirm-above {args.confirm_above}"
    if not _is_terminal():
        raise Refused(f"{needs}, and there is no terminal to ask at; nothing was asked or paid")
    if not _says_yes(f"{needs[0].upper()}{needs[1:]}. Go on?"):
        raise Refused("not confirmed; nothing was asked or paid")


async def _plan(
    store: ArchiveFolder,
    holdings: ArchivedNotes,
    notes: NoteList,
    options: ArchiveOptions,
    cut_off: CutOff,
) -> RunPlanned:
    recheck = options.recheck_empty
    return await plan_run(notes, store, holdings, options.endpoints, recheck_empty=recheck, cut_off=cut_off)


def _is_terminal() -> bool:
    # A caller may have closed standard input.
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _says_yes(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except UnicodeDecodeError:
        answer = ""
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes", "是")
