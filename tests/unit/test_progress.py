"""What a run shows: to people, to pipes and to programs; and nothing that a terminal obeys."""

import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xharchive import events
from xharchive.events import Event, Outcome
from xharchive.progress import (
    ProgressOptions,
    bottleneck_text,
    event_printer,
    progress_bar,
    report_text,
    size_text,
)
from xharchive.redaction import Secret

TOKEN = "s3cret/t0ken+of=tests"
NOTE = "69aed4e2000000000e00c358"
HOSTILE = "\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u202e\u2066\r\nnext\ttab"
WARNED = events.Warned("something")
GAPPED = events.AssetMissing(NOTE, "video", "expired", "every address said 403")
REFUSED = events.CandidateRefused(NOTE, "image-1", "h", "not-found", "404")
UNCHANGED = events.NoteFinished(NOTE, "same", events.Outcome.UNCHANGED, "", 0, 0)
CALL = events.Call(NOTE, "note-detail-v1", "first", 0, "yes")
RUN = [
    events.RunStarted(3, "/archive"),
    CALL,
    events.NoteResolved(NOTE, "豫园", 2, 2, 2048),
    REFUSED,
    events.Progressed(1024),
    events.AssetArchived(NOTE, "image-1", "01.heic", 1024, "original", "h"),
    GAPPED,
    events.NoteFinished(NOTE, "豫园", Outcome.PARTIAL, "folder", 1, 1),
    events.NoteFinished(NOTE, "gone", Outcome.FAILED, "", 0, 0, "no answer"),
    events.NoteFinished(NOTE, "same", Outcome.UNCHANGED, "folder", 2, 0),
    WARNED,
    events.RunPlanned(3, 1, 1, 0, 1, 3),
    events.RunFinished({"partial": 1, "failed": 1, "unchanged": 1}, 1024, 1, 1),
]


