"""The loop over candidates: who is asked, and what is said in the end."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.declared_assets import ranked
from support.fake_world import FakeWorld
from support.fetch_counter import MIRRORS, NOTE, STREAM, V8, V10, bad, counter, good

from xharchive.archive_path import ArchivePath
from xharchive.download import undecoded_path
from xharchive.errors import ArchiveError
from xharchive.events import Progressed
from xharchive.images import Converter, DecodedImage, DecodeStatus
from xharchive.images.pool import WorkBudget
from xharchive.media import AssetKind
from xharchive.models import Candidate, Quality
from xharchive.parsers import ENDPOINTS, read_envelope, read_note


async def test_the_first_good_candidate_is_taken(world: FakeWorld, tmp_path: Path) -> None:
    """One request, the file's bytes, their digest, and a record of where they came from."""
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(MIRRORS))
    assert world.media == [f"{V8}{STREAM}"]
    assert fetched.body.sha256 == world.world.sha256(NOTE.text, "live-1")
    assert (fetched.body.origin.host, fetched.body.origin.path, fetched.refused) == (V8, STREAM, ())
    assert fetched.proof.checks == ("length", "structure")
    assert fetched.at == datetime(2026, 1, 2, tzinfo=UTC)
    assert sum(event.bytes for event in desk.events if isinstance(event, Progressed)) == fetched.body.size


async def test_nothing_to_ask_is_said(world: FakeWorld, tmp_path: Path) -> None:
    """An asset without any address is a gap of its own kind."""
    async with counter(world, tmp_path) as desk:
        assert bad(await desk.fetch(())).reason == "no-source"
    assert world.media == []


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        ("4", "not-found"),
        ("H", "not-media"),
        ("W", "wrong-kind"),
        ("R", "outside-borders"),
        ("L", "bad-answer"),
    ],
)
async def test_what_will_not_pass_gives_way_at_once(
    world: FakeWorld, tmp_path: Path, letter: str, reason: str
) -> None:
    """No pause and no second try: the mirror has it."""
    world.script[V8, STREAM] = letter
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(MIRRORS))
    assert fetched.body.origin.host == V10
    assert [(refusal.host, refusal.reason) for refusal in fetched.refused] == [(V8, reason)]
    assert desk.waits == []
    assert world.count(V8, STREAM) == (6 if letter == "L" else 1)


@pytest.mark.parametrize(
    ("letter", "reason"), [("5", "busy"), ("n", "cut"), ("X", "cut"), ("Z", "zero-bytes")]
)
async def test_what_may_pass_is_asked_again_when_the_mirrors_have_failed_too(
    world: FakeWorld, tmp_path: Path, letter: str, reason: str
) -> None:
    """Both mirrors fail once: a pause, then the first again, and nothing is held against it."""
    world.script = {(V8, STREAM): f"{letter}o", (V10, STREAM): f"{letter}o"}
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(MIRRORS))
    assert desk.refused == [("sns-v8", reason), ("sns-v10", reason)]
    assert fetched.body.origin.host == V8
    assert [refusal.host for refusal in fetched.refused] == [V10]
    assert len(desk.waits) == 1
    assert 0.5 <= desk.waits[0] <= 1.0


async def test_when_all_fails_the_most_telling_reason_is_told(world: FakeWorld, tmp_path: Path) -> None:
    """A 404 says more than a busy host; everything that was tried is listed, without queries."""
    world.script = {(V8, STREAM): "5", (V10, STREAM): "4"}
    async with counter(world, tmp_path, retries=1) as desk:
        unfetched = bad(await desk.fetch(MIRRORS))
    assert unfetched.reason == "not-found"
    assert unfetched.detail == f"all 2 addresses failed; {V10} answered 404: it does not have the file"
    assert [(refusal.host, refusal.path) for refusal in unfetched.tried] == [(V8, STREAM), (V10, STREAM)]
    assert world.count(V10, STREAM) == 1


