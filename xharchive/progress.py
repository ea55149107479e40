"""Draws the events of a run: bars on a terminal, a line every ten seconds on a pipe, JSON lines for programs.

Everything for people goes to standard error; standard output carries events (`--json`) or nothing.
"""

import codecs
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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

__all__ = [
    "ProgressOptions",
    "bills_text",
    "bounds_text",
    "counting",
    "json_line",
    "json_text",
    "listening",
    "report_text",
    "safe_json",
    "size_text",
    "write_above_bars",
]

# What JSON lets through although a terminal obeys it, or no encoding can hold it (none is beyond U+FFFF).
_UNPRINTABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_TROUBLE = frozenset((Outcome.PARTIAL, Outcome.EMPTY, Outcome.FAILED))
_EVERY = 10.0
_TITLE = 40
_BOUNDS = {"api": "API", "network": "network", "cpu": "CPU", "disk": "disk", "other": "the rest"}


@dataclass(frozen=True, slots=True)
class ProgressOptions:
    """How much is shown: troubles only (`quiet`), refusals and calls too (`verbose`), JSON (`as_json`)."""

    quiet: bool = False
    verbose: int = 0
    as_json: bool = False
    secret: Secret = field(default_factory=lambda: Secret(""))


@contextmanager
def listening(
    options: ProgressOptions, *, out: TextIO, err: TextIO, now: Callable[[], float] = time.monotonic
) -> Iterator[Listener]:
    """Yield a listener that draws to `err`, and writes JSON lines to `out` if asked to; `now` in seconds."""
    drawer: _Silent | _Bars | _Lines
    if options.quiet:
        drawer = _Silent(options, err)
    elif err.isatty():
        drawer = _Bars(options, err)
    else:
        drawer = _Lines(options, err, now)

    def listen(event: Event) -> None:
        if options.as_json:
            out.write(json_line(_redacted(event, options.secret), out))
            if not isinstance(event, Progressed):
                out.flush()
        drawer.draw(event)

    try:
        yield listen
    finally:
        drawer.close()


