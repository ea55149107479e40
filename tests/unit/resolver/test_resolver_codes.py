"""What the resolver does about every code, status and broken answer (docs/api.md#codes)."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from support.scripted_api import Http, ScriptedApi, envelope, resolving

from xharchive.api.status_codes import CODES, Action
from xharchive.demo.world import DemoWorld
from xharchive.errors import NoteFailed, Refused
from xharchive.retry import RetryPolicy

IMAGE_NOTE = "69aed4e2000000000e00c358"
STOPS = sorted(code for code, meaning in CODES.items() if meaning.action is Action.STOP)


def test_the_terminal_codes_are_these() -> None:
    """Token, quota, permission, balance, limit of the token."""
    assert STOPS == [100, 303, 600, 601, 602]


@pytest.mark.parametrize("code", STOPS)
@pytest.mark.parametrize("http", [200, 403])
async def test_a_terminal_code_stops_at_once(
    api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld, code: int, http: int
) -> None:
    """Twelve notes, three calls at once: at most three calls are made, then nobody asks any more."""
    api.script["*"] = [Http(http, envelope(code, message="no")), ...]
    notes = list(demo_world.notes)[:12]
    async with resolving(api, tmp_path, api_jobs=3) as desk:
        ends = await asyncio.gather(*(desk.resolve(note) for note in notes), return_exceptions=True)
        with pytest.raises(Refused):
            await desk.resolve(notes[0])
    assert all(isinstance(end, Refused) for end in ends)
    assert 1 <= len(api.calls) <= 3
    assert set(desk.outcomes) == {(code, http, "no")}
    assert str(desk.resolver.refused) == CODES[code].text
    assert desk.waits == []


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (301, (301, 200, "no")),
        (500, (500, 200, "no")),
        (envelope("301"), (301, 200, "no")),
        (Http(500, envelope(301)), (301, 500, "no")),
        (Http(500, b"oops"), (None, 500, "unknown")),
        (Http(503, b"<html>"), (None, 503, "unknown")),
        (aiohttp.ServerDisconnectedError(), (None, None, "unknown")),
        (TimeoutError(), (None, None, "unknown")),
        (aiohttp.ConnectionTimeoutError(), (None, None, "no")),
    ],
)
async def test_what_may_pass_is_asked_again(
    api: ScriptedApi, tmp_path: Path, trouble: object, outcome: tuple[object, object, object]
) -> None:
    """Once in trouble, once well: two calls, one pause, and the ledger tells what each may have cost."""
    api.script["v1"] = [trouble]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert api.calls == [f"v1 {IMAGE_NOTE}"] * 2
    assert [call.reason for call in desk.told] == ["first", "retry"]
    assert len(desk.waits) == 1
    assert desk.outcomes == [outcome, (0, 200, "yes")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html>busy</html>", 200),
        (b'{"code": 0, "data": [', 200),
        (b"[" * 200_000, 200),
        (b'{"data": {}}', 200),
        (b'{"code": true}', 200),
        (b"", 200),
        (b"", 204),
    ],
)
async def test_an_endpoint_without_a_usable_envelope_is_asked_once_in_a_run(
    api: ScriptedApi, tmp_path: Path, body: bytes, status: int
) -> None:
    """It may have been billed: the others are asked, and none of them a second time."""
    api.script["*"] = [Http(status, body), ...]
    async with resolving(api, tmp_path) as desk:
        for _ in range(2):
            with pytest.raises(NoteFailed, match="v1"):
                await desk.resolve(IMAGE_NOTE)
    assert [call.split()[0] for call in api.calls] == ["v1", "v6", "pgy"]
    assert desk.outcomes == [(None, status, "unknown")] * 3
    assert desk.waits == []
    assert desk.kept(IMAGE_NOTE) == {}
    saved = [(tmp_path / str(line["body"])).read_bytes() for line in desk.ledger if "body" in line]
    assert saved == ([body] * 3 if body else [])


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_the_retries_belong_to_the_note_not_to_the_endpoint(
    api: ScriptedApi, tmp_path: Path, retries: int
) -> None:
    """Once the note's retries are spent, every further endpoint gets one call and no more."""
    api.script["*"] = [500, ...]
    async with resolving(api, tmp_path, retry=RetryPolicy(retries, 1.0, 4.0)) as desk:
        with pytest.raises(NoteFailed, match="v1: the API reports an error of its own"):
            await desk.resolve(IMAGE_NOTE)
    assert [call.split()[0] for call in api.calls] == ["v1"] * (retries + 1) + ["v6", "pgy"]
    assert len(desk.waits) == retries
    for attempt, seconds in enumerate(desk.waits):
        whole = min(2.0**attempt, 4.0)
        assert whole / 2 <= seconds <= whole


