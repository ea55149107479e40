"""Prints the plan of a run, and asks the user before calls that cost more than expected."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

from xharchive.archive import Archive
from xharchive.errors import Refused
from xharchive.events import RunPlanned, as_json
from xharchive.parsers import parse_endpoint_order
from xharchive.progress import json_line
from xharchive.replies import CutOff, cut_off_calls
from xharchive.run import ArchiveOptions, plan_run
from xharchive.sanitize import counted
from xharchive.sources.requested_notes import NoteList

__all__ = ["calls_to_skip", "confirm", "confirm_pages", "plan_text", "show_plan"]


def show_plan(args: argparse.Namespace, store: Archive, notes: NoteList) -> None:
    """Print what a run would do and pay.

    Args:
        args: the options.
        store: the archive, open; not open if it does not exist yet.
        notes: the notes asked for.

    Raises:
        UsageError: the order of endpoints is wrong.
        ArchiveError: the archive cannot be read.
    """
    cut_off: CutOff = {} if args.on_unknown == "pay" else cut_off_calls(store.ledger)
    plan = asyncio.run(
        plan_run(
            notes,
            store,
            parse_endpoint_order(args.endpoints),
            recheck_empty=args.recheck_empty,
            cut_off=cut_off,
        )
    )
    plan = replace(plan, links=len(notes.links))
    sys.stdout.write(json_line(as_json(plan)) if args.json else plan_text(plan))


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


def calls_to_skip(
    args: argparse.Namespace,
    store: Archive,
    notes: NoteList,
    options: ArchiveOptions,
    concerns: Callable[[str], bool] = lambda _: False,
) -> CutOff:
    """Return the calls (subject, endpoint) to skip, because an earlier run was cut off in them.

    Asks the user at a terminal, if such a call belongs to this run.

    Args:
        args: the options.
        store: the archive, open.
        notes: the notes of this run.
        options: the settings of this run.
        concerns: tells whether a call on a subject belongs to this run though no note needs it.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    cut_off: CutOff = {} if args.on_unknown == "pay" else cut_off_calls(store.ledger)
    if not cut_off or args.on_unknown == "skip" or not _is_terminal():
        return cut_off
    plan = asyncio.run(_plan_run(store, notes, options, cut_off))
    waiting = plan.held_back + len({about for about, _ in cut_off if concerns(about)})
    if not waiting:
        return cut_off
    several = f"{counted(waiting, 'call')} of an earlier run were"
    what = "A call of an earlier run was" if waiting == 1 else several
    question = f"{what} cut off, and may have been billed. Repeat it, and perhaps pay twice?"
    return {} if _ask(question) else cut_off


def confirm(
    args: argparse.Namespace,
    store: Archive,
    notes: NoteList,
    options: ArchiveOptions,
) -> None:
    """Ask before a run that needs more calls than `--confirm-above`.

    Raises:
        Refused: the user says no, or there is no terminal.
        ArchiveError: the archive cannot be read.
    """
    if args.confirm_above is None:
        return
    plan = asyncio.run(_plan_run(store, notes, options, options.cut_off))
    links = len(notes.links)  # one note each, and perhaps a call to find it
    plan = replace(plan, calls=plan.calls + links, most_calls=plan.most_calls + 2 * links)
    if plan.calls <= args.confirm_above:
        return
    needs = f"this run needs {_calls_text(plan)}, more than --confirm-above {args.confirm_above}"
    if not _is_terminal():
        raise Refused(f"{needs}, and there is no terminal to ask at; nothing was asked or paid")
    if not _ask(f"{needs[0].upper()}{needs[1:]}. Go on?"):
        raise Refused("not confirmed; nothing was asked or paid")


def confirm_pages(args: argparse.Namespace, pages: int | None) -> None:
    """Ask before a listing that may need more calls than `--confirm-above`.

    Args:
        args: the options.
        pages: the largest number of pages; None: unknown.

    Raises:
        Refused: the user says no, or there is no terminal.
    """
    if args.confirm_above is None or (pages is not None and pages <= args.confirm_above):
        return
    many = "as many calls as it takes" if pages is None else f"up to {counted(pages, 'call')}"
    needs = f"this listing may need {many}, more than --confirm-above {args.confirm_above}"
    if not _is_terminal():
        raise Refused(f"{needs}, and there is no terminal to ask at; nothing was asked or paid")
    if not _ask(f"{needs[0].upper()}{needs[1:]}. Go on?"):
        raise Refused("not confirmed; nothing was asked or paid")


async def _plan_run(
    store: Archive,
    notes: NoteList,
    options: ArchiveOptions,
    cut_off: CutOff,
) -> RunPlanned:
    recheck = options.recheck_empty
    return await plan_run(notes, store, options.endpoints, recheck_empty=recheck, cut_off=cut_off)


def _is_terminal() -> bool:
    # A caller may have closed standard input.
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except UnicodeDecodeError:
        answer = ""
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes", "是")
