"""Wrong input and wrong settings: one clear sentence, exit code 2, and nothing asked, paid or written."""

from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from support.command import Ran, run
from support.fake_world import FakeWorld

from xharchive.cli.options import RUN_OPTIONS
from xharchive.cli.parser import CommandParser
from xharchive.cli.settings import RunSettings, archive_options, from_arguments
from xharchive.http.http_options import MinRate

NOTE = "69aed4e2000000000e00c358"
OTHER = "6a63481c000000000e02a9d5"


def _refused(ran: Ran, world: FakeWorld, archive: Path, *words: str) -> None:
    assert ran.code == 2, ran.err
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err
    assert world.seen == []
    assert not archive.exists()


def test_a_malformed_id_is_refused_with_its_line_number(world: FakeWorld, tmp_path: Path) -> None:
    """One bad line among good ones: nothing is paid, and the line is named."""
    notes = tmp_path / "notes.txt"
    notes.write_text(f"# my notes\n\n{NOTE}\r\nnot-a-note\n{OTHER}\n", "utf-8")
    ran = run(["get", "-i", notes, "-d", tmp_path / "a", *world.options])
    _refused(ran, world, tmp_path / "a", "line 4", "not-a-note", "nothing was asked or paid")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get"], "no notes named"),
        (["get", "-i", "/nonexistent/list.txt"], "/nonexistent/list.txt"),
        (["get", NOTE[:-1]], "24 hex digits"),
        (["get", f"https://evil.example/explore/{NOTE}"], "evil.example"),
        (["get", "https://www.xiaohongshu.com/user/profile/5d8f1a2c000000000100e4b7"], "not a note's"),
        (["get", "http://xhslink.com/"], "leads nowhere"),
        (["get", NOTE, "--failed-out", "/nonexistent/list.txt"], "--failed-out"),
        (["get", NOTE, "--after", "2026-13-01"], "--after"),
        (["get", NOTE, "--endpoints", "v1,v99"], "v99"),
        (["get", NOTE, "--api-base", "http://api.example.org"], "--allow-plain-http"),
        (["get", NOTE, "--api-base", "ftp://api.example.org"], "--api-base"),
        (["get", NOTE, "--allow-host", "127.0.0.1"], "exact port"),
        (["get", NOTE, "--allow-host", "localhost"], "exact port"),
        (["get", NOTE, "--resolve", "*"], "--resolve"),
        (["get", NOTE, "--resolve", "*=example.org:80"], "not an IP address"),
        (["get", NOTE, "--token-file", "/nonexistent/token"], "/nonexistent/token"),
        (["get", NOTE, "--jobs", "0"], "--jobs"),
        (["get", NOTE, "--timeout", "0"], "--timeout"),
        (["get", NOTE, "--min-rate", "fast"], "--min-rate"),
        (["get", NOTE, "--min-rate", "-1"], "--min-rate"),
        (["get", NOTE, "--min-rate", "2G"], "--min-rate"),
        (["get", NOTE, "--min-rate", ""], "--min-rate"),
        (["get", NOTE, "--patience", "long"], "--patience"),
        (["get", NOTE, "--patience", "-1"], "--patience"),
        (["get", NOTE, "--patience", "86401"], "--patience"),
        (["get", NOTE, "--patience", ""], "--patience"),
        (["get", NOTE, "--retry-wait", "nan"], "--retry-wait"),
        (["get", NOTE, "--quality", "101"], "--quality"),
        (["resume"], "there is no archive"),
        (["status"], "there is no archive"),
        (["verify"], "there is no archive"),
        (["frobnicate"], "frobnicate"),
        ([], "COMMAND"),
    ],
)
def test_a_wrong_setting_is_named(world: FakeWorld, tmp_path: Path, arguments: list[str], words: str) -> None:
    """The sentence says which setting is wrong; nothing else happens."""
    archive = tmp_path / "a"
    place = ["-d", str(archive)] if arguments and arguments[0] != "frobnicate" else []
    _refused(run([*arguments, *place]), world, archive, words)


