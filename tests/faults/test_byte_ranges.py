"""Ranges of a large body over idle slots: they save time, and can never cost a byte or a candidate."""

import asyncio
import errno
import hashlib
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld, running
from support.large_motion import PART, V8, Hosts, get, is_whole, refusals, without_sizes
from support.ranged_host import MIB, RangedHost, Request
from support.served_host import serving
from support.single_run import STREAM, VIDEO_NOTE

from xharchive.demo.world import DemoWorld
from xharchive.download import ranges
from xharchive.download.hosts import HostHealth
from xharchive.http import Transport

UPLOADS = "sns-video-bd.xhscdn.com"


def test_every_byte_travels_once(large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes) -> None:
    """Four connections at most, each range under the first answer's ETag; no byte is sent twice."""
    with hosted() as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert (host.asked[0].first, host.asked[0].status) == (None, 200)
    assert len(host.pieces) > 3
    assert {(piece.status, piece.if_range) for piece in host.pieces} == {(206, host.etag)}
    assert host.sent == len(motion)
    assert 2 <= host.most_at_once <= 4
    assert refusals(tmp_path) == []
    assert large.count(V8, STREAM) == 0


@pytest.mark.parametrize("option", [["--no-ranges"], ["-j", "1"], ["--per-host", "1"]], ids=lambda o: o[0])
def test_one_connection(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, option: list[str]
) -> None:
    """Where the user wants one, or no slot is idle: one request for all of it."""
    with hosted(patient=False) as host:
        assert get(large, host, tmp_path, *option) == 0
    assert is_whole(tmp_path, motion)
    assert [(seen.first, seen.sent) for seen in host.asked] == [(None, len(motion))]


@pytest.mark.parametrize("proof", ["", 'ETag: W/"weak"\r\n'], ids=["none", "weak"])
def test_a_body_that_nothing_can_be_held_against(
    large: FakeWorld,
    hosted: Hosts,
    tmp_path: Path,
    motion: bytes,
    monkeypatch: pytest.MonkeyPatch,
    proof: str,
) -> None:
    """Without a strong validator no byte of another answer is surely of the same file: one request."""
    for name, value in {"_MIN_OBSERVED": 0.0, "_FAST_ENOUGH": 1e18, "_LEAD": 0.0}.items():
        monkeypatch.setattr(ranges, name, value)  # else it would be helped from its first bytes on
    with hosted(patient=False, proof=proof) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert [(seen.first, seen.if_range, seen.sent) for seen in host.asked] == [(None, "", len(motion))]


@pytest.mark.parametrize(
    "fault",
    [
        "200",
        "416",
        "403",
        "404",
        "429",
        "500",
        "502",
        "503",
        "504",
        "busy",
        "etag",
        "weak",
        "total",
        "late",
        "wide",
        "brief",
        "gzip",
        "moved",
        "parts",
    ],
)
def test_a_host_that_gives_no_ranges_is_asked_for_one_only(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, fault: str
) -> None:
    """An answer that is not exactly the range of the same file: the first connection brings all of it."""
    with hosted(always=fault) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert len(host.pieces) == (2 if fault == "moved" else 1)
    assert host.asked[0].sent == len(motion)
    assert refusals(tmp_path) == []


@pytest.mark.parametrize(
    ("fault", "number"),
    [("drop", 1), ("short", 1), ("drop", 2), ("short", 2), ("200", 2), ("etag", 3), ("416", 4), ("busy", 4)],
)
def test_one_bad_answer_among_good_ones(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, fault: str, number: int
) -> None:
    """Whichever it is: others bring the piece, or the rest is asked for anew; the host keeps its standing."""
    with hosted(faults={number: fault}) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []


@pytest.mark.parametrize("most", [100_000, 700_000, 2 * MIB], ids=["at once", "after a block", "later"])
def test_ranges_that_always_break_off(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, most: int
) -> None:
    """The host gives whole bodies only, whatever it says of ranges: so it is asked for that."""
    with hosted(most_of_a_range=most) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    assert large.count(V8, STREAM) == 0
    if most < MIB:
        assert [seen.status for seen in host.asked if seen.sent == len(motion)] == [200]
        assert len(host.pieces) <= 8


