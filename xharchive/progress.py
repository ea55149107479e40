"""Prints the events of a run: bars on a terminal, a summary every ten seconds elsewhere, or JSON lines.

Text for people goes to standard error. Standard output carries only events (`--json`).
"""

import codecs
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from xharchive.events import (
    AssetMissing,
    Call,
    CandidateRefused,
    Event,
    Listener,
    NoteFinished,
    NoteResolved,
    NotesUnchanged,
    Outcome,
    Progressed,
    RunFinished,
    RunStarted,
    Warned,
    as_json,
)
from xharchive.manifest import DOUBTFUL_REASONS
from xharchive.redaction import Secret, redact
from xharchive.sanitize import counted, one_line, printable

# Characters that JSON does not escape although a terminal obeys them or no encoding has them. All are below
# U+10000, so one \u escape is enough.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_PROBLEM_OUTCOMES = frozenset((Outcome.PARTIAL, Outcome.EMPTY, Outcome.FAILED))
_SUMMARY_INTERVAL = 10.0  # seconds
_LONGEST_TITLE = 40  # characters
_BOTTLENECK_NAMES = {"api": "API", "network": "network", "cpu": "CPU", "disk": "disk", "other": "the rest"}


@dataclass(frozen=True, slots=True)
class ProgressOptions:
    """How much to print.

    Attributes:
        quiet: print problems only.
        verbose: above 0, print refused candidates and API calls too.
        as_json: print all events as JSON lines on standard output.
        secret: the API token, to redact it.
    """

    quiet: bool = False
    verbose: int = 0
    as_json: bool = False
    secret: Secret = field(default_factory=lambda: Secret(""))


@contextmanager
def event_printer(
    options: ProgressOptions, *, out: TextIO, err: TextIO, now: Callable[[], float] = time.monotonic
) -> Iterator[Listener]:
    """Yield a listener that prints events: JSON lines to `out`, bars and text to `err`."""
    printer: _ProblemPrinter | _BarPrinter | _SummaryPrinter
    if options.quiet:
        printer = _ProblemPrinter(options, err)
    elif err.isatty():
        printer = _BarPrinter(options, err)
    else:
        printer = _SummaryPrinter(options, err, now)

    def listen(event: Event) -> None:
        if options.as_json:
            out.write(json_line(_redacted(event, options.secret), out))
            if not isinstance(event, Progressed):
                out.flush()
        printer.on_event(event)

    try:
        yield listen
    finally:
        printer.close()


