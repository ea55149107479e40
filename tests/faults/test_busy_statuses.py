"""Statuses by which a host says "not now", and pages that a second try may heal: bounded tries."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.altered_demo_world import AlteredWorld
from support.fake_world import FakeWorld, running
from support.single_run import HEIC, LIVE_NOTE, STREAM, get, resume

from xharchive.demo.world import DemoWorld, ServedFile

V8, V10 = "sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com"
MOTIONS = ("/stream/", "/livephoto/")


class Refusing(AlteredWorld):
    """A world that answers the first requests for each address with a status, and then as it should."""

    def __init__(self, original: DemoWorld) -> None:
        super().__init__(original)
        self.status = 200
        self.times = 1
        self.only = ""
        self._asked: Counter[tuple[str, str]] = Counter()

    def media(self, host: str, raw_path_and_query: str) -> ServedFile | None:
        self._asked[host, raw_path_and_query] += 1
        refused = self._asked[host, raw_path_and_query] <= self.times and self.only in (host, "")
        if refused and self.status != 200:
            return ServedFile(b"not now\n", "text/plain", '"busy"', self.status)
        return super().media(host, raw_path_and_query)


@pytest.fixture
def refusing(demo_world: DemoWorld) -> Iterator[FakeWorld]:
    with running(Refusing(demo_world)) as fake:
        yield fake


def told(world: FakeWorld, status: int, *, times: int = 1, only: str = "") -> None:
    """Have the world answer so."""
    assert isinstance(world.world, Refusing)
    world.world.status, world.world.times, world.world.only = status, times, only


BUSY = [
    (408, "busy"),
    (425, "busy"),
    (429, "busy"),
    (503, "busy"),
    (500, "server-error"),
    (504, "server-error"),
]


@pytest.mark.parametrize(("status", "reason"), BUSY)
def test_one_host_is_busy(refusing: FakeWorld, tmp_path: Path, status: int, reason: str) -> None:
    """The next mirror has the same rendition; the first is not asked again."""
    told(refusing, status, only=V8)
    left = get(refusing, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == [(V8, reason)]
    assert (refusing.count(V8, STREAM), refusing.count(V10, STREAM)) == (1, 1)
    assert refusing.calls == [f"v1 {LIVE_NOTE}"]


@pytest.mark.parametrize(("status", "reason"), BUSY)
def test_all_hosts_are_busy_once(refusing: FakeWorld, tmp_path: Path, status: int, reason: str) -> None:
    """After a pause the same renditions: nothing lesser is taken."""
    told(refusing, status)
    left = get(refusing, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.files()["image-1"]["quality"] == "original"
    assert refusing.count("ci.xiaohongshu.com", HEIC) == 2
    assert all(refused == reason for slot in left.files() for _, refused in left.refused(slot))


@pytest.mark.parametrize("status", [408, 425])
def test_busy_for_ever(refusing: FakeWorld, tmp_path: Path, status: int) -> None:
    """Bounded tries, a gap that names it, nothing paid; when the hosts are back, `resume` heals it."""
    told(refusing, status, times=10**6)
    left = get(refusing, tmp_path)
    assert left.code == 3
    assert set(left.gaps().values()) <= {"busy", "pausing", "resting"}
    assert set(left.gaps()) == {"image-1", "live-1"}
    assert max(Counter(refusing.media).values()) <= 5
    assert refusing.calls == [f"v1 {LIVE_NOTE}"]
    told(refusing, 200)
    healed = resume(refusing, tmp_path)
    assert healed.code == 0
    assert healed.is_complete()
    assert refusing.calls == [f"v1 {LIVE_NOTE}"]


@pytest.mark.parametrize("status", [400, 401, 402, 405, 418, 451])
def test_other_refusals_are_not_asked_again(refusing: FakeWorld, tmp_path: Path, status: int) -> None:
    """One request an address: the status says that asking again is no use."""
    told(refusing, status, times=10**6)
    left = get(refusing, tmp_path)
    assert left.code == 3
    assert set(left.gaps().values()) == {"http-status"}
    assert set(Counter(refusing.media).values()) == {1}
    assert refusing.calls == [f"v1 {LIVE_NOTE}"]


def test_a_page_everywhere_is_asked_for_twice_and_not_more(world: FakeWorld, tmp_path: Path) -> None:
    """A captive portal under status 200: each address twice, whatever `--retries` allows; nothing is paid."""
    for start in MOTIONS:
        world.script["*", start] = "H"
    left = get(world, tmp_path, "--retries", "5")
    assert left.code == 3
    assert left.gaps() == {"live-1": "not-media"}
    asked = Counter(asked for asked in world.media if any(start in asked for start in MOTIONS))
    assert set(asked.values()) == {2}
    assert world.calls == [f"v1 {LIVE_NOTE}"]


def test_a_page_that_passes(world: FakeWorld, tmp_path: Path) -> None:
    """Every address gives a page once: the second try has the files, in their best rendition."""
    world.everywhere = "Ho"
    left = get(world, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert left.files()["image-1"]["quality"] == "original"
    assert max(Counter(world.media).values()) == 2


def test_without_retries_a_page_is_final(world: FakeWorld, tmp_path: Path) -> None:
    """`--retries 0` means what it says."""
    for start in MOTIONS:
        world.script["*", start] = "H"
    left = get(world, tmp_path, "--retries", "0")
    assert left.code == 3
    assert set(Counter(asked for asked in world.media if "/stream/" in asked).values()) == {1}