def test_helpers_that_bring_other_bytes(demo_world: DemoWorld, tmp_path: Path) -> None:
    """Under the same ETag. The declared MD5 tells; then one answer brings all of it: no other rendition."""
    upload = demo_world.original(VIDEO_NOTE, "video")
    video = upload + (24 * MIB).to_bytes(4, "big") + b"free" + bytes(24 * MIB - 8)

    def told(reply: Any) -> Any:
        digest = hashlib.md5(video, usedforsecurity=False).hexdigest()
        text = json.dumps(without_sizes(reply))
        return json.loads(re.sub(r'(?<="md5": ")[0-9a-f]{32}', digest, text))

    world = AlteredWorld(demo_world)
    world.tells("v6", VIDEO_NOTE, told)
    with running(world) as fake, serving(RangedHost(video, always="false")) as host:
        here = ["--resolve", f"{UPLOADS}=127.0.0.1:{host.port}"]
        assert run(["get", VIDEO_NOTE, "-d", tmp_path, "-q", *here, *fake.options]).code == 0
    files = manifests(tmp_path, VIDEO_NOTE)[VIDEO_NOTE]["files"]
    (entry,) = [entry for entry in files if entry["kind"] == "video" and entry["role"] == "original"]
    assert (entry["quality"], entry["source"]["host"], entry["refused"]) == ("original", UPLOADS, [])
    assert (folder_of(tmp_path, VIDEO_NOTE) / entry["path"]).read_bytes() == video
    assert [(seen.first, seen.sent) for seen in host.asked[-1:]] == [(None, len(video))]
    assert len([seen for seen in host.asked if seen.first is None]) == 2


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_helper_that_is_to_wait(
    large: FakeWorld,
    hosted: Hosts,
    tmp_path: Path,
    motion: bytes,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A Retry-After is for the whole host: nobody asks it until it is over, and no byte is lost."""
    told, asked = list[float](), list[float]()
    rest, really_open = HostHealth.back_off, Transport.open

    def noted_rest(health: HostHealth, host: str, seconds: float) -> None:
        told.append(time.monotonic())
        rest(health, host, seconds)

    def noted_open(transport: Transport, url: str, *given: Any) -> Any:
        if V8 in url:
            asked.append(time.monotonic())
        return really_open(transport, url, *given)

    monkeypatch.setattr(HostHealth, "back_off", noted_rest)
    monkeypatch.setattr(Transport, "open", noted_open)
    with hosted(faults={number: "busy"}) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert len(asked) >= len(host.asked)
    (since,) = told
    assert [at - since for at in asked if since < at < since + 0.9] == []
    assert refusals(tmp_path) == []


def test_a_silent_helper(large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes) -> None:
    """What it did not bring in time, another connection is asked for, from where it fell silent."""
    with hosted(faults={2: "silent"}) as host:
        assert get(large, host, tmp_path, "--timeout", "3") == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []


@pytest.mark.parametrize("number", [1, 2])
def test_one_slow_helper(large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, number: int) -> None:
    """The others have fetched all the rest meanwhile: one of them fetches what it did not bring yet."""
    with hosted(faults={number: "slow"}) as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    slow = host.pieces[number - 1]
    assert slow.first is not None
    assert slow.last is not None
    rest = [piece for piece in host.pieces if piece.last == slow.last and piece is not slow]
    assert [piece.first for piece in rest if piece.first and piece.first > slow.first]
    assert slow.sent < 1024 * 1024


def test_a_host_that_falls_silent_behind_helpers(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes
) -> None:
    """It accepts connections and answers no request: the next mirror brings the file, and the run ends."""
    with hosted() as host:
        host.silent_after = len(motion) // 2
        assert get(large, host, tmp_path, "--timeout", "1") == 0
    assert is_whole(tmp_path, motion)
    whole = [request.sent for request in host.asked if not request.is_piece]
    assert len(whole) <= 4
    assert not any(whole[1:])
    assert large.count(V8, STREAM) == 0


def test_the_file_changes_meanwhile(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the third range on the host has another file: all of that one is taken, and none of the first."""
    changed = motion[: -8 * MIB] + bytes(8 * MIB)
    with hosted() as host:
        answer = host._piece

        async def change(request: Any, *rest: Any, **named: Any) -> None:
            if len(host.pieces) == 3:
                host.body, host.patient = changed, False
            await answer(request, *rest, **named)

        monkeypatch.setattr(host, "_piece", change)
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, changed)


