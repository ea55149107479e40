"""The demo world on a loopback port, in a thread: every request it saw, and faults by script."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.fault_letters import FaultyHandler, serve_faulty
from support.recorded_responses import SeenRequest
from xharchive.demo.server import API_HOSTS, RunningServer
from xharchive.demo.world import DemoWorld


@dataclass
class FakeWorld:
    """A running world. `script[(host, start of path)] = "5o"` makes the first request fail, the second work.

    After its last letter a script goes on with that letter. Hosts as in production; the API's host is
    "127.0.0.1". `everywhere` is the script of all media that no other one is for. `seen` are the requests
    that were answered, `asked` (host and path) also those under way.
    """

    world: DemoWorld
    script: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    everywhere: str = ""
    port: int = 0
    _news: threading.Condition = field(default_factory=threading.Condition)
    _is_waited_for: bool = False
    _under_way: int = 0
    _answered: list[SeenRequest] = field(default_factory=list)

    @property
    def api_base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> list[str]:
        """The command line that leads here, with production URLs unchanged; it makes no gallery."""
        return [*self.with_gallery, "--no-gallery"]

    @property
    def with_gallery(self) -> list[str]:
        """The same with a gallery at the end, which costs more than the run of a small note."""
        return ["--api-base", self.api_base, "--resolve", f"*=127.0.0.1:{self.port}", "--retry-wait", "0.01"]

    @property
    def calls(self) -> list[str]:
        """The API requests so far, as "v1 <note id>"."""
        return [_call(seen.raw_path) for seen in self.seen if seen.kind == "api"]

    @property
    def calls_that_came(self) -> list[str]:
        """The API requests that arrived, also those whose client was killed, as "v1 <note id>"."""
        return [_call(asked) for asked in self.asked if asked.partition("/")[0] in API_HOSTS]

    @property
    def media(self) -> list[str]:
        """The media requests so far, as "host/path?query"."""
        return [seen.host + seen.raw_path for seen in self.seen if seen.kind == "media"]

    def count(self, host: str, path: str) -> int:
        """How many requests for this host and path (without query) came."""
        return sum(seen.host == host and seen.raw_path.partition("?")[0] == path for seen in self.seen)

    def until(self, enough: Callable[[], bool]) -> None:
        """Wait until the server was asked, or has answered, enough."""
        with self._news:
            self._is_waited_for = True
            try:
                assert self._news.wait_for(enough, timeout=60), "it never happened"
            finally:
                self._is_waited_for = False

    @property
    def seen(self) -> list[SeenRequest]:
        """The answers, those too which a client had whole before this server's thread came to note them down.

        An answer that is held back on purpose is not waited for in earnest.
        """
        with self._news:
            if not self._is_waited_for:
                self._news.wait_for(lambda: self._under_way == 0, timeout=1)
            return list(self._answered)

    def forget(self) -> None:
        """Begin anew with what was answered."""
        with self._news:
            self._answered.clear()

    def note_down(self, seen: SeenRequest) -> None:
        with self._news:
            self._answered.append(seen)
            self._under_way -= 1
            self._news.notify_all()

    def fault(self, host: str, raw_path: str, number: int) -> str | None:
        with self._news:
            self.asked.append(host + raw_path)
            self._under_way += 1
            self._news.notify_all()
        for (scripted_host, start), letters in self.script.items():
            if scripted_host in (host, "*") and raw_path.startswith(start):
                return letters[min(number, len(letters)) - 1]
        if self.everywhere and host != "127.0.0.1":
            return self.everywhere[min(number, len(self.everywhere)) - 1]
        return None


def _call(raw_path: str) -> str:
    return f"{_endpoint(raw_path)} {raw_path.rpartition('noteId=')[2][:24]}"


def _endpoint(raw_path: str) -> str:
    path = raw_path.partition("?")[0]
    return "pgy" if "pgy" in path else path.rpartition("/")[2]


@contextmanager
def running(world: DemoWorld, script: Mapping[tuple[str, str], str] | None = None) -> Iterator[FakeWorld]:
    """Serve a world from another thread until the block ends."""
    fake = FakeWorld(world, dict(script or {}))
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def stay() -> None:
        async with serve_faulty(FaultyHandler(world, fake.note_down, fake.fault)) as up:
            fake.port = _port(up)
            started.set()
            await stop.wait()

    def live() -> None:
        try:
            loop.run_until_complete(stay())
        finally:
            started.set()
            loop.close()

    thread = threading.Thread(target=live, name="fake-world")
    thread.start()
    started.wait()
    assert fake.port, "the world did not start"
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _port(up: RunningServer) -> int:
    return up.port


def outcomes(lines: list[dict[str, object]]) -> Counter[str]:
    """Count the notes of a run's events by outcome."""
    return Counter(str(line["outcome"]) for line in lines if line["event"] == "note_finished")
