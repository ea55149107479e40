"""Runs that fail loudly, and then every byte they wrote or printed is searched for what must not leak.

The token in no form anywhere. Signatures of URLs, `xsec_token` and passwords of proxies nowhere but in kept
replies: a reply is the raw body that was paid for, it must stay whole for a better parser to read it, and
the vendor's signed URLs are its content (docs/reliability.md#secrets-certificates-and-proxies).
"""

import base64
import json
import logging
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.another_process import started
from support.command import Ran, run
from support.fake_world import FakeWorld, running
from support.single_run import HEIC, STREAM

from xharchive.demo.world import DemoWorld
from xharchive.run.archive_note import NoteRun

TOKEN = r"""q"u\o+t/e&d=<x>%~'tok|en"""
PASSWORD = "pr0xy-passw0rd"
XSEC = "ABxsec0token9IfWfPBnr07jLpjh="
WEB_SIGNATURE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
LIVE, VIDEO, PGY = "69aed4e2000000000e00c358", "69637d24000000001b01d5f2", "65c0b3fc000000002c037a49"
ECHOED, STILLS = "6a34c6f0000000000900d3b8", "68f2b6a0000000000703a1c4"
SIGNATURES = re.compile(rb"\bsign=[0-9a-f]{8,}|[?&]t=[0-9a-f]{8}\b")
WORDS_OF_A_LOG = (
    "GET /api/x?token={} HTTP/1.1 at https://cdn/x?sign=0123456789abcdef "
    f"and https://cdn/202611200101/{WEB_SIGNATURE}/spectrum/x!nd_dft"
)


def forms(secret: str) -> set[bytes]:
    """Every way in which a text gets into files: plain, percent-encoded, escaped, base64, hex."""
    raw = secret.encode()
    percent = {quote(secret), quote(secret, safe=""), quote(secret, safe="/+=&~|'")}
    found = {secret, *percent, *map(str.lower, percent), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    found |= {
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        secret.replace("&", "\\u0026").replace("<", "\\u003c"),
    }
    found |= {raw.hex(), raw.hex().upper()}
    for shift in range(3):  # the same bytes look different at each place in a group of three
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(shift) + raw).decode()
            found.add(whole[4 if shift else 0 :].rstrip("=")[:-2])
    return {form.encode() for form in found}