async def test_a_403_is_asked_once_more_with_a_referer(world: FakeWorld, tmp_path: Path) -> None:
    """One codebase needs it; if that does not help, the mirror is next (docs/api.md#delivery)."""
    world.script[V8, STREAM] = "3o"
    async with counter(world, tmp_path) as desk:
        good(await desk.fetch(MIRRORS))
    assert [seen.headers.get("Referer") for seen in world.seen] == [None, "https://www.xiaohongshu.com/"]
    assert desk.refused == []


async def test_other_statuses_are_told_as_they_are(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part nobody asked for, a teapot, a broken gateway: none of them is a file."""
    async with counter(world, tmp_path, retries=0) as desk:
        for status, reason in ((206, "http-status"), (418, "http-status"), (204, "http-status")):
            monkeypatch.setattr("xharchive.http.StreamResponse.__init__", _with_status(status))
            assert bad(await desk.fetch(MIRRORS[:1])).reason == reason
        monkeypatch.setattr("xharchive.http.StreamResponse.__init__", _with_status(502))
        unfetched = bad(await desk.fetch(MIRRORS[:1]))
    assert unfetched.reason == "server-error"
    assert unfetched.detail == f"the only address failed; {V8} answered 502"
    assert not (tmp_path / "x.part").exists()


def _with_status(status: int) -> object:
    def make(incoming: object, _response: object, host: str, *_more: object) -> None:
        for name in ("retry_after", "length", "span"):
            setattr(incoming, name, None)
        for name, value in (("host", host), ("status", status)):
            setattr(incoming, name, value)

    return make


async def test_the_declared_size_must_be_right(world: FakeWorld, tmp_path: Path) -> None:
    """One try more, in case the transfer was at fault; then the next candidate."""
    wrong = replace(MIRRORS[0], size=7)
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch((wrong, MIRRORS[1])))
    assert fetched.body.origin.host == V10
    assert [refusal.reason for refusal in fetched.refused] == ["size-differs"]


async def test_a_disk_that_fails_ends_it_all(world: FakeWorld, tmp_path: Path) -> None:
    """No other candidate is asked for a disk's sake."""
    async with counter(world, tmp_path / "gone") as desk:
        with pytest.raises(ArchiveError):
            await desk.fetch(MIRRORS)
    assert len(world.media) == 1


async def test_videos_go_before_pictures(world: FakeWorld, tmp_path: Path) -> None:
    """The long transfers first: with one place, the video overtakes the waiting motion."""
    async with counter(world, tmp_path, places=1) as desk:
        async with desk.slots.acquire(0):
            waiting = []
            for kind, host in ((AssetKind.LIVE, V10), (AssetKind.VIDEO, V8)):
                candidate = Candidate(f"https://{host}{STREAM}", Quality.RENDITION, "f")
                waiting.append(asyncio.create_task(desk.fetch((candidate,), kind)))
                await asyncio.sleep(0)
        for outcome in await asyncio.gather(*waiting):
            good(outcome)
    assert [seen.host for seen in world.seen] == [V8, V10]


def picture_candidates(world: FakeWorld) -> tuple[Candidate, ...]:
    """The plan for the note's first picture."""
    reply = read_envelope(world.world.reply("v1", NOTE.text))
    note = read_note(reply, ENDPOINTS["v1"], NOTE)
    return ranked(next(asset for asset in note.assets if asset.slot.kind is AssetKind.IMAGE))


async def test_a_picture_is_decoded_before_it_counts(world: FakeWorld, tmp_path: Path) -> None:
    """The proof says so, and knows its pixels; a stale derivative is no obstacle."""
    (tmp_path / "x.derivative").write_text("stale")
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(picture_candidates(world), AssetKind.IMAGE))
    assert fetched.proof.checks == ("length", "structure", "decoded")
    assert fetched.picture is not None
    assert fetched.proof.width > 0
    assert not (tmp_path / "x.derivative").exists()


def judged(monkeypatch: pytest.MonkeyPatch, *pictures: DecodedImage) -> None:
    """The converter says these, one after another, then the last for ever."""
    queue = list(pictures)

    async def examine(*_: object) -> DecodedImage:
        return queue.pop(0) if len(queue) > 1 else queue[0]

    monkeypatch.setattr(Converter, "examine", examine)