@contextmanager
def counting(unit: str, err: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Yield what is told how many of how many are through: a bar on a terminal, nothing elsewhere."""
    if not err.isatty():
        yield lambda _through, _of: None
        return
    from tqdm import tqdm

    with tqdm(unit=f" {unit}", file=err, leave=False, dynamic_ncols=True) as bar:

        def tell(through: int, of: int) -> None:
            bar.total = of
            bar.update(through - bar.n)
            bar.refresh()

        yield tell


def write_above_bars(text: str, err: TextIO) -> None:
    """Write a line, above the bars if there are any on the terminal."""
    if not err.isatty():
        err.write(f"{text}\n")
        return
    from tqdm import tqdm

    tqdm.write(text, file=err)


def _redacted(event: Event, secret: Secret) -> dict[str, object]:
    # Values are redacted, not the line: a mark that swallows a backslash would end a JSON string early.
    return {
        name: redact(value, secret) if isinstance(value, str) else value
        for name, value in as_json(event).items()
    }


def json_line(record: Mapping[str, object], out: TextIO | None = None) -> str:
    """Return one JSON line that is safe to print on `out`, else on standard output."""
    return json_text(record, out) + "\n"


def json_text(record: Mapping[str, object], out: TextIO | None = None, indent: int | None = None) -> str:
    """Return JSON that is safe to print: what a terminal might obey is escaped.

    All but ASCII is, if `out` (else standard output) is not written in UTF-8: no character is lost to it.
    """
    return safe_json(json.dumps(record, ensure_ascii=False, indent=indent), out)


def safe_json(text: str, out: TextIO | None = None) -> str:
    """Return JSON text that says the same and is safe to print, as `json_text` makes it."""
    if not _holds_all(out or sys.stdout):
        text = _BEYOND_ASCII.sub(lambda char: json.dumps(char[0])[1:-1], text)
    return _UNPRINTABLE.sub(lambda char: f"\\u{ord(char[0]):04x}", text)


def _holds_all(out: TextIO) -> bool:
    encoding: str | None = out.encoding  # a StringIO has none
    return encoding is None or codecs.lookup(encoding).name == "utf-8"


class _Silent:
    """Shows what went wrong, and nothing else."""

    def __init__(self, options: ProgressOptions, err: TextIO) -> None:
        self._options = options
        self._err = err

    def draw(self, event: Event) -> None:
        """Show the event."""
        if (self._options.verbose or _is_trouble(event)) and (line := _line(event, self._options.verbose)):
            self._write(line)

    def _write(self, line: str) -> None:
        self._err.write(redact(printable(line), self._options.secret) + "\n")
        self._err.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""


class _Lines(_Silent):
    """For pipes and logs: what went wrong at once, and a summary every ten seconds."""

    def __init__(self, options: ProgressOptions, err: TextIO, now: Callable[[], float]) -> None:
        super().__init__(options, err)
        self._now = now
        self._last = now()
        self._notes = 0
        self._through = 0
        self._bytes = 0
        self._calls = 0

    def draw(self, event: Event) -> None:
        """Show the event, and the summary if it is time."""
        super().draw(event)
        match event:
            case RunStarted():
                self._notes = event.notes
            case NoteFinished():
                self._through += 1
            case NotesUnchanged():
                self._through += event.notes
            case Progressed():
                self._bytes += event.bytes
            case Call():
                self._calls += 1
            case _:
                pass
        if self._now() - self._last >= _EVERY:
            self._last = self._now()
            self._write(
                f"{self._through} of {counted(self._notes, 'note')}, {size_text(self._bytes)}, "
                f"{counted(self._calls, 'API call')}"
            )


class _Bars(_Silent):
    """Two bars: notes with the time left, and bytes with their rate; calls paid so far beside them."""

    def __init__(self, options: ProgressOptions, err: TextIO) -> None:
        from tqdm import tqdm

        super().__init__(options, err)
        self._calls: Counter[str] = Counter()
        self._note_bar = tqdm(total=0, unit="note", file=err, position=0, dynamic_ncols=True, leave=False)
        self._byte_bar = tqdm(
            total=0,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            file=err,
            position=1,
            dynamic_ncols=True,
            leave=False,
        )

    def draw(self, event: Event) -> None:
        """Move the bars; lines that must be read appear above them."""
        super().draw(event)
        match event:
            case RunStarted():
                self._note_bar.total = event.notes
                self._note_bar.refresh()
            case NoteFinished():
                self._note_bar.update()
            case NotesUnchanged():
                self._note_bar.update(event.notes)
            case NoteResolved():
                self._byte_bar.total = (self._byte_bar.total or 0) + event.bytes
            case Progressed():
                self._byte_bar.update(event.bytes)
            case Call():
                self._calls[event.billed] += 1
                self._note_bar.set_postfix(calls=sum(self._calls.values()), paid=self._calls["yes"])
            case _:
                pass

    def _write(self, line: str) -> None:
        self._note_bar.write(redact(printable(line), self._options.secret), file=self._err)

    def close(self) -> None:
        """Take the bars away."""
        self._byte_bar.close()
        self._note_bar.close()


def _is_trouble(event: Event) -> bool:
    if isinstance(event, NoteFinished):
        return event.outcome in _TROUBLE and not event.known
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
    shown = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
    what = counted(event.files, "file")
    gaps = f", {event.gaps} missing" if event.gaps else ""
    counts = f" ({what}{gaps})" if event.outcome in (Outcome.ARCHIVED, Outcome.PARTIAL) else ""
    detail = f": {event.detail}" if event.detail else ""
    named = f" {shown}" if shown else ""
    return f"{event.outcome:9} {event.note}{named}{counts}{detail}"


def report_text(report: RunFinished) -> str:
    """Return the end report as one or two lines for people."""
    notes = ", ".join(f"{count} {outcome}" for outcome, count in report.notes.items())
    left = f", {report.left} left" if report.left else ""
    bills = bills_text(report.billed, report.perhaps_billed, report.free)
    return f"{notes}{left}; {size_text(report.bytes)} fetched; {counted(report.calls, 'API call')} ({bills})"


def bills_text(billed: int, perhaps_billed: int, free: int) -> str:
    """Return how many calls were billed, and how many perhaps or not at all where there are any."""
    perhaps = f", {perhaps_billed} perhaps billed" if perhaps_billed else ""
    return f"{billed} billed{perhaps}" + (f", {free} free" if free else "")


def bounds_text(report: RunFinished) -> str:
    """Return what the run waited for, as a line for people; "" if nothing was fetched."""
    if not report.bound_by:
        return ""
    most = f"{_BOUNDS[report.bound_by]} ({report.shares[report.bound_by]:.0%} of the time"
    others = sorted(report.shares.items(), key=lambda item: -item[1])
    told = [
        f"{_BOUNDS[name]} {share:.0%}"
        for name, share in others
        if name != report.bound_by and round(100 * share)
    ]
    return "bound by: " + (f"{most}; {', '.join(told)})" if told else f"{most})")


def size_text(size: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
