"""What was paid for is on disk before it is read, stands in the ledger, and is never paid for again."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from support.scripted_api import Http, ScriptedApi, envelope, lines_of, resolving

import xharchive.api
from xharchive.demo.world import DemoWorld
from xharchive.errors import ArchiveError, NoteFailed, Refused
from xharchive.http import ApiResponse
from xharchive.parsers import Envelope, read_envelope

IMAGE_NOTE = "69aed4e2000000000e00c358"
VIDEO_NOTE = "69637d24000000001b01d5f2"


async def test_kept_replies_cost_nothing(api: ScriptedApi, tmp_path: Path) -> None:
    """A second resolver finds what the first one paid for, and says the same of the note."""
    async with resolving(api, tmp_path) as desk:
        first = await desk.resolve(VIDEO_NOTE)
    async with resolving(api, tmp_path) as desk:
        again = await desk.resolve(VIDEO_NOTE)
    assert len(api.calls) == 2
    assert again == first
    assert desk.told == []


async def test_replies_in_the_note_folder_cost_nothing_either(
    api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld
) -> None:
    """A committed note's own replies are as good as those of the work folder."""
    folder = tmp_path / "published" / "replies"
    folder.mkdir(parents=True)
    (folder / "v1.json").write_bytes(demo_world.reply("v1", IMAGE_NOTE))
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert api.calls == []


@pytest.mark.parametrize(
    "garbage",
    [b"", b"<html>", b'{"code": 0, "data": {"half', envelope(301), envelope(100), b"[]", b"\xff\xfe"],
)
async def test_a_kept_body_that_is_no_answer_is_asked_again(
    api: ScriptedApi, tmp_path: Path, garbage: bytes, demo_world: DemoWorld
) -> None:
    """A crash may have left a body that would have been dropped: it never stands for a reply."""
    kept = tmp_path / IMAGE_NOTE / "replies" / "v1.json"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(garbage)
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert api.calls == [f"v1 {IMAGE_NOTE}"]
    assert kept.read_bytes() == demo_world.reply("v1", IMAGE_NOTE)


