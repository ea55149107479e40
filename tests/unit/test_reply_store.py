"""Paid replies are kept before they are read, and every call stands in the ledger (promise 2)."""

import asyncio
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.archive_paths import guarded

from xharchive.api.ledger import Ledger, LedgerTotals, ledger_totals
from xharchive.api.status_codes import Billed
from xharchive.archive import ReplyStore
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError

MOMENT = datetime(2026, 3, 9, 22, 9, 6, 123456, tzinfo=timezone(timedelta(hours=8)))
NOTE = "69aed4e2000000000e00c358"


def ledger(folder: Path, run: str = "run") -> Ledger:
    return Ledger(guarded(folder / "ledger.jsonl"), run, lambda: MOMENT)


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text("utf-8").splitlines()]


async def test_reading_tells_nothing_from_unreadable(tmp_path: Path) -> None:
    """Nothing there: None. There and not a plain file: an error, because something is wrong."""
    (tmp_path / "file.json").write_bytes(b"content")
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to("file.json")
    store = ReplyStore(ArchivePath(tmp_path))
    assert await store.find("file") == b"content"
    assert await store.find("empty") == b""
    assert await store.find("gone") is None
    assert await ReplyStore(ArchivePath(tmp_path) / "file.json").find("below") is None
    with pytest.raises(ArchiveError, match=r"reading .*/link\.json: a symbolic link stands where a regular"):
        await store.find("link")
    with pytest.raises(ArchiveError, match=r"reading .*/folder\.json: it is not a regular file; remove it"):
        await store.find("folder")


async def test_a_call_is_two_lines(tmp_path: Path) -> None:
    """What is about to be asked, and how it ended; times in UTC; no token anywhere near."""
    book = ledger(tmp_path)
    call = await book.record_intent(NOTE, "note-detail-v1", "first")
    assert lines(tmp_path) == [
        {
            "at": "2026-03-09T14:09:06.123+00:00",
            "event": "intent",
            "call": call,
            "note": NOTE,
            "endpoint": "note-detail-v1",
            "reason": "first",
        }
    ]
    await book.record_outcome(call, code=0, status=200, billed=Billed.YES)
    assert lines(tmp_path)[1] == {
        "at": "2026-03-09T14:09:06.123+00:00",
        "event": "outcome",
        "call": call,
        "code": 0,
        "http": 200,
        "billed": "yes",
    }


async def test_calls_have_ids_of_their_own_over_all_runs(tmp_path: Path) -> None:
    """An outcome always finds its intent."""
    one, other = ledger(tmp_path, "a"), ledger(tmp_path, "b")
    calls = [await book.record_intent(NOTE, "v1", "first") for book in (one, other, one, other)]
    assert len(set(calls)) == 4
    assert [line["call"] for line in lines(tmp_path)] == calls


async def test_an_intent_is_on_disk_before_the_call_may_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that cannot be written stops the call."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    await ledger(tmp_path).record_intent(NOTE, "v1", "first")
    assert synced

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ArchiveError, match="the disk is full"):
        await ledger(tmp_path).record_intent(NOTE, "v1", "first")


async def test_no_call_leaves_while_the_ledger_s_name_is_not_safe(tmp_path: Path, synced: list[Path]) -> None:
    """Of several first lines any may have made the file, and a killed run may not have lived to sync it."""
    for _run in ("the first", "after a kill"):
        synced.clear()
        book = ledger(tmp_path)
        await asyncio.gather(*(book.record_intent(NOTE, "v1", "first") for _ in range(3)))
        assert synced.count(tmp_path) == 3
        await book.record_intent(NOTE, "v1", "first")
        assert synced.count(tmp_path) == 3


async def test_a_kept_reply_is_safe_whoever_made_its_folders(tmp_path: Path, synced: list[Path]) -> None:
    """Another note's thread made the folder that they share, and its name is not safe yet."""
    (tmp_path / "links").mkdir()
    await ReplyStore(ArchivePath(tmp_path) / "links" / "one").save("share", b"{}")
    assert [path.name for path in synced] == [tmp_path.name, "links", "share.json.tmp", "one"]


async def test_totals_count_what_was_billed(tmp_path: Path) -> None:
    """Billed, free, unknown; and a call without an outcome may have been billed."""
    book = ledger(tmp_path)
    for billed in (Billed.YES, Billed.YES, Billed.NO, Billed.UNKNOWN):
        await book.record_outcome(
            await book.record_intent(NOTE, "v1", "first"), code=0, status=200, billed=billed
        )
    await book.record_intent(NOTE, "v1", "retry")
    assert ledger_totals(guarded(tmp_path / "ledger.jsonl")) == LedgerTotals(
        calls=5, billed=2, free=1, unknown=2
    )