def written(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of an archive, with its name as a content of its own."""
    for path in archive.rglob("*"):
        yield f"the name {path.name}", path.name.encode()
        if path.is_file():
            yield path.relative_to(archive).as_posix(), path.read_bytes()


def assert_nothing_leaked(archive: Path, *printed: str) -> None:
    contents = [("printed", text.encode()) for text in printed] + list(written(archive))
    passwords = forms(PASSWORD) | {WEB_SIGNATURE.encode()} | forms(XSEC)
    for where, content in contents:
        leaked = [form for form in forms(TOKEN) if form in content]
        assert leaked == [], where
        if "/replies/" not in where:
            assert SIGNATURES.findall(content) == [], where
            assert [form for form in passwords if form in content] == [], where


class Troubled(DemoWorld):
    """A world whose API repeats the token, and whose pictures carry the web's signatures in their paths."""

    def reply(self, endpoint: str, note_id: str) -> bytes:
        body = super().reply(endpoint, note_id)
        if note_id == ECHOED:
            echoes = " ".join([TOKEN, quote(TOKEN, safe=""), quote(TOKEN)])
            return json.dumps({"code": 400, "message": f"{echoes} x" * 3, "data": None}).encode()
        if note_id == STILLS:
            web = f"http://sns-webpic-qc.xhscdn.com/202611200101/{WEB_SIGNATURE}/spectrum/gone{{}}!nd_dft"
            reply: dict[str, Any] = json.loads(body)
            note = reply["data"][0]["note_list"][0]
            folded = (
                f"http://sns-webpic-qc.xhscdn.com/in/202611200101/{WEB_SIGNATURE}/sign=0123456789abcdef/x"
            )
            note["images_list"] = [{"url": web.format(place)} for place in range(3)] + [{"url": folded}]
            note["desc"] = f"the token {TOKEN} in a text"
            return json.dumps(reply).encode()
        return body


@pytest.fixture
def world(demo_world: DemoWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorld]:
    """Misfortunes of most kinds, on the API's side and on the CDN's; and proxies that must not be used."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://user:{PASSWORD}@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("XHARCHIVE_TOKEN", TOKEN)
    troubled = Troubled()
    troubled.__dict__.update(demo_world.__dict__)  # its media are made already
    with running(troubled) as fake:
        fake.script = {
            ("127.0.0.1", "/api/xiaohongshu/get-note-detail/v6"): "HXJR",
            ("*", "/pre_post/"): "B",
            ("ci.xiaohongshu.com", HEIC): "R",
            ("*", "/notes_uhdr/"): "3",
            ("sns-v8.rednotecdn.com", STREAM): "C",
            ("sns-v10.rednotecdn.com", STREAM): "H",
            ("*", "/livephoto/"): "L",
            ("*", "/subtitle/"): "X",
            ("*", "/spectrum/"): "4",
        }
        yield fake


def get(world: FakeWorld, archive: Path, *more: str) -> Ran:
    options = [*world.options, "-v", "-v", "--image-format", "keep", *more]
    share = f"https://www.xiaohongshu.com/explore/{PGY}?xsec_token={XSEC}&xsec_source=app_share"
    return run(["get", LIVE, VIDEO, ECHOED, STILLS, share, "-d", archive, *options])


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_run_that_fails_in_every_way(world: FakeWorld, tmp_path: Path, output: list[str]) -> None:
    """As loud as it can be; the proxies of the environment are never asked, because they would see it all."""
    ran = get(world, tmp_path, *output)
    assert ran.code == 3
    assert "bug" not in ran.err
    assert "***" in ran.out + ran.err  # the echo of the API was shown, without the token
    assert len(ran.err.splitlines()) > 20
    assert len(world.calls) >= 5
    assert world.media
    assert (tmp_path / ".xharchive" / "ledger.jsonl").stat().st_size > 0
    assert list(tmp_path.glob("*/manifest.json"))
    (web,) = tmp_path.glob(f"*{STILLS}/manifest.json")
    assert "/202611200101/***/spectrum/gone0!nd_dft" in web.read_text("utf-8")
    assert "/in/202611200101/***/sign=***" in web.read_text("utf-8")
    assert_nothing_leaked(tmp_path, ran.out, ran.err)


def test_a_token_from_a_file(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where the environment has none, and where a bug speaks of the file's token."""
    monkeypatch.delenv("XHARCHIVE_TOKEN")
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    ran = get(world, tmp_path / "archive", "--token-file", str(file))
    assert ran.code == 3
    assert_nothing_leaked(tmp_path / "archive", ran.out, ran.err)

    async def bug(_story: NoteRun, _resolved: object) -> None:
        raise RuntimeError(f"https://api/x?token={quote(TOKEN)}&sign=0123456789abcdef {TOKEN}")

    monkeypatch.setattr(NoteRun, "archive", bug)
    ran = get(world, tmp_path / "other", "--token-file", str(file))
    assert ran.code == 1
    assert_nothing_leaked(tmp_path / "other", ran.out, ran.err)


@pytest.mark.parametrize("padding", range(140, 201, 5))
def test_a_bug_that_speaks_of_the_token(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: int
) -> None:
    """One sentence without a traceback; also where the sentence is cut in the middle of the token."""

    async def bug(_story: NoteRun, _resolved: object) -> None:
        raise RuntimeError("." * padding + TOKEN + f" http://user:{PASSWORD}@proxy/")

    monkeypatch.setattr(NoteRun, "archive", bug)
    ran = get(world, tmp_path)
    assert ran.code == 1
    assert "a bug in xharchive (RuntimeError: ...." in ran.err
    assert "Traceback" not in ran.err
    for length in range(6, len(TOKEN)):  # no longer beginning of it either
        assert TOKEN[:length] not in ran.err
    assert_nothing_leaked(tmp_path, ran.out, ran.err)


def test_what_libraries_log(world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio logs exceptions that nobody looked at, with their texts: redacted, on one line."""

    async def log(_story: NoteRun, _resolved: object) -> None:
        problem = RuntimeError(WORDS_OF_A_LOG.format(TOKEN))
        logging.getLogger("asyncio").error("Task exception %s", TOKEN, exc_info=problem)
        raise problem

    monkeypatch.setattr(NoteRun, "archive", log)
    ran = get(world, tmp_path)
    assert ran.code == 1
    assert "Task exception ***" in ran.err
    assert "Traceback" not in ran.err
    assert_nothing_leaked(tmp_path, ran.out, ran.err)


def test_what_a_killed_run_leaves(world: FakeWorld, tmp_path: Path) -> None:
    """kill -9 in the middle of a body: what lies in the work folder by then is searched as well."""
    world.script = {("*", "/stream/"): "S", ("*", "/livephoto/"): "S"}
    with started(world, tmp_path, "get", LIVE, "-v", "-v") as process:
        process.until(lambda event: event["event"] == "asset_archived")
        process.signal(signal.SIGKILL)
    left = {path.suffix for path in (tmp_path / ".xharchive" / "work" / LIVE).iterdir()}
    assert left >= {".done", ".heic"}
    assert_nothing_leaked(tmp_path, json.dumps(process.events), process.told)


@pytest.mark.parametrize(
    "notes", [["not-a-note"], [f"https://evil.example/explore/x?xsec_token={XSEC}"], [TOKEN]]
)
def test_input_that_is_refused(world: FakeWorld, tmp_path: Path, notes: list[str]) -> None:
    """A pasted link with its token, or the API's own token in the wrong place, is not repeated."""
    ran = run(["get", *notes, "-d", tmp_path, *world.options])
    assert ran.code == 2
    assert_nothing_leaked(tmp_path, ran.out, ran.err)