@pytest.mark.parametrize(
    ("answer", "code", "status", "bill", "words"),
    [
        (400, 400, 200, "no", "the note id is not valid"),
        (Http(400, envelope("400", message="bad noteId")), 400, 400, "no", r"\(code 400: bad noteId\)"),
        (Http(400, b"<html>"), None, 400, "no", "the note id is not valid"),
        (404, 404, 200, "unknown", r"a code that is not documented \(code 404\)"),
        (envelope(-1, message="x" * 999), -1, 200, "unknown", r"code -1: x{120}\)"),
        (Http(404, b""), None, 404, "unknown", "HTTP 404"),
        (Http(418, b"{}"), None, 418, "unknown", "HTTP 418"),
        (Http(302, b"", {"Location": "https://evil.example/?a"}), None, None, "unknown", "never followed"),
        (aiohttp.InvalidURL("?"), None, None, "unknown", "not valid HTTP"),
    ],
)
async def test_what_will_not_pass_fails_the_note_after_one_call(
    api: ScriptedApi,
    tmp_path: Path,
    answer: object,
    code: int | None,
    status: int | None,
    bill: str,
    words: str,
) -> None:
    """A wrong id, an unknown code, a redirect: reported as it is, not asked again."""
    api.script["v1"] = [answer, ...]
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(NoteFailed, match=words) as failed:
            await desk.resolve(IMAGE_NOTE)
    assert failed.value.reason == "refused-by-api"
    assert api.calls == [f"v1 {IMAGE_NOTE}"]
    assert desk.outcomes == [(code, status, bill)]
    assert desk.waits == []
    assert desk.kept(IMAGE_NOTE) == {}


@pytest.mark.parametrize(("status", "words"), [(401, "token"), (403, "permission")])
async def test_a_status_without_an_envelope_stops_too(
    api: ScriptedApi, tmp_path: Path, status: int, words: str
) -> None:
    """401 and 403 without a code mean the token all the same."""
    api.script["v1"] = [Http(status, b"<html>no</html>")]
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(Refused, match=words):
            await desk.resolve(IMAGE_NOTE)
    assert desk.outcomes == [(None, status, "no")]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
async def test_the_envelope_beats_the_status(
    api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld, status: int
) -> None:
    """Code 0 is an answer whatever the HTTP status says (docs/api.md#envelope)."""
    api.script["v1"] = [Http(status, demo_world.reply("v1", IMAGE_NOTE))]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert desk.outcomes == [(0, status, "yes")]


async def test_a_numeric_text_is_a_code(api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld) -> None:
    """The vendor's own clients accept "0" for 0."""
    body = demo_world.reply("v1", IMAGE_NOTE).replace(b'"code": 0', b'"code": "0"', 1)
    api.script["v1"] = [body]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert desk.outcomes == [(0, 200, "yes")]


async def test_a_reply_beyond_the_limit_is_refused(api: ScriptedApi, tmp_path: Path) -> None:
    """An endless reply ends at the limit, is saved so far, and is not asked for again."""
    api.script["v1"] = [b"x" * 2_000_000, ...]
    async with resolving(api, tmp_path, largest_reply=1 << 20) as desk:
        with pytest.raises(NoteFailed, match="more than 1 MiB"):
            await desk.resolve(IMAGE_NOTE)
        with pytest.raises(NoteFailed, match="more than 1 MiB"):
            await desk.resolve(IMAGE_NOTE)
    assert desk.kept(IMAGE_NOTE) == {}
    assert len(api.calls) == 1
    saved = str(desk.ledger[-1]["body"])
    assert saved.endswith(".cut.body")
    assert (tmp_path / saved).read_bytes() == b"x" * (1 << 20)


async def test_a_bad_certificate_costs_nothing_and_is_not_tried_again(
    api: ScriptedApi, tmp_path: Path
) -> None:
    """Whoever has a wrong certificate got no request: there is no bill, and nothing to wait for."""
    reason = aiohttp.ClientConnectorCertificateError(None, Exception("self-signed"))  # type: ignore[arg-type]
    api.script["*"] = [reason, ...]
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(NoteFailed, match="certificate"):
            await desk.resolve(IMAGE_NOTE)
    assert desk.outcomes == [(None, None, "no")]
    assert len(api.calls) == 1
