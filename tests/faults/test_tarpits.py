"""Servers that send bytes without end, so that a transfer neither stalls nor finishes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import ledger, manifests, run
from support.fake_world import FakeWorld
from support.served_host import serving
from support.single_run import LIVE_NOTE, get, resume
from support.tarpit import BODIES, HEADS, Kind, Tarpit

from xharchive.demo.demo_listings import short_link
from xharchive.download import http_file

V8, V10, V11 = (f"sns-{name}.rednotecdn.com" for name in ("v8", "v10", "v11"))
KINDS = HEADS | BODIES
QUICK = ("--timeout", "0.3")
"""0.3 s for the headers, and 0.6 s for each window of the least rate."""
REASONS = {
    "an endless header": "bad-answer",
    "endless headers": "bad-answer",
    "trailers without end": "cut",
    "packed blocks without content": "encoded",
}
"""What is refused at once, because it exceeds a bound; everything else is a stall."""


@contextmanager
def tarpit_for_the_motion(world: FakeWorld, kind: Kind) -> Iterator[Tarpit]:
    """A tarpit that begins with the bytes of the live photo's motion."""
    with serving(Tarpit(kind, world.world.original(LIVE_NOTE, "live-1"))) as tarpit:
        yield tarpit


@pytest.mark.parametrize("name", KINDS)
def test_the_next_mirror_gives_the_file(world: FakeWorld, tmp_path: Path, name: str) -> None:
    """The tarpit is left in bounded time, with a reason, and the mirror's bytes are archived."""
    with tarpit_for_the_motion(world, KINDS[name]) as tarpit:
        left = get(world, tmp_path, *QUICK, *tarpit.option(V8))
        assert left.code == 0
        assert left.is_complete()
        assert (V8, REASONS.get(name, "stalled")) in left.refused("live-1")
        assert len(tarpit.asked) == 1


@pytest.mark.parametrize("name", KINDS)
def test_without_a_mirror_the_asset_is_missing(world: FakeWorld, tmp_path: Path, name: str) -> None:
    """The run ends with exit code 3 and says why; a later run with a healthy host completes the note."""
    world.script = {("*", "/stream/"): "4", ("*", "/livephoto/"): "4"}
    with tarpit_for_the_motion(world, KINDS[name]) as tarpit:
        left = get(world, tmp_path, *QUICK, *tarpit.option(V8))
        assert left.code == 3
        assert set(left.gaps()) == {"live-1"}
        assert left.is_untouched("image-1")
        assert (V8, REASONS.get(name, "stalled")) in left.refused("live-1")
        assert len(tarpit.asked) <= 6
    world.script = {}
    assert resume(world, tmp_path).is_complete()


def test_every_mirror_is_a_tarpit(world: FakeWorld, tmp_path: Path) -> None:
    """Each address is asked twice at most, and the reason names the least rate."""
    hosts = (V8, V10, V11, "sns-v27.rednotecdn.com", "sns-video-bd.xhscdn.com", "sns-bak-v6.xhscdn.com")
    with tarpit_for_the_motion(world, BODIES["a body a byte at a time"]) as tarpit:
        left = get(world, tmp_path, *QUICK, *tarpit.option(*hosts))
        assert left.code == 3
        assert left.gaps() == {"live-1": "stalled"}
        assert left.refused("live-1") == [(host, "stalled") for host in hosts]
        assert len(tarpit.asked) == 2 * len(hosts)
    (gap,) = left.manifest()["gaps"]
    assert "256 bytes a second" in gap["detail"]


def test_much_that_came_below_the_rate_is_no_reason_to_stay(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror is asked next, where a body that fell silent after as much would be continued at once."""
    monkeypatch.setattr(http_file, "_MIN_PROGRESS", 1)
    with tarpit_for_the_motion(world, BODIES["a body a byte at a time"]) as tarpit:
        left = get(world, tmp_path, *QUICK, *tarpit.option(V8))
        assert len(tarpit.asked) == 1
    assert left.is_complete()
    assert left.files()["live-1"]["source"]["host"] == V10


def test_what_came_before_is_kept_for_the_next_try(world: FakeWorld, tmp_path: Path) -> None:
    """A body below the rate is continued under its ETag, like a stalled one."""
    world.script = {("*", "/stream/"): "4", ("*", "/livephoto/"): "4"}
    with tarpit_for_the_motion(world, BODIES["a body a byte at a time"]) as tarpit:
        assert get(world, tmp_path, *QUICK, *tarpit.option(V8)).code == 3
        first, second = tarpit.asked
    assert "Range:" not in first
    assert "Range: bytes=" in second


@pytest.mark.parametrize(
    ("option", "refused"), [((), []), (("--min-rate", "10M"), [(V8, "stalled")]), (("--min-rate", "0"), [])]
)
def test_the_rate_is_an_option(
    world: FakeWorld, tmp_path: Path, option: tuple[str, ...], refused: list[tuple[str, str]]
) -> None:
    """A host that is fast enough by default is left for its mirror where more is asked of it."""

    def at_some_speed(body: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        size = len(body) // 150 + 1
        yield from (body[place : place + size] for place in range(0, len(body), size))

    with tarpit_for_the_motion(world, at_some_speed) as host:
        left = get(world, tmp_path, *QUICK, *option, *host.option(V8))
    assert left.is_complete()
    assert left.refused("live-1") == refused


@pytest.mark.parametrize("name", KINDS)
def test_the_api(world: FakeWorld, tmp_path: Path, name: str) -> None:
    """A call ends after its time-out at the latest, and counts as perhaps billed."""
    with serving(Tarpit(KINDS[name], b'{"code": 0}' * 1000)) as tarpit:
        limits = ["--api-timeout", "1", "--retries", "0", "--endpoints", "v1"]
        api = ["--api-base", f"http://127.0.0.1:{tarpit.port}"]
        ran = run(["get", LIVE_NOTE, "-d", tmp_path, *world.options, *limits, *api])
        assert len(tarpit.asked) == 1
    assert ran.code == 3
    assert [line["billed"] for line in ledger(tmp_path) if line["event"] == "outcome"] == ["unknown"]


@pytest.mark.parametrize("name", HEADS)
def test_a_short_link(world: FakeWorld, tmp_path: Path, name: str) -> None:
    """The link cannot be followed, and the other notes are archived."""
    with serving(Tarpit(HEADS[name])) as tarpit:
        link = short_link(LIVE_NOTE.replace("8", "9"))
        options = [*world.options, *QUICK, "--image-format", "keep", *tarpit.option("xhslink.com")]
        ran = run(["get", link, LIVE_NOTE, "-d", tmp_path, *options])
        assert len(tarpit.asked) == 1
    assert ran.code == 3
    assert link.partition("//")[2] in ran.err
    assert set(manifests(tmp_path)) == {LIVE_NOTE}