@contextmanager
def progress_bar(unit: str, err: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows progress, called with the numbers done and in total.

    On a terminal it draws a bar; elsewhere it does nothing.
    """
    if not err.isatty():
        yield lambda _done, _total: None
        return
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", file=err, leave=False, dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            bar.refresh()

        yield show


def write_above_bars(text: str, err: TextIO) -> None:
    """Write a line; on a terminal, above the bars."""
    if not err.isatty():
        err.write(f"{text}\n")
        return
    from tqdm import tqdm

    tqdm.write(text, file=err)


def _redacted(event: Event, secret: Secret) -> dict[str, object]:
    # Redact values, not the line: a mark that replaces a backslash would end a JSON string early.
    return {
        name: redact(value, secret) if isinstance(value, str) else value
        for name, value in as_json(event).items()
    }


def json_line(record: Mapping[str, object], out: TextIO | None = None) -> str:
    """Return a JSON line that is safe to print on `out` (default: standard output)."""
    return json_text(record, out) + "\n"


def json_text(record: Mapping[str, object], out: TextIO | None = None, indent: int | None = None) -> str:
    """Return JSON that is safe to print on `out` (default: standard output), see `safe_json`."""
    return safe_json(json.dumps(record, ensure_ascii=False, indent=indent), out)


def safe_json(text: str, out: TextIO | None = None) -> str:
    """Return JSON text with control characters escaped, and all but ASCII if `out` is not UTF-8."""
    encoding: str | None = (out or sys.stdout).encoding  # a StringIO has none
    if encoding is not None and codecs.lookup(encoding).name != "utf-8":
        text = _NON_ASCII.sub(lambda char: json.dumps(char[0])[1:-1], text)
    return _UNSAFE.sub(lambda char: f"\\u{ord(char[0]):04x}", text)


class _ProblemPrinter:
    """Prints problems only."""

    def __init__(self, options: ProgressOptions, err: TextIO) -> None:
        self._options = options
        self._err = err

    def on_event(self, event: Event) -> None:
        """Print the event if it is a problem, or if --verbose asks for it."""
        if (self._options.verbose or _is_problem(event)) and (line := _line(event, self._options.verbose)):
            self._write(redact(printable(line), self._options.secret))

    def _write(self, line: str) -> None:
        self._err.write(f"{line}\n")
        self._err.flush()

    def close(self) -> None:
        """Restore the terminal."""


class _CountingPrinter(_ProblemPrinter):
    """Prints problems at once, and counts."""

    _notes = _done = _expected = _bytes = _calls = _paid = 0

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        match event:
            case RunStarted():
                self._notes = event.notes
            case NoteFinished():
                self._done += 1
            case NotesUnchanged():
                self._done += event.notes
            case NoteResolved():
                self._expected += event.bytes
            case Progressed():
                self._bytes += event.bytes
            case Call():
                self._calls += 1
                self._paid += event.billed == "yes"
            case _:
                pass


class _SummaryPrinter(_CountingPrinter):
    """For pipes and logs: a summary every ten seconds."""

    def __init__(self, options: ProgressOptions, err: TextIO, now: Callable[[], float]) -> None:
        super().__init__(options, err)
        self._now = now
        self._last = now()

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        if self._now() - self._last >= _SUMMARY_INTERVAL:
            self._last = self._now()
            notes, calls = counted(self._notes, "note"), counted(self._calls, "API call")
            self._write(f"{self._done} of {notes}, {size_text(self._bytes)}, {calls}")


class _BarPrinter(_CountingPrinter):
    """Two bars: notes with the remaining time and the numbers of calls; bytes with their rate."""

    def __init__(self, options: ProgressOptions, err: TextIO) -> None:
        from tqdm import tqdm

        super().__init__(options, err)
        new_bar = partial(tqdm, total=0, file=err, dynamic_ncols=True, leave=False)
        self._note_bar = new_bar(unit="note", position=0)
        self._byte_bar = new_bar(unit="B", unit_scale=True, unit_divisor=1024, position=1)

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        self._note_bar.total, self._byte_bar.total = self._notes, self._expected
        self._note_bar.update(self._done - self._note_bar.n)
        self._byte_bar.update(self._bytes - self._byte_bar.n)
        if isinstance(event, Call):
            self._note_bar.set_postfix(calls=self._calls, paid=self._paid)
        elif isinstance(event, RunStarted):
            self._note_bar.refresh()

    def _write(self, line: str) -> None:
        self._note_bar.write(line, file=self._err)

    def close(self) -> None:
        self._byte_bar.close()
        self._note_bar.close()


def _is_problem(event: Event) -> bool:
    if isinstance(event, NoteFinished):
        return event.outcome in _PROBLEM_OUTCOMES and not event.known
    return isinstance(event, (Warned, AssetMissing))


def _line(event: Event, verbose: int) -> str:
    match event:
        case NoteFinished() if event.outcome is not Outcome.UNCHANGED or verbose:
            return _note_line(event)
        case AssetMissing():
            word = "doubtful" if event.reason in DOUBTFUL_REASONS else "missing"
            return f"  {event.note} {event.asset}: {word}, {event.reason}: {event.detail}"
        case Warned():
            return f"warning: {event.text}"
        case CandidateRefused() if verbose:
            return f"  {event.note} {event.asset}: {event.reason}: {event.detail}"
        case Call() if verbose:
            return (
                f"  {event.note} {event.endpoint} ({event.reason}): code {event.code}, billed: {event.billed}"
            )
        case _:
            return ""


def _note_line(event: NoteFinished) -> str:
    title = one_line(event.title)
    shown = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"
    what = counted(event.files, "file")
    gaps = f", {event.gaps} missing" if event.gaps else ""
    counts = f" ({what}{gaps})" if event.outcome in (Outcome.ARCHIVED, Outcome.PARTIAL) else ""
    detail = f": {event.detail}" if event.detail else ""
    named = f" {shown}" if shown else ""
    return f"{event.outcome:9} {event.note}{named}{counts}{detail}"


def report_text(report: RunFinished) -> str:
    """Return the report at the end of a run as one line for people."""
    notes = ", ".join(f"{count} {outcome}" for outcome, count in report.notes.items())
    left = f", {report.left} left" if report.left else ""
    bills = billing_text(report.billed, report.perhaps_billed, report.free)
    return f"{notes}{left}; {size_text(report.bytes)} fetched; {counted(report.calls, 'API call')} ({bills})"


def billing_text(billed: int, perhaps_billed: int, free: int) -> str:
    """Return the number of billed calls, and of perhaps billed and free ones if there are any."""
    perhaps = f", {perhaps_billed} perhaps billed" if perhaps_billed else ""
    return f"{billed} billed{perhaps}" + (f", {free} free" if free else "")


def bottleneck_text(report: RunFinished) -> str:
    """Return what the run waited for, as a line for people; "" if it downloaded nothing."""
    if not report.bound_by:
        return ""
    most = f"{_BOTTLENECK_NAMES[report.bound_by]} ({report.shares[report.bound_by]:.0%} of the time"
    others = sorted(report.shares.items(), key=lambda item: -item[1])
    parts = [
        f"{_BOTTLENECK_NAMES[name]} {share:.0%}"
        for name, share in others
        if name != report.bound_by and round(100 * share)
    ]
    return "bound by: " + (f"{most}; {', '.join(parts)})" if parts else f"{most})")


def size_text(size: int) -> str:
    """Return a number of bytes with a unit."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