UNREADABLE = DecodedImage(DecodeStatus.UNREADABLE, detail="no decoder")
DECODED = DecodedImage(DecodeStatus.DECODED, width=2, height=2)


async def test_an_unreadable_original_gives_way_to_a_rendition_that_decodes(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mirrors hold the same bytes, so they are not asked; the next rendition is."""
    judged(monkeypatch, UNREADABLE, DECODED)
    candidates = picture_candidates(world)
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(candidates, AssetKind.IMAGE))
    assert fetched.candidate.quality is Quality.TRANSCODE
    assert [refusal.reason for refusal in fetched.refused] == ["undecodable"]
    assert len(world.media) == 2
    assert fetched.upload is not None
    assert fetched.upload.candidate == candidates[0]
    assert fetched.upload.proof.problem == "no decoder"
    upload = undecoded_path(ArchivePath(tmp_path) / "x.part")
    assert upload.read_bytes(1 << 30) == world.world.original(NOTE.text, "image-1")


async def test_a_picture_that_nobody_can_read_is_kept_as_it_came(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole as a file: the best one is put aside and kept, with its problem on record; each is asked once."""
    judged(monkeypatch, UNREADABLE)
    candidates = picture_candidates(world)[:6]
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(candidates, AssetKind.IMAGE))
    assert fetched.candidate == candidates[0]
    assert fetched.proof.problem == "no decoder"
    assert fetched.body.sha256 == world.world.sha256(NOTE.text, "image-1")
    assert (tmp_path / "x.part").stat().st_size == fetched.body.size
    assert candidates[0].url.endswith(world.seen[0].raw_path)
    assert len(world.media) == len(set(world.media)) == 2
    assert [refusal.reason for refusal in fetched.refused] == ["undecodable"]
    assert set(ArchivePath(tmp_path).entries()) == {"x.part"}


async def test_all_candidates_of_a_picture_share_one_decode_budget(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another asset has one of its own."""
    budgets: list[WorkBudget] = []

    async def examine(*given: Any) -> DecodedImage:
        budgets.append(given[-1])
        return UNREADABLE

    monkeypatch.setattr(Converter, "examine", examine)
    candidates = picture_candidates(world)[:6]
    async with counter(world, tmp_path) as desk:
        good(await desk.fetch(candidates, AssetKind.IMAGE))
        one = len(budgets)
        good(await desk.fetch(candidates, AssetKind.IMAGE))
    assert one > 1
    assert len(set(map(id, budgets[:one]))) == len(set(map(id, budgets[one:]))) == 1
    assert budgets[0] is not budgets[-1]
    assert budgets[0].left == 30.0


async def test_a_picture_that_cannot_be_had_a_second_time_is_kept(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes wait beside those of others: the host need not have them any more."""
    judged(monkeypatch, UNREADABLE)
    candidates = picture_candidates(world)
    chosen = (candidates[0], candidates[5])
    world.script["ci.xiaohongshu.com", "/notes_uhdr"] = "o4"
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(chosen, AssetKind.IMAGE))
    assert fetched.candidate == candidates[0]
    assert world.count("ci.xiaohongshu.com", "/notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130") == 1


@pytest.mark.parametrize("verdict", [DecodeStatus.TOO_LARGE, DecodeStatus.DIED])
async def test_a_picture_too_large_to_decode_here_is_taken_at_once(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: DecodeStatus
) -> None:
    """A smaller rendition would be a poor trade for an original that is whole."""
    judged(monkeypatch, DecodedImage(verdict, detail="too much"))
    async with counter(world, tmp_path) as desk:
        fetched = good(await desk.fetch(picture_candidates(world), AssetKind.IMAGE))
    assert fetched.candidate.quality is Quality.ORIGINAL
    assert fetched.proof.problem.endswith("too much")
    assert fetched.refused == ()
    assert len(world.media) == 1
