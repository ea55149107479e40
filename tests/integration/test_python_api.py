"""`Archiver`: what the commands do, from Python; the examples of the guide are run."""

import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from support.command import manifests, run
from support.fake_world import FakeWorld

from xharchive.api.ledger import Ledger
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError, UsageError
from xharchive.events import Event, NoteFinished, RunFinished
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import TransportOptions
from xharchive.images import ConvertOptions, ImageFormat
from xharchive.parsers.listing_endpoints import search
from xharchive.retry import RetryPolicy
from xharchive.run import ArchiveOptions, Archiver

GUIDE = Path(__file__).parents[2] / "docs" / "guide.md"
NOTE, OTHER = "69aed4e2000000000e00c358", "6a63481c000000000e02a9d5"
TOKEN = "s3cret/t0ken+of=tests"


@pytest.fixture
def make_options(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> "partial[ArchiveOptions]":
    """Make settings that lead to the fake world; the defaults do too."""
    borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", world.port),))
    transport = TransportOptions(api_base=world.api_base, borders=borders)
    made = partial(
        ArchiveOptions,
        transport=transport,
        convert=ConvertOptions(ImageFormat.KEEP, workers=1),
        retry=RetryPolicy(1, 0.01),
    )
    monkeypatch.setattr("xharchive.run.archiver.ArchiveOptions", made)
    monkeypatch.setattr("xharchive.run.ArchiveOptions", made)
    return made


def examples() -> list[str]:
    section = GUIDE.read_text("utf-8").partition("### Use it from Python\n")[2].partition("\n### ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize(
    ("place", "notes", "words"), [(0, 2, "archived: 2 missing: 0"), (1, 1, "stopped: no")]
)
def test_the_examples_of_the_guide_run(
    make_options: "partial[ArchiveOptions]",
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: int,
    notes: int,
    words: str,
) -> None:
    """As they stand there, but for the hosts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XHARCHIVE_TOKEN", TOKEN)
    exec(compile(examples()[place], "docs/guide.md", "exec"), {"__name__": "example"})  # noqa: S102 - our own
    assert words in capsys.readouterr().out
    assert len(manifests(tmp_path / "notes")) == notes


async def test_events_and_report_are_those_of_the_command(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path
) -> None:
    """The report is the last event; the archive is one that the commands know, without a second call."""
    heard: list[Event] = []
    async with Archiver.open(tmp_path / "a", TOKEN) as archiver:
        report = await archiver.archive([NOTE, NOTE], heard.append)
        again = await archiver.archive([NOTE])
    assert heard[-1] is report
    assert isinstance(report, RunFinished)
    assert [event.note for event in heard if isinstance(event, NoteFinished)] == [NOTE]
    assert (report.notes["archived"], again.notes["unchanged"], again.calls) == (1, 1, 0)
    assert run(["verify", "-d", tmp_path / "a"]).code == 0
    assert len(world.calls) == 1


async def test_stages_share_one_budget(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path
) -> None:
    """A second `archive` has what the first one left: nothing."""
    async with Archiver.open(tmp_path / "a", TOKEN, make_options(max_calls=1)) as archiver:
        first = await archiver.archive([NOTE])
        second = await archiver.archive([OTHER])
    assert (first.notes["archived"], second.notes["archived"], second.left) == (1, 0, 1)
    assert "the budget of 1 API call" in second.stopped
    assert len(world.calls) == 1


async def test_a_plan_sends_nothing(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path
) -> None:
    async with Archiver.open(tmp_path / "a", TOKEN) as archiver:
        plan = await archiver.plan([NOTE, f"https://www.xiaohongshu.com/explore/{OTHER}"])
    assert (plan.notes, plan.calls) == (2, 2)
    assert world.seen == []


@pytest.mark.parametrize("text", ["69aed4e2", "https://example.org/x", "http://xhslink.com/a/AbCdEf"])
async def test_a_text_that_names_no_note_is_refused(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path, text: str
) -> None:
    """Before anything is sent, the other notes of the list included."""
    async with Archiver.open(tmp_path / "a", TOKEN) as archiver:
        with pytest.raises(UsageError):
            await archiver.archive([NOTE, text])
    assert world.seen == []


async def test_an_archive_has_one_archiver(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path
) -> None:
    """The lock is that of the commands."""
    async with Archiver.open(tmp_path / "a", TOKEN):
        with pytest.raises(ArchiveError):
            async with Archiver.open(tmp_path / "a", TOKEN):
                pass
    async with Archiver.open(tmp_path / "a", TOKEN) as archiver:
        assert (await archiver.archive([NOTE])).notes["archived"] == 1


async def test_an_interrupted_call_is_not_repeated_unasked(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path
) -> None:
    """It may have been billed: the note is held back until the program says to call again."""
    state = tmp_path / "a" / ".xharchive"
    state.mkdir(parents=True)
    await Ledger(ArchivePath(state) / "ledger.jsonl", "killed", lambda: datetime.now(UTC)).record_intent(
        NOTE, "v1", "first"
    )
    async with Archiver.open(tmp_path / "a", TOKEN) as archiver:
        report = await archiver.archive([NOTE])
        assert (report.held_back, world.calls) == (1, [])
        archiver.skip({})
        assert (await archiver.archive([NOTE])).notes["archived"] == 1


async def test_an_empty_token_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="token is empty"):
        async with Archiver.open(tmp_path / "a", "\n"):
            pass
    assert not (tmp_path / "a").exists()


async def test_a_closed_listing_is_asked_for_again(
    world: FakeWorld, make_options: "partial[ArchiveOptions]", tmp_path: Path
) -> None:
    """An open one continues from its saved pages without a call."""
    sources = search("demo")
    calls = []
    async with Archiver.open(tmp_path / "a", TOKEN) as archiver:
        for close in (False, True, False):
            async with archiver.listing(sources, max_pages=1) as listing:
                assert [note async for note in listing.notes]
            calls.append(len(world.calls))
            if close:
                archiver.close_listing(sources)
    assert calls == [1, 1, 2]