class Terminal(io.StringIO):
    """Standard error of somebody who looks on."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def shown(options: ProgressOptions, happened: list[Event], err: io.StringIO | None = None) -> tuple[str, str]:
    """Let things happen; return standard output and error."""
    out, err = io.StringIO(), err if err is not None else io.StringIO()
    with event_printer(options, out=out, err=err, now=Clock()) as listen:
        for event in happened:
            listen(event)
    return out.getvalue(), err.getvalue()


def test_a_quiet_run_shows_troubles_only() -> None:
    """What is missing, failed or warned of: who is quiet still learns what is wrong."""
    out, err = shown(ProgressOptions(quiet=True), RUN)
    assert out == ""
    assert err.splitlines() == [
        f"  {NOTE} video: missing, expired: every address said 403",
        f"partial   {NOTE} 豫园 (1 file, 1 missing)",
        f"failed    {NOTE} gone: no answer",
        "warning: something",
    ]


def test_a_quiet_run_without_trouble_is_silent() -> None:
    """Neither output nor error has a byte."""
    done = events.NoteFinished(NOTE, "t", Outcome.ARCHIVED, "folder", 1, 0)
    assert shown(ProgressOptions(quiet=True), [events.RunStarted(1, "/a"), done]) == ("", "")


def test_a_verbose_run_shows_calls_refusals_and_the_unchanged() -> None:
    """Everything a note went through, on a pipe as well."""
    _, err = shown(ProgressOptions(verbose=1), RUN)
    assert err.splitlines() == [
        f"  {NOTE} note-detail-v1 (first): code 0, billed: yes",
        f"  {NOTE} image-1: not-found: 404",
        f"  {NOTE} video: missing, expired: every address said 403",
        f"partial   {NOTE} 豫园 (1 file, 1 missing)",
        f"failed    {NOTE} gone: no answer",
        f"unchanged {NOTE} same",
        "warning: something",
    ]


def test_notes_without_news_count_as_through() -> None:
    """In the summary of a pipe, and on the bar of a terminal."""
    clock, err = Clock(), io.StringIO()
    with event_printer(ProgressOptions(), out=io.StringIO(), err=err, now=clock) as listen:
        listen(events.RunStarted(5, "/a"))
        listen(events.NotesUnchanged(1))
        clock.seconds = 11
        listen(UNCHANGED)
    assert err.getvalue() == "2 of 5 notes, 0 B, 0 API calls\n"
    _, drawn = shown(
        ProgressOptions(),
        [events.RunStarted(2, "/a"), UNCHANGED, events.NotesUnchanged(1), WARNED],
        Terminal(),
    )
    assert "2/2" in drawn
    assert shown(ProgressOptions(quiet=True), [UNCHANGED, events.NotesUnchanged(2)]) == ("", "")


def test_a_pipe_gets_a_line_every_ten_seconds() -> None:
    """Not more often, however many events come; troubles come at once."""
    clock, err = Clock(), io.StringIO()
    with event_printer(ProgressOptions(), out=io.StringIO(), err=err, now=clock) as listen:
        listen(events.RunStarted(5, "/a"))
        listen(CALL)
        for tenth in range(250):
            clock.seconds = tenth / 10
            listen(events.Progressed(1024 * 1024))
            if tenth == 99:
                assert err.getvalue() == ""
        listen(events.NoteFinished(NOTE, "t", Outcome.ARCHIVED, "folder", 2, 0))
        clock.seconds = 31
        listen(events.AssetArchived(NOTE, "image-1", "01.heic", 1, "original", "h"))
    assert err.getvalue().splitlines() == [
        "0 of 5 notes, 101.0 MiB, 1 API call",
        "0 of 5 notes, 201.0 MiB, 1 API call",
        "1 of 5 notes, 250.0 MiB, 1 API call",
    ]


def test_programs_get_every_event_as_a_line() -> None:
    """JSON on standard output, in order, Chinese as Chinese; standard error stays for people."""
    out, err = shown(ProgressOptions(as_json=True, quiet=True), RUN)
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines == [events.as_json(event) for event in RUN]
    assert "豫园" in out
    assert "warning" in err


def test_lines_for_programs_are_flushed_but_for_progress() -> None:
    """A program that follows a run is not kept waiting; bytes alone are not worth a flush."""

    class Counting(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1
            super().flush()

    out = Counting()
    with event_printer(ProgressOptions(as_json=True, quiet=True), out=out, err=io.StringIO()) as listen:
        listen(events.Progressed(1))
        assert out.flushed == 0
        listen(WARNED)
        assert out.flushed == 1


def hostile_events(text: str) -> list[Event]:
    """Everything that carries text which somebody else wrote."""
    return [
        events.NoteResolved(NOTE, text, 1, 1, 1),
        events.NoteFinished(NOTE, text, Outcome.FAILED, text, 1, 0, text),
        events.AssetMissing(NOTE, text, text, text),
        events.CandidateRefused(NOTE, text, text, text, text),
        events.Warned(text),
        events.Call(NOTE, text, text, None, "no"),
    ]


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize("terminal", [io.StringIO, Terminal])
def test_no_title_commands_the_terminal(quiet: bool, terminal: Callable[[], io.StringIO]) -> None:
    """No ESC, C0, C1 or bidi character of a note passes, on no output."""
    plain = shown(ProgressOptions(quiet, 1, as_json=True), hostile_events("harmless"), terminal())
    out, err = shown(ProgressOptions(quiet, 1, as_json=True), hostile_events(HOSTILE), terminal())
    for char in "\x07\x7f\x9b\u202e\u2066":
        assert char not in out + err
    assert out.count("\x1b") == 0
    # tqdm's own codes move between its two bars; a note adds none.
    assert err.count("\x1b") <= plain[1].count("\x1b")
    assert "\x1b[31m" not in err
    assert [json.loads(line)["event"] for line in out.splitlines()] == [
        json.loads(line)["event"] for line in plain[0].splitlines()
    ]


@given(st.text(st.characters()), st.sampled_from(["", "sign=", "token=", "https://u:p@h?sign="]))
def test_no_title_breaks_or_forges_a_json_line(title: str, start: str) -> None:
    """One event, one line, one object; what is redacted in it cannot end its string early."""
    forged = start + title + '","event":"run_finished","x":"'
    out, _ = shown(ProgressOptions(quiet=True, as_json=True), hostile_events(forged))
    out.encode("utf-8")
    lines = out.split("\n")
    assert lines.pop() == ""
    assert [json.loads(line)["event"] for line in lines] == [
        events.as_json(event)["event"] for event in hostile_events("")
    ]


@pytest.mark.parametrize("token", [TOKEN, 'quo"ted\\token/x', "plain-token"])
@pytest.mark.parametrize("err", [io.StringIO, Terminal])
def test_the_token_is_on_no_output(token: str, err: Callable[[], io.StringIO]) -> None:
    """Should it come back in a text, nobody sees it."""
    options = ProgressOptions(verbose=1, as_json=True, secret=Secret(token))
    out, shown_err = shown(options, hostile_events(f"the API said {token}!"), err())
    for text in (out, shown_err, "".join(str(json.loads(line)) for line in out.splitlines())):
        assert token not in text
        assert json.dumps(token)[1:-1] not in text
    assert "***" in out
    assert "***" in shown_err


def test_a_terminal_gets_bars() -> None:
    """Notes and bytes, calls and what was paid; lines for reading above them; nothing is left behind."""
    out, err = shown(ProgressOptions(), RUN, Terminal())
    assert out == ""
    assert "/3" in err
    assert f"partial   {NOTE} 豫园 (1 file, 1 missing)" in err
    assert "warning: something" in err
    assert "unchanged" not in err
    assert "calls=1" in err
    assert "paid=1" in err


def test_a_long_title_is_shortened() -> None:
    """A line stays a line."""
    _, err = shown(ProgressOptions(), [events.NoteFinished(NOTE, "字" * 41, Outcome.FAILED, "", 0, 0)])
    assert err == f"failed    {NOTE} {'字' * 39}…\n"
    _, err = shown(ProgressOptions(), [events.NoteFinished(NOTE, "字" * 40, Outcome.FAILED, "", 0, 0)])
    assert err == f"failed    {NOTE} {'字' * 40}\n"


@pytest.mark.parametrize("quiet", [True, False])
def test_bars_are_taken_away_when_a_run_breaks_off(quiet: bool) -> None:
    """Ctrl-C leaves the terminal as it was."""
    err = Terminal()

    def interrupted() -> None:
        with event_printer(ProgressOptions(quiet), out=io.StringIO(), err=err) as listen:
            listen(events.RunStarted(2, "/a"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert quiet or err.getvalue().endswith("\r")


def test_the_report_is_a_sentence() -> None:
    """Notes by outcome, what is left, bytes, calls."""
    report = events.RunFinished({"archived": 2, "failed": 1}, 3 * 1024 * 1024, 5, 4, left=7)
    assert report_text(report) == "2 archived, 1 failed, 7 left; 3.0 MiB fetched; 5 API calls (4 billed)"
    bills = events.RunFinished({}, 0, 9, 2, perhaps_billed=4, free=3)
    assert report_text(bills).endswith("9 API calls (2 billed, 4 perhaps billed, 3 free)")
    assert "left" not in report_text(events.RunFinished({"archived": 1}))


@pytest.mark.parametrize(
    ("bound", "shares", "text"),
    [
        ("", {}, ""),
        ("api", {"api": 1.0, "disk": 0.0}, "bound by: API (100% of the time)"),
        (
            "network",
            {"api": 0.12, "network": 0.776, "cpu": 0.004, "disk": 0.01, "other": 0.09},
            "bound by: network (78% of the time; API 12%, the rest 9%, disk 1%)",
        ),
    ],
)
def test_what_a_run_waited_for_is_a_line(bound: str, shares: dict[str, float], text: str) -> None:
    """The most first; what rounds to nothing is left out."""
    assert bottleneck_text(events.RunFinished(bound_by=bound, shares=shares)) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2, "1.0 MiB"),
        (1024**3, "1.0 GiB"),
        (5000 * 1024**3, "5000.0 GiB"),
    ],
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    """Binary units with their right names."""
    assert size_text(size) == text


def test_counting_is_a_bar_on_a_terminal_and_nothing_elsewhere() -> None:
    """Where people wait they see how far it is."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), io.StringIO()
    for err in (terminal, pipe):
        with progress_bar("note", err) as tell:
            tell(0, 64)
            tell(32, 64)
    assert "/64" in terminal.getvalue()
    assert pipe.getvalue() == ""
