"""How a run ends: deliberate errors come out as they are, whatever task groups they went through."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.fake_world import FakeWorld

from xharchive.archive import Archive
from xharchive.download import Fetcher
from xharchive.errors import ArchiveError, UsageError, first_error
from xharchive.events import Event, NoteFinished, Outcome, RunFinished, RunStarted
from xharchive.host_allowlist import AllowList, HostOverride
from xharchive.http import TransportOptions
from xharchive.images import Converter, ConvertOptions, DecodedImage, DecodeStatus, ImageFormat
from xharchive.models import NoteId, NoteType
from xharchive.redaction import Secret
from xharchive.retry import RetryPolicy
from xharchive.run import ArchiveOptions, Archiver

LIVE_NOTE = NoteId("69aed4e2000000000e00c358")
KEY_ONLY_NOTE = NoteId("694c7be6000000002200e19b")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Archive]:
    """A store whose lock is held, and what it holds."""
    store = Archive(tmp_path / "archive")
    with store.held(), store.opened():
        yield store


def options(world: FakeWorld) -> ArchiveOptions:
    """Settings that lead to the world, with no pauses."""
    borders = AllowList(overrides=(HostOverride("*", "127.0.0.1", world.port),))
    transport = TransportOptions(api_base=world.api_base, token=Secret("t0ken"), borders=borders)
    return ArchiveOptions(transport, ConvertOptions(ImageFormat.KEEP, workers=1), RetryPolicy(0, 0.0))


async def test_the_python_api_archives_and_reports(world: FakeWorld, held: Archive) -> None:
    """The report is the last event and the return value; a second run finds all unchanged."""
    store = held
    heard: list[Event] = []
    report = await Archiver(store, options(world)).archive([LIVE_NOTE], heard.append)
    assert heard[0] == RunStarted(1, str(store.root))
    assert heard[-1] is report
    assert report.notes["archived"] == 1
    again = await Archiver(store, options(world)).archive([LIVE_NOTE])
    assert again == RunFinished({**again.notes, "unchanged": 1, "archived": 0})


@pytest.mark.parametrize(
    "problem", [ArchiveError("the disk is full"), UsageError("no worker starts"), RuntimeError("a bug")]
)
async def test_what_ends_a_run_comes_out_alone(
    world: FakeWorld,
    held: Archive,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
) -> None:
    """Raised deep inside two task groups, by several tasks at once: one plain error, no group.

    A disk that fails ends the run with a report of what was done, as an interruption does.
    """
    store = held

    async def fail(*_: object) -> None:
        raise problem

    monkeypatch.setattr(Fetcher, "fetch", fail)
    heard: list[Event] = []
    with pytest.raises(type(problem), match=str(problem)) as raised:
        await Archiver(store, options(world)).archive([LIVE_NOTE, KEY_ONLY_NOTE], heard.append)
    assert raised.value is problem
    assert not any(isinstance(event, NoteFinished) for event in heard)
    assert any(isinstance(event, RunFinished) for event in heard) is isinstance(problem, ArchiveError)


async def test_a_deliberate_error_beats_a_bug_that_came_with_it(
    world: FakeWorld, held: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two errors in one group the user hears the one with a sentence for him."""
    store = held

    async def fail(_fetcher: object, order: object) -> None:
        if str(order.asset.slot) == "image-1":  # type: ignore[attr-defined]
            raise RuntimeError("a bug")
        raise ArchiveError("the disk is full")

    monkeypatch.setattr(Fetcher, "fetch", fail)
    with pytest.raises(ArchiveError, match="disk is full"):
        await Archiver(store, options(world)).archive([LIVE_NOTE])


class _Endless:
    """A list of 10**9 notes, made as it is read."""

    taken = 0

    def __len__(self) -> int:
        return 10**9

    def __iter__(self) -> Iterator[NoteId]:
        while True:
            self.taken += 1
            yield NoteId(f"{self.taken:024x}")

    def hint(self, _note_id: NoteId) -> NoteType:
        return NoteType.UNKNOWN


async def test_the_list_is_not_read_ahead_of_the_work(world: FakeWorld, held: Archive) -> None:
    """When the API refuses, the rest of an endless list is never looked at."""
    store = held
    world.script["127.0.0.1", "/api/"] = "Q"
    notes = _Endless()
    report = await Archiver(store, options(world)).archive(notes)
    assert "quota" in report.stopped
    assert notes.taken <= 4
    assert len(world.calls) <= 3
    assert report.left == 10**9


async def test_settled_notes_are_told_of_one_by_one(world: FakeWorld, held: Archive) -> None:
    """Known ones cost nothing: unchanged, or known to be empty."""
    store = held
    empty = NoteId("6a064da2000000001c03e8d7")
    await Archiver(store, options(world)).archive([LIVE_NOTE, empty])
    calls = len(world.calls)
    heard: list[Event] = []
    await Archiver(store, options(world)).archive([LIVE_NOTE, empty], heard.append)
    ends = [event for event in heard if isinstance(event, NoteFinished)]
    assert [end.outcome for end in ends] == [Outcome.UNCHANGED, Outcome.EMPTY]
    assert ends[1].detail == "known to be empty"
    assert len(world.calls) == calls


@pytest.mark.parametrize("image_format", [ImageFormat.JPEG, ImageFormat.KEEP])
async def test_a_decoder_that_died_once_does_not_leave_a_note_partial_for_ever(
    world: FakeWorld,
    held: Archive,
    monkeypatch: pytest.MonkeyPatch,
    image_format: ImageFormat,
) -> None:
    """The worker was killed (memory was short): the original is kept; a later run decodes it and is done."""
    store = held
    settings = replace(options(world), convert=ConvertOptions(image_format, workers=1))

    async def died(*_: object) -> DecodedImage:
        return DecodedImage(DecodeStatus.DIED, "the worker was killed")

    with monkeypatch.context() as patch:
        patch.setattr(Converter, "examine", died)
        report = await Archiver(store, settings).archive([LIVE_NOTE])
    assert report.notes["partial"] == 1
    asked = len(world.seen)
    report = await Archiver(store, settings).archive([LIVE_NOTE])
    assert report.notes["archived"] == 1
    assert len(world.seen) == asked, "the original was there: nothing had to be asked"
    holding = store.find(LIVE_NOTE)
    assert holding is not None
    assert holding.is_done


def test_errors_in_groups_are_found_however_deep() -> None:
    """The unwrapping itself: nested groups, a deliberate error first, else the first of all."""
    deep = ExceptionGroup("a", [ValueError("x"), ExceptionGroup("b", [ArchiveError("full")])])
    assert str(first_error(deep)) == "full"
    assert str(first_error(ExceptionGroup("a", [ExceptionGroup("b", [ValueError("x")])]))) == "x"