async def test_a_kept_empty_reply_is_not_paid_for_twice(api: ScriptedApi, tmp_path: Path) -> None:
    """Code 0 without a note was billed; asking again would be billed again."""
    api.script = {"v1": [envelope(0)], "v6": [303]}
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(Refused):
            await desk.resolve(VIDEO_NOTE)
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(VIDEO_NOTE)
    assert [call.split()[0] for call in api.calls] == ["v1", "v6", "v6"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells files by Linux's /proc")
async def test_the_body_is_on_the_platter_before_anybody_reads_it(
    api: ScriptedApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    demo_world: DemoWorld,
    synced: list[Path],
) -> None:
    """Promise 2: written, fsynced, renamed, and the folder fsynced; only then is the envelope looked at."""
    seen_at_parsing: list[tuple[bytes, list[str]]] = []
    place = tmp_path / IMAGE_NOTE / "replies" / "v1.json"

    def watched(body: bytes) -> Envelope:
        seen_at_parsing.append((place.read_bytes(), [path.name for path in synced]))
        return read_envelope(body)

    monkeypatch.setattr(xharchive.api, "read_envelope", watched)
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
    on_disk, synced_by_then = seen_at_parsing[0]
    assert on_disk == demo_world.reply("v1", IMAGE_NOTE)
    order = [name for name in synced_by_then if name in ("ledger.jsonl", "v1.json.tmp", "replies")]
    assert order == ["ledger.jsonl", "v1.json.tmp", "replies"]
    assert synced[-1].name == "ledger.jsonl"


async def test_intent_before_the_request_and_outcome_after(api: ScriptedApi, tmp_path: Path) -> None:
    """When a request arrives, its intent already stands in the ledger, without an outcome."""
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(VIDEO_NOTE)
    assert [[line["event"] for line in lines] for lines in api.ledger_at_request] == [
        ["intent"],
        ["intent", "outcome", "intent"],
    ]
    first, settled, *_ = desk.ledger
    assert first == {
        "at": "2026-01-02T00:00:00.000+00:00",
        "event": "intent",
        "call": "run-1",
        "note": VIDEO_NOTE,
        "endpoint": "v1",
        "reason": "first",
    }
    assert settled["call"] == "run-1"
    assert desk.outcomes == [(0, 200, "yes"), (0, 200, "yes")]


async def test_without_a_ledger_nothing_is_sent(api: ScriptedApi, tmp_path: Path) -> None:
    """A ledger that cannot be written stops the run before money is spent."""
    async with resolving(api, tmp_path) as desk:
        (tmp_path / "ledger.jsonl").mkdir()
        api.ledger = None
        with pytest.raises(ArchiveError, match="ledger"):
            await desk.resolve(IMAGE_NOTE)
    assert api.calls == []


async def test_a_reply_that_cannot_be_kept_aborts(api: ScriptedApi, tmp_path: Path) -> None:
    """A full or broken disk is no reason to go on paying."""
    (tmp_path / IMAGE_NOTE).mkdir()
    (tmp_path / IMAGE_NOTE / "replies").write_text("in the way")
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(ArchiveError, match="replies"):
            await desk.resolve(IMAGE_NOTE)
    assert len(api.calls) == 1
    assert [line["event"] for line in desk.ledger] == ["intent"]


async def test_a_bodys_error_is_not_kept(api: ScriptedApi, tmp_path: Path) -> None:
    """What was no answer and cost nothing leaves no file behind; what came after it does."""
    api.script["v1"] = [301, b"<html>", Http(502, b"bad gateway")]
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(NoteFailed):
            await desk.resolve(IMAGE_NOTE)
    assert set(desk.kept(IMAGE_NOTE)) == {"v6", "pgy"}


async def test_an_interrupted_call_stays_an_intent(
    api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled call may have been billed: the ledger holds an intent without an outcome."""
    asked = asyncio.Event()

    async def never(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    async with resolving(api, tmp_path) as desk:
        monkeypatch.setattr(desk.resolver._api._transport, "api_get", never)
        monkeypatch.setattr(
            desk.resolver._api, "_options", replace(desk.resolver._api._options, patience=0.0)
        )
        resolving_it = asyncio.create_task(desk.resolve(IMAGE_NOTE))
        await asked.wait()
        resolving_it.cancel()
        with pytest.raises(asyncio.CancelledError):
            await resolving_it
    assert [line["event"] for line in lines_of(tmp_path / "ledger.jsonl")] == ["intent"]


async def test_an_interruption_waits_for_the_answer_of_a_call_under_way(
    api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a paid call is out: its reply is kept and settled, and the next run pays nothing."""
    asked, answered = asyncio.Event(), asyncio.Event()
    async with resolving(api, tmp_path) as desk:
        transport = desk.resolver._api._transport
        ask = transport.api_get

        async def slowly(path: str, parameters: dict[str, str]) -> ApiResponse:
            asked.set()
            await answered.wait()
            return await ask(path, parameters)

        monkeypatch.setattr(transport, "api_get", slowly)
        resolving_it = asyncio.create_task(desk.resolve(IMAGE_NOTE))
        await asked.wait()
        resolving_it.cancel()
        await asyncio.sleep(0)
        answered.set()
        with pytest.raises(asyncio.CancelledError):
            await resolving_it
        assert set(desk.kept(IMAGE_NOTE)) == {"v1"}
        assert (await desk.resolve(IMAGE_NOTE)).note is not None
    assert [line["event"] for line in lines_of(tmp_path / "ledger.jsonl")] == ["intent", "outcome"]
    assert len(api.calls) == 1


async def test_an_interruption_hides_what_else_went_wrong(
    api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call fails while the run is being stopped: the stop stands, and nothing is left unseen."""
    asked, broken = asyncio.Event(), asyncio.Event()

    async def break_off(*_: object) -> ApiResponse:
        asked.set()
        await broken.wait()
        raise ArchiveError("the disk is full")

    async with resolving(api, tmp_path) as desk:
        monkeypatch.setattr(desk.resolver._api._transport, "api_get", break_off)
        resolving_it = asyncio.create_task(desk.resolve(IMAGE_NOTE))
        await asked.wait()
        resolving_it.cancel()
        await asyncio.sleep(0)
        broken.set()
        with pytest.raises(asyncio.CancelledError):
            await resolving_it


async def test_a_fresh_reply_that_a_crash_left_counts(
    api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld
) -> None:
    """Killed between the paid answer and its taking over: it counts now, behind the older one."""
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
        shelf = desk.shelf(IMAGE_NOTE)
        old = desk.kept(IMAGE_NOTE)["v1"]
        await shelf.incoming.save("v1", old + b" ")
        found = await desk.resolve(IMAGE_NOTE)
    assert len(api.calls) == 1
    assert {entry.path: entry.outcome for entry in found.replies} == {
        "replies/v1.json": "note",
        "replies/v1.2.json": "renewal",
    }
    kept = desk.kept(IMAGE_NOTE)
    assert (kept["v1"], kept["v1.2"]) == (old, old + b" ")


async def test_a_fresh_reply_without_the_note_is_forgotten(api: ScriptedApi, tmp_path: Path) -> None:
    """An empty answer, or half a file: the older reply stands."""
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(IMAGE_NOTE)
        old = desk.kept(IMAGE_NOTE)["v1"]
        for body in (envelope(0, []), b"{"):
            await desk.shelf(IMAGE_NOTE).incoming.save("v1", body)
            found = await desk.resolve(IMAGE_NOTE)
            assert [entry.outcome for entry in found.replies] == ["note"]
    assert desk.kept(IMAGE_NOTE) == {"v1": old}
    assert len(api.calls) == 1
