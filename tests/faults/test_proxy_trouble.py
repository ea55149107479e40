"""Runs behind a proxy: one that serves, refuses, is down, or wants a password."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import ledger, manifests, run
from support.fake_world import FakeWorld
from support.loopback_proxy import LoopbackProxy, SocksProxy
from support.raw_http import certificate, deaf_port
from support.served_host import serving
from support.tls_front import TlsFront

from xharchive.demo.demo_listings import short_link

NOTE = "69aed4e2000000000e00c358"
API = "api.justoneapi.com"
PLAIN = ["--api-base", f"http://{API}", "--allow-plain-http"]
QUICK = ["--no-gallery", "--image-format", "keep", "--retries", "0", "--retry-wait", "0.01", "-v"]


@pytest.mark.needs("openssl")
def test_calls_media_and_short_links_go_through_the_proxy_of_the_environment(
    world: FakeWorld, tmp_path: Path
) -> None:
    """All by CONNECT, TLS from end to end: the proxy sees no token. Its password is in nothing."""
    pem = certificate(
        tmp_path,
        API,
        *(f"{name}{domain}" for name in ("", "*.") for domain in ("xhscdn.com", "rednotecdn.com")),
        "xhslink.com",
        "ci.xiaohongshu.com",
    )
    with (
        serving(TlsFront(pem, world.port)) as front,
        serving(LoopbackProxy(https=front.port, login="reader:pass/w0rd@1")) as proxy,
    ):
        address = f"http://reader:pass%2Fw0rd%401@127.0.0.1:{proxy.port}"
        command = [
            sys.executable,
            "-P",
            "-m",
            "xharchive",
            "get",
            short_link(NOTE),
            "-d",
            str(tmp_path / "a"),
        ]
        ran = subprocess.run(
            [*command, *QUICK],
            env={**os.environ, "HTTPS_PROXY": address, "SSL_CERT_FILE": str(pem)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    assert manifests(tmp_path / "a")[NOTE]["state"] == "complete"
    assert world.calls == [f"v1 {NOTE}"]
    hosts = {asked.removeprefix("CONNECT ").removesuffix(":443") for asked in proxy.asked}
    assert {API, "xhslink.com"} < hosts
    assert {seen.host for seen in world.seen} == hosts
    assert os.environ["XHARCHIVE_TOKEN"].encode() not in proxy.heard
    written = b"".join(file.read_bytes() for file in (tmp_path / "a").rglob("*") if file.is_file())
    assert b"w0rd" not in written + (ran.stdout + ran.stderr).encode()


def test_plain_http_is_forwarded_by_the_proxy(world: FakeWorld, tmp_path: Path, no_workers: None) -> None:
    """Where the proxy does not reach a host's https, plain http goes through it, as without a proxy."""
    with serving(LoopbackProxy(http=world.port, login="reader:w0rd")) as proxy:
        address = f"http://reader:w0rd@127.0.0.1:{proxy.port}"
        ran = run(["get", NOTE, "-d", tmp_path, "--proxy", address, *PLAIN, *QUICK])
    assert ran.code == 0, ran.err
    assert manifests(tmp_path)[NOTE]["state"] == "complete"
    assert "w0rd" not in ran.err
    assert any(asked.startswith(f"GET http://{API}/") for asked in proxy.asked)
    assert any(asked.startswith("CONNECT ") for asked in proxy.asked)


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        (LoopbackProxy(status=407), "wants a user name and password (407)"),
        (LoopbackProxy(login="reader:other"), "wants a user name and password (407)"),
        (LoopbackProxy(status=403), "refuses to connect to it (403)"),
        (LoopbackProxy(status=502), "does not connect to it (502)"),
        (LoopbackProxy(hangs_up=True), "broke the connection"),
    ],
    ids=["407", "wrong password", "403", "502", "hangs up"],
)
def test_a_proxy_that_does_not_connect_is_named_and_nothing_is_billed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: LoopbackProxy, words: str
) -> None:
    """One sentence with the proxy's address and no password; the ledger has calls that were not billed."""
    with serving(proxy):
        monkeypatch.setenv("https_proxy", f"http://reader:w0rd@127.0.0.1:{proxy.port}")
        ran = run(["get", NOTE, "-d", tmp_path, *QUICK])
    assert ran.code == 3
    assert words in ran.err
    assert f"http://127.0.0.1:{proxy.port}" in ran.err
    assert "w0rd" not in ran.err
    assert {line["billed"] for line in ledger(tmp_path) if line["event"] == "outcome"} == {"no"}
    assert {asked.partition(" ")[2] for asked in proxy.asked} == {f"{API}:443"}
    assert not manifests(tmp_path)


def test_a_proxy_that_is_down_is_named_and_nothing_is_billed(tmp_path: Path) -> None:
    """No host is asked directly instead."""
    with deaf_port() as port:
        ran = run(["get", NOTE, "-d", tmp_path, "--proxy", f"127.0.0.1:{port}", *QUICK])
    assert ran.code == 3
    assert f"the proxy http://127.0.0.1:{port}: no connection; is it running?" in ran.err
    assert {line["billed"] for line in ledger(tmp_path) if line["event"] == "outcome"} == {"no"}


@pytest.mark.parametrize("off", [["--no-proxy"], []], ids=["--no-proxy", "loopback and --resolve"])
def test_a_proxy_is_not_used_where_it_is_not_wanted(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_workers: None, off: list[str]
) -> None:
    """Nor for a loopback target and for hosts that `--resolve` leads elsewhere."""
    with serving(LoopbackProxy(status=502)) as proxy:
        for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        ran = run(["get", NOTE, "-d", tmp_path, *off, "--image-format", "keep", *world.options])
    assert ran.code == 0, ran.err
    assert proxy.asked == []


def test_a_socks_proxy_resolves_the_names(world: FakeWorld, tmp_path: Path, no_workers: None) -> None:
    """Calls and media go through it; a host whose https it does not reach is asked in plain http."""
    pytest.importorskip("aiohttp_socks", reason="needs aiohttp-socks, the extra for SOCKS proxies")
    with serving(SocksProxy(http=world.port)) as proxy:
        ran = run(["get", NOTE, "-d", tmp_path, "--proxy", proxy.address, *PLAIN, *QUICK])
    assert ran.code == 0, ran.err
    assert f"{API}:80" in proxy.asked
    assert manifests(tmp_path)[NOTE]["state"] == "complete"


def test_a_socks_proxy_without_its_library_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is asked, and without the password."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("ALL_PROXY", "socks5://reader:w0rd@127.0.0.1:9")
    ran = run(["get", NOTE, "-d", tmp_path / "a"])
    assert (ran.code, "pip install aiohttp-socks" in ran.err, "w0rd" in ran.err) == (2, True, False)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    "value",
    [
        "ftp://h:1",
        "http://",
        "http://h:99999",
        "http://u:w0rd/x@h:1",
        "http://u:w0rd@h:x",
        "h:0",
        "http://a b:1",
        "",
    ],
)
def test_what_is_no_proxy_is_refused_without_repeating_it(tmp_path: Path, value: str) -> None:
    """It may hold a password."""
    ran = run(["get", NOTE, "-d", tmp_path / "a", "--proxy", value])
    assert ran.code == 2
    assert "--proxy: expected the address of a proxy" in ran.err
    assert "w0rd" not in ran.err
