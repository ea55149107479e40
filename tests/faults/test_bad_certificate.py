"""A certificate that nobody vouches for: the API's address is in somebody else's hands."""

import asyncio
import ssl
import sys
from pathlib import Path

import pytest
from support.command import ledger
from support.raw_http import certificate, head, listening_on, say
from support.single_run import LIVE_NOTE


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("tls", [True, False])
async def test_the_token_is_not_sent(tmp_path: Path, tls: bool) -> None:
    """Self-signed, or no TLS at all where https was asked for: nothing is sent, least of all in clear.

    The note fails, exit 3, and the ledger knows that the calls cost nothing.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate(tmp_path, "localhost"))
    archive = tmp_path / "archive"
    async with listening_on(say(head(200, length=2) + b"{}"), server if tls else None) as wire:
        base = f"https://localhost:{wire.port}"
        command = ["-P", "-m", "xharchive", "get", LIVE_NOTE, "-d", str(archive), "--api-base", base]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--retries", "0", stderr=asyncio.subprocess.PIPE
        )
        _, told = await process.communicate()
    assert process.returncode == 3, told
    assert tls or wire.connections >= 1  # a handshake that fails is no connection yet
    assert wire.asked == []
    assert b"Traceback" not in told
    if tls:
        assert b"its TLS certificate is not valid" in told
        assert [line["billed"] for line in ledger(archive) if line["event"] == "outcome"] == ["no"]
    assert list(archive.glob("*/manifest.json")) == []