def test_no_ledger_no_calls(tmp_path: Path) -> None:
    """An archive that never paid has an empty bill."""
    assert ledger_totals(guarded(tmp_path / "ledger.jsonl")) == LedgerTotals()


async def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    """A power cut, an editor or a bad sector must not make the bill unreadable."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"event":"intent","call":"x-1"\n[1]\n"intent"\n\xff\xfe\n\n' + b"[" * 100_000 + b"\n")
    book = ledger(tmp_path)
    await book.record_outcome(
        await book.record_intent(NOTE, "v1", "first"), code=0, status=200, billed=Billed.YES
    )
    with path.open("ab") as file:
        file.write(b'{"event":"outcome","billed":["yes"]}\n{"event":"other","billed":"yes"}\n{"event":"inte')
    assert ledger_totals(guarded(path)) == LedgerTotals(calls=1, billed=1)


def test_an_outcome_whose_intent_was_lost_is_a_call_all_the_same(tmp_path: Path) -> None:
    """No figure is ever negative, and what was billed was called."""
    (tmp_path / "ledger.jsonl").write_text('{"event":"outcome","billed":"yes"}\n' * 2)
    assert ledger_totals(guarded(tmp_path / "ledger.jsonl")) == LedgerTotals(calls=2, billed=2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(
    data=st.lists(
        st.sampled_from(['{"event":"intent"}', '{"event":"outcome","billed":"no"}', "{", "null", ""])
    )
)
def test_the_bill_always_adds_up(data: list[str], tmp_path: Path) -> None:
    """Whatever a ledger looks like: calls are billed, free or unknown."""
    (tmp_path / "ledger.jsonl").write_text("\n".join(data))
    totals = ledger_totals(guarded(tmp_path / "ledger.jsonl"))
    assert totals.calls == totals.billed + totals.free + totals.unknown
    assert min(totals.calls, totals.billed, totals.free, totals.unknown) >= 0


def test_a_ledger_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Not an empty bill."""
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises(ArchiveError, match=r"reading .*/ledger\.jsonl: it is not a regular file"):
        ledger_totals(guarded(tmp_path / "ledger.jsonl"))


async def test_a_kept_reply_is_found_again_byte_for_byte(tmp_path: Path) -> None:
    """Its folder is made when it is needed."""
    shelf = ReplyStore(ArchivePath(tmp_path) / "work" / "replies")
    body = b'{"code":0,"data":"\xff\x00 not even UTF-8"}'
    assert await shelf.find("v1") is None
    await shelf.save("v1", body)
    assert await shelf.find("v1") == body
    assert await ReplyStore(ArchivePath(tmp_path) / "work" / "replies").find("v1") == body


async def test_newer_replies_come_before_published_ones(tmp_path: Path) -> None:
    """The work folder is looked at first, then the note's own."""
    root = ArchivePath(tmp_path)
    published, older = root / "published", root / "older"
    await ReplyStore(published).save("v1", b"published")
    await ReplyStore(older).save("v2", b"older")
    shelf = ReplyStore(ArchivePath(tmp_path) / "work", (published, older))
    assert await shelf.find("v1") == b"published"
    assert await shelf.find("v2") == b"older"
    await shelf.save("v1", b"new")
    assert await shelf.find("v1") == b"new"
    assert (tmp_path / "published" / "v1.json").read_bytes() == b"published"


async def test_a_dropped_reply_is_forgotten_and_published_ones_are_not(tmp_path: Path) -> None:
    """An error that costs nothing is not kept; dropping what is not there is fine."""
    await ReplyStore(ArchivePath(tmp_path) / "published").save("v1", b"published")
    shelf = ReplyStore(ArchivePath(tmp_path) / "work", (ArchivePath(tmp_path) / "published",))
    await shelf.delete("v1")
    await shelf.save("v1", b"error")
    await shelf.delete("v1")
    assert await shelf.find("v1") == b"published"


async def test_the_shelf_says_when_the_disk_will_not(tmp_path: Path) -> None:
    """A file where the folder should be, a folder where the reply should be, a planted link."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArchiveError, match="making the folder for replies"):
        await ReplyStore(ArchivePath(tmp_path) / "file").save("v1", b"x")
    (tmp_path / "shelf" / "v1.json").mkdir(parents=True)
    with pytest.raises(ArchiveError, match="removing a reply"):
        await ReplyStore(ArchivePath(tmp_path) / "shelf").delete("v1")
    (tmp_path / "shelf" / "v2.json").symlink_to("/etc/hostname")
    with pytest.raises(ArchiveError, match="symbolic link"):
        await ReplyStore(ArchivePath(tmp_path) / "shelf").find("v2")