def test_a_disk_that_takes_nothing_ahead(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper cannot write: the body comes in order, which needs no room beside it."""
    pwrite = os.pwrite

    def full(descriptor: int, content: Any, place: int) -> int:
        if place >= 512:  # behind the record
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, content, place)

    monkeypatch.setattr(os, "pwrite", full)
    with hosted() as host:
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []


def test_a_full_disk_ends_the_run(
    large: FakeWorld, hosted: Hosts, tmp_path: Path, motion: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part itself finds no room while helpers are at work: exit 5; with room it is complete."""
    writev, written = os.writev, [0]

    def full(descriptor: int, pieces: Any) -> int:
        written[0] += 1
        if written[0] > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return writev(descriptor, pieces)

    with hosted() as host:
        with monkeypatch.context() as patch:
            patch.setattr(os, "writev", full)
            assert get(large, host, tmp_path) == 5
        assert not (tmp_path / PART).exists()
        assert get(large, host, tmp_path, verb="resume") == 0
    assert is_whole(tmp_path, motion)


class Hiccups(RangedHost):
    """After the fourth range every connection breaks: helpers' without an answer, others' early.

    Those ask for the rest and get so many bytes each as `plain` says; then all is well again.
    """

    plain: tuple[int, ...] = ()

    async def _range(self, request: Request, writer: asyncio.StreamWriter, fault: str) -> None:
        if len(self.pieces) > 4:
            writer.close()
        else:
            await super()._range(request, writer, fault)

    async def _trunk(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        tries = [seen for seen in self.asked if seen.first is not None and not seen.is_piece]
        if request.first is not None and len(tries) <= len(self.plain):
            self._head(request, writer, request.first, len(self.body) - 1, 206)
            most = self.plain[len(tries) - 1]
            await self._send(request, writer, self.body[request.first : request.first + most])
            writer.close()
        else:
            await super()._trunk(request, reader, writer)


def plain_requests(host: RangedHost) -> list[tuple[int | None, int]]:
    """The requests for all of it, or for the rest: from which byte, with which status."""
    return [(seen.first, seen.status) for seen in host.asked if not seen.is_piece]


def test_a_plain_answer_breaks_off_behind_helpers(large: FakeWorld, tmp_path: Path, motion: bytes) -> None:
    """Ranges worked here, so a break is a break: what is kept is gone on with, and nothing starts over."""
    host = Hiccups(motion)
    host.plain = (700_000,)
    with serving(host):
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    asked = plain_requests(host)
    assert [status for _, status in asked] == [200, 206, 206]
    assert MIB < (asked[1][0] or 0) < (asked[2][0] or 0)
    assert large.count(V8, STREAM) == 0


def test_it_breaks_off_again(large: FakeWorld, tmp_path: Path, motion: bytes) -> None:
    """Twice in a row, though ranges worked: like any transfer that is cut, so that a retry has the part.

    No other mirror has the motion here; the retry brings the rest and nothing else.
    """
    host = Hiccups(motion)
    host.plain = (700_000, 700_000)
    large.script["*", STREAM] = "4"
    with serving(host):
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path).count("cut") == 0
    asked = plain_requests(host)
    assert [status for _, status in asked] == [200, 206, 206, 206]
    assert MIB < (asked[1][0] or 0) < (asked[2][0] or 0) < (asked[3][0] or 0)


def test_at_the_very_same_byte_twice(large: FakeWorld, tmp_path: Path, motion: bytes) -> None:
    """Perhaps only ranges break off there: one answer brings all of it. Where that one breaks, the rest."""
    host = Hiccups(motion)
    host.plain = (0, 0)
    trunk = host._trunk

    async def whole(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if request.first is None and len(host.asked) > 1:
            host._head(request, writer, 0, len(motion) - 1, 200)
            await host._send(request, writer, motion[: 20 * MIB])
            writer.close()
        else:
            await trunk(request, reader, writer)

    host._trunk = whole  # type: ignore[method-assign]
    with serving(host):
        assert get(large, host, tmp_path) == 0
    assert is_whole(tmp_path, motion)
    assert refusals(tmp_path) == []
    asked = plain_requests(host)
    assert [status for _, status in asked] == [200, 206, 206, 200, 206]
    assert asked[1] == asked[2]
    assert 16 * MIB < (asked[4][0] or 0) <= 20 * MIB
