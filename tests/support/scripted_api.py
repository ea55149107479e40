"""The API's side of a conversation, from a script, without a socket; and a resolver that talks to it."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from aioresponses import CallbackResult, aioresponses
from yarl import URL

from support.archive_paths import guarded
from xharchive.api import ApiClient, CallOptions
from xharchive.api.ledger import Ledger
from xharchive.archive import ReplyStore
from xharchive.archive_path import ArchivePath
from xharchive.demo.server import API_PATHS
from xharchive.demo.world import DemoWorld
from xharchive.events import Call, Event
from xharchive.http import TransportOptions, connect
from xharchive.models import NoteId
from xharchive.parsers import parse_endpoint_order
from xharchive.redaction import Secret
from xharchive.resolver import Resolution, Resolver
from xharchive.retry import RetryPolicy

__all__ = ["TOKEN", "Desk", "Http", "ScriptedApi", "envelope", "resolving"]

TOKEN = "t0p&s3cret/+=?#%z"
"""A token whose every other letter means something in a URL."""


def envelope(code: object, data: object = None, message: str | None = None) -> bytes:
    """A reply of the vendor's."""
    return json.dumps({"code": code, "message": message, "recordTime": None, "data": data}).encode()


@dataclass(frozen=True)
class Http:
    """An answer in HTTP's own words."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Scripted = int | bytes | Http | Exception


class ScriptedApi:
    """Answers as the demo world would, except where `script[endpoint]` lists something else to say first.

    An int is a vendor's code, bytes are a body, an exception breaks the connection; after the last item of a
    list ending in `...` that item goes on for ever.
    """

    def __init__(self, mocked: aioresponses, world: DemoWorld) -> None:
        self.world = world
        self.script: dict[str, list[Any]] = {}
        self.calls: list[str] = []
        self.urls: list[URL] = []
        self.ledger: Path | None = None
        self.ledger_at_request: list[list[dict[str, object]]] = []
        mocked.get(re.compile(r"https://api\.justoneapi\.com/"), callback=self._answer, repeat=True)

    def _answer(self, url: URL, **_named: object) -> CallbackResult:
        endpoint, note = API_PATHS[url.path], url.query["noteId"]
        self.calls.append(f"{endpoint} {note}")
        self.urls.append(url)
        if self.ledger is not None:
            self.ledger_at_request.append(lines_of(self.ledger))
        said = self._next(endpoint)
        if isinstance(said, Exception):
            raise said
        if said is None:
            said = self.world.reply(endpoint, note)
        if isinstance(said, int):
            said = envelope(said)
        answer = Http(200, said) if isinstance(said, bytes) else said
        return CallbackResult(status=answer.status, body=answer.body, headers=answer.headers)

    def _next(self, endpoint: str) -> Scripted | None:
        queue = self.script.get(endpoint) or self.script.get("*")
        if not queue:
            return None
        if len(queue) == 2 and queue[1] is ...:
            return queue[0]  # type: ignore[no-any-return]
        return queue.pop(0)  # type: ignore[no-any-return]


def lines_of(path: Path) -> list[dict[str, object]]:
    """The records of a ledger so far."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@dataclass
class Desk:
    """A resolver at work, and everything it leaves: calls, pauses, events, ledger, kept replies."""

    resolver: Resolver
    root: Path
    api: ScriptedApi
    waits: list[float]
    events: list[Event]

    def shelf(self, note: str) -> ReplyStore:
        root = ArchivePath(self.root)
        return ReplyStore(root / note / "replies", (root / "published" / "replies",))

    async def resolve(self, note: str) -> Resolution:
        return await self.resolver.resolve(NoteId(note), self.shelf(note))

    def kept(self, note: str) -> dict[str, bytes]:
        folder = self.root / note / "replies"
        return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.json"))}

    @property
    def ledger(self) -> list[dict[str, object]]:
        return lines_of(self.root / "ledger.jsonl")

    @property
    def outcomes(self) -> list[tuple[object, object, object]]:
        """Code, HTTP status and bill of every settled call."""
        return [(at["code"], at["http"], at["billed"]) for at in self.ledger if at["event"] == "outcome"]

    @property
    def told(self) -> list[Call]:
        return [event for event in self.events if isinstance(event, Call)]

    def everything_written(self) -> bytes:
        files = (path.read_bytes() for path in sorted(self.root.rglob("*")) if path.is_file())
        return b"\n".join([*files, repr(self.events).encode()])


@asynccontextmanager
async def resolving(
    api: ScriptedApi,
    root: Path,
    *,
    endpoints: str = "v1,v6,pgy",
    retry: RetryPolicy | None = None,
    api_jobs: int = 3,
    **transport_options: Any,
) -> AsyncIterator[Desk]:
    """Yield a resolver over the real transport; its pauses are written down, nobody sleeps."""
    waits: list[float] = []
    events: list[Event] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    api.ledger = root / "ledger.jsonl"
    options = TransportOptions(token=Secret(TOKEN), api_jobs=api_jobs, **transport_options)
    async with connect(options) as transport:
        policy = retry or RetryPolicy(2, 1.0)
        calls = ApiClient(
            transport,
            Ledger(guarded(api.ledger), "run", lambda: datetime(2026, 1, 2, tzinfo=UTC)),
            CallOptions(policy, api_jobs),
            events.append,
            random=Random(7),  # noqa: S311 - spreads pauses
            wait=wait,
        )
        resolver = Resolver(calls, parse_endpoint_order(endpoints), policy.retries)
        yield Desk(resolver, root, api, waits, events)