def test_without_a_token_nothing_begins(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says where a token goes, and that the demo needs none."""
    monkeypatch.delenv("XHARCHIVE_TOKEN")
    ran = run(["get", NOTE, "-d", tmp_path / "a", *world.options])
    _refused(ran, world, tmp_path / "a", "XHARCHIVE_TOKEN", "--token-file", "demo")


def test_a_token_file_must_be_private(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0644 is refused with the command that mends it; 0600 works, and beats the environment."""
    monkeypatch.setenv("XHARCHIVE_TOKEN", "wrong")
    token = tmp_path / "token"
    token.write_text("from-a-file\n", "utf-8")
    token.chmod(0o644)
    command: list[str | Path] = ["get", NOTE, "-d", tmp_path / "a", "--token-file", token, *world.options]
    _refused(run(command), world, tmp_path / "a", "chmod 600")
    token.chmod(0o600)
    assert run(command).code == 0
    assert all("token=from-a-file" in seen.raw_path for seen in world.seen if seen.kind == "api")


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "sch\u00f6n", "x" * 5000])
def test_a_text_that_is_no_token_is_refused_without_showing_it(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """What was pasted by mistake may be secret all the same."""
    monkeypatch.setenv("XHARCHIVE_TOKEN", token)
    ran = run(["get", NOTE, "-d", tmp_path / "a", *world.options])
    _refused(ran, world, tmp_path / "a", "token")
    assert token not in ran.err


def test_plain_http_off_loopback_is_said_aloud(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --allow-plain-http it is allowed, and the run says that the token travels in clear."""
    monkeypatch.setattr("xharchive.cli.settings.is_local", lambda _host: False)  # loopback plays a far host
    command: list[str | Path] = ["get", NOTE, "-d", tmp_path / "a", *world.options]
    _refused(run(command), world, tmp_path / "a", "in clear", "--allow-plain-http")
    ran = run([*command, "--allow-plain-http"])
    assert "the token travels in clear to 127.0.0.1" in ran.err
    assert ran.code == 0


def test_a_listing_that_archives_says_it_once(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its first call; programs get it as an event."""
    monkeypatch.setattr("xharchive.cli.settings.is_local", lambda _host: False)
    command = ["search", "豫园", "--limit", "1", "--get", "--json", "--allow-plain-http"]
    ran = run([*command, "-d", tmp_path / "a", *world.options])
    assert ran.err.count("the token travels in clear") == 1
    assert ran.out.count("the token travels in clear") == 1


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a text on standard input."""

    def on_stdin(text: str) -> None:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(text.encode())))

    return on_stdin


@pytest.mark.parametrize("dash", [["-"], ["-i", "-"]])
def test_standard_input_is_read(
    world: FakeWorld, tmp_path: Path, typed: Callable[[str], None], dash: list[str]
) -> None:
    """`-` means standard input; duplicates in whatever form are asked once."""
    link = f"https://www.xiaohongshu.com/explore/{NOTE}?xsec_token=abc"
    typed(f"\ufeff{NOTE}\r\n\r\n# again, as a link\r\n{link}\r\n{NOTE.upper()}\r\n")
    ran = run(["get", *dash, "-d", tmp_path, "--json", *world.options])
    assert ran.code == 0
    assert ran.report["notes"] == {"archived": 1, "unchanged": 0, "partial": 0, "empty": 0, "failed": 0}
    assert world.calls == [f"v1 {NOTE}"]


def test_hosts_of_ones_own_need_their_exact_port(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """XHARCHIVE_ALLOW_HOSTS is read like --allow-host, with the same rules."""
    monkeypatch.setenv("XHARCHIVE_ALLOW_HOSTS", "cdn.example.org, 10.0.0.1")
    _refused(run(["get", NOTE, "-d", tmp_path / "a", *world.options]), world, tmp_path / "a", "10.0.0.1")


@pytest.mark.parametrize(
    ("variable", "arguments", "rate"),
    [
        (None, [], 256),
        (None, ["--min-rate", "500"], 500),
        (None, ["--min-rate", "2K"], 2048),
        (None, ["--min-rate", "1.5m"], 1536 * 1024),
        (None, ["--min-rate", "0"], 0),
        ("4K", [], 4096),
        ("", [], 256),
        ("4K", ["--min-rate", "8K"], 8192),
        ("4K", ["--min-rate", "0"], 0),
    ],
)
def test_the_least_rate_is_read(variable: str | None, arguments: list[str], rate: float) -> None:
    """The option, else XHARCHIVE_MIN_RATE, else the default; steps of 1024."""
    parser = CommandParser()
    parser.add_options(RUN_OPTIONS)
    environment = {"XHARCHIVE_TOKEN": "t0ken"} | (
        {} if variable is None else {"XHARCHIVE_MIN_RATE": variable}
    )
    transport = archive_options(
        from_arguments(RunSettings, parser.parse_args(arguments)), environment
    ).transport
    assert transport.min_rate == rate
    assert transport.least_rate == (MinRate(rate * 60, 60) if rate else None)


def test_a_wrong_least_rate_of_the_environment_is_named(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the variable, because no option was given."""
    monkeypatch.setenv("XHARCHIVE_MIN_RATE", "fast")
    command = ["get", NOTE, "-d", str(tmp_path / "a"), *world.options]
    _refused(run(command), world, tmp_path / "a", "XHARCHIVE_MIN_RATE")


@pytest.mark.parametrize(
    ("variable", "arguments", "seconds"),
    [
        (None, [], None),
        ("", [], None),
        (None, ["--patience", "0"], 0),
        (None, ["--patience", "2.5"], 2.5),
        ("300", [], 300),
        ("300", ["--patience", "30"], 30),
    ],
)
def test_the_patience_is_read(variable: str | None, arguments: list[str], seconds: float | None) -> None:
    """The option, else XHARCHIVE_PATIENCE, else none: then the fetcher has its own default."""
    parser = CommandParser()
    parser.add_options(RUN_OPTIONS)
    environment = {"XHARCHIVE_TOKEN": "t0ken"} | (
        {} if variable is None else {"XHARCHIVE_PATIENCE": variable}
    )
    assert (
        archive_options(from_arguments(RunSettings, parser.parse_args(arguments)), environment).fetch.patience
        == seconds
    )


def test_a_wrong_patience_of_the_environment_is_named(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the variable, because no option was given."""
    monkeypatch.setenv("XHARCHIVE_PATIENCE", "for ever")
    command = ["get", NOTE, "-d", str(tmp_path / "a"), *world.options]
    _refused(run(command), world, tmp_path / "a", "XHARCHIVE_PATIENCE")
