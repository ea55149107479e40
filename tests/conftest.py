"""Fixtures for all tests: a world that is made once, a server of its own for each test that asks for one."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from support import fault_letters
from support.aioresponses_shim import mocked_http
from support.altered_demo_world import AlteredWorld
from support.command import Ran, run
from support.fake_world import FakeWorld, running
from support.hostile.good_archive import GoodArchive, make_good_archive
from support.hostile.scene import Listener, Scene
from support.large_motion import Hosts, without_sizes
from support.ranged_host import MIB, RangedHost
from support.recorded_responses import ResponseWriter
from support.scripted_api import ScriptedApi
from support.served_host import serving
from support.single_run import LIVE_NOTE, STREAM
from support.tools import missing

from xharchive.demo.server import HttpResponse
from xharchive.demo.world import DemoWorld
from xharchive.images import Converter, DecodedImage, DecodeStatus

# No test is about time: on a clean checkout Hypothesis first makes its table of Unicode, and a busy machine
# or coverage takes seconds for that. The same examples every time: a commit is green or it is not. New ones
# are what `make fuzz` is for.
_EXAMPLES = os.environ.get("XHARCHIVE_EXAMPLES", "")
settings.register_profile(
    "xharchive",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not _EXAMPLES,
    max_examples=int(_EXAMPLES or 50),
)
settings.load_profile("xharchive")


def pytest_configure() -> None:
    """A shell starts what stands behind it deaf to Ctrl-C, `nohup` deaf to SIGHUP, and children inherit that.

    Not ours: what is caught, by whatever handler, is as it was for them.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are missing; fail it where all must be there."""
    for program in (marker.args[0] for marker in item.iter_markers("needs")):
        if reason := missing(program):
            if os.environ.get("XHARCHIVE_REQUIRE_TOOLS") == "1":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture(scope="session")
def demo_world() -> DemoWorld:
    """The demo's notes and media, once for all tests."""
    return DemoWorld()


@pytest.fixture(scope="session")
def first_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """Run `xharchive demo` once; return its output, and its archive to copy or to read."""
    archive = tmp_path_factory.mktemp("first") / "notes"
    return run(["demo", "-d", archive]), archive


@pytest.fixture
def world(demo_world: DemoWorld) -> Iterator[FakeWorld]:
    """A server of this test's own, with an empty log and no faults."""
    with running(demo_world) as fake:
        yield fake


@pytest.fixture(scope="session")
def motion(demo_world: DemoWorld) -> bytes:
    """A motion of 24 MiB: the demo's, and behind it a box that players pass over."""
    free = 24 * MIB
    noise = Random(3).randbytes(free - 8)  # noqa: S311 - test data
    return demo_world.original(LIVE_NOTE, "live-1") + free.to_bytes(4, "big") + b"free" + noise


@pytest.fixture
def altered(demo_world: DemoWorld) -> Iterator[tuple[AlteredWorld, FakeWorld]]:
    """A world whose replies and files the test changes, and its server."""
    world = AlteredWorld(demo_world)
    with running(world) as fake:
        yield world, fake


@pytest.fixture
def large(demo_world: DemoWorld, motion: bytes) -> Iterator[FakeWorld]:
    """A world whose mirrors have it too."""
    world = AlteredWorld(demo_world)
    world.tells("v1", LIVE_NOTE, without_sizes)
    world.serves(STREAM[1:], motion)
    with running(world) as fake:
        yield fake


@pytest.fixture
def hosted(motion: bytes) -> Hosts:
    """Makes the motion's first host, with faults."""
    return lambda **named: serving(RangedHost(motion, **named))


@pytest.fixture
def api(demo_world: DemoWorld) -> Iterator[ScriptedApi]:
    """The API without a socket: aioresponses answers from the demo world, or as the test scripts it."""
    with mocked_http() as mocked:
        yield ScriptedApi(mocked, demo_world)


@pytest.fixture
def half_sent(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a server has sent the half of a body after which it is to fall silent or hang up."""
    sent, half = threading.Event(), fault_letters.send_half

    async def noted(writer: ResponseWriter, answer: HttpResponse) -> None:
        await half(writer, answer)
        sent.set()

    monkeypatch.setattr(fault_letters, "send_half", noted)
    return sent


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token to look for, and nothing else of the developer's own settings."""
    monkeypatch.setenv("XHARCHIVE_TOKEN", "s3cret/t0ken+of=tests")
    monkeypatch.delenv("XHARCHIVE_ALLOW_HOSTS", raising=False)
    monkeypatch.delenv("XHARCHIVE_MIN_RATE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def python_s_own_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process have the event loop that every user has; those in another process, uvloop."""
    monkeypatch.setitem(sys.modules, "uvloop", None)


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures count as decoded: for tests of many runs, where starting decoders would take all the time."""

    async def examine(*_arguments: object) -> DecodedImage:
        return DecodedImage(DecodeStatus.DECODED)

    monkeypatch.setattr(Converter, "examine", examine)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """The threads that hash and write."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files and folders that were synced, in order; every fsync goes through."""
    paths: list[Path] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        paths.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    return paths


@pytest.fixture
def descriptors(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """The descriptors opened for bodies and not closed yet; none is left at the end of a test."""
    opened: set[int] = set()
    really_open, really_close = os.open, os.close

    def recorded_open(path: object, *rest: object, **named: object) -> int:
        descriptor = really_open(path, *rest, **named)  # type: ignore[arg-type]
        opened.add(descriptor)
        return descriptor

    def recorded_close(descriptor: int) -> None:
        opened.discard(descriptor)
        really_close(descriptor)

    monkeypatch.setattr(os, "open", recorded_open)
    monkeypatch.setattr(os, "close", recorded_close)
    yield opened
    assert not opened, "a body's file was left open"


@pytest.fixture(scope="session")
def hostile_world(demo_world: DemoWorld) -> Iterator[FakeWorld]:
    """One server for all runs over hostile archives."""
    with running(demo_world) as fake:
        yield fake


@pytest.fixture(scope="session")
def good_archive(hostile_world: FakeWorld, tmp_path_factory: pytest.TempPathFactory) -> GoodArchive:
    """The archive of which all hostile ones are copies."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XHARCHIVE_TOKEN", "s3cret/t0ken+of=tests")
        return make_good_archive(tmp_path_factory.mktemp("good"), hostile_world)


@pytest.fixture
def scene(good_archive: GoodArchive, tmp_path: Path) -> Iterator[Scene]:
    """A copy of the good archive, to be prepared, and witnesses around it."""
    listener = Listener()
    made = Scene(tmp_path / "scene", good_archive, listener)
    made.lay_out()
    yield made
    listener.close()
    # Not `shutil.rmtree`: folders may be nested deeper than it recurses.
    subprocess.run(["rm", "-rf", made.folder], check=True)
