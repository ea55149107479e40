"""`resume` goes on as the run was asked for, and takes no address for the token from an archive."""

import json
import re
import shlex
import stat
from pathlib import Path

import pytest
from support.command import Ran, folder_of, manifests, run
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, VIDEO_NOTE

NOT_FOUND = {("*", HEIC): "4"}
STILLS = "694c7be6000000002200e19b"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is looked for in the archive."""
    monkeypatch.setenv("XHARCHIVE_TOKEN", "s3cret-token")


def places(world: FakeWorld) -> list[str]:
    """The options that lead to the world."""
    return ["--api-base", world.api_base, "--resolve", f"*=127.0.0.1:{world.port}"]


def as_printed(ran: Ran) -> list[str]:
    """The arguments of the command that a run printed to continue with."""
    (line,) = re.findall(r"[Cc]ontinue with: (xharchive .*)|run: (xharchive .*)", ran.err)
    return shlex.split(next(filter(None, line)))[1:]


def pending(archive: Path, *lines: str) -> None:
    """Prepare an archive with a list of unfinished notes."""
    state = archive / ".xharchive"
    state.mkdir()
    (state / "wanted.txt").write_text("".join(f"{line}\n" for line in lines))


def kinds(archive: Path, note: str) -> set[str]:
    return {path.suffix for path in folder_of(archive, note).iterdir() if path.name[:2].isdigit()}


@pytest.mark.parametrize("refusal", ["Q", "5"])
def test_the_printed_command_goes_on_as_it_was_asked(world: FakeWorld, tmp_path: Path, refusal: str) -> None:
    """Format, endpoints, address: whether the notes were not begun or are partial."""
    archive = tmp_path / "an archive"
    asked = [
        "--image-format",
        "webp",
        "--endpoints",
        "v1",
        "--max-calls",
        "9",
        "--retries",
        "0",
        "--no-gallery",
    ]
    world.script["127.0.0.1" if refusal == "Q" else "*", "/api/" if refusal == "Q" else "/"] = refusal
    ran = run(["get", LIVE_NOTE, VIDEO_NOTE, "-d", archive, *places(world), *asked])
    assert ran.code in (3, 4)
    world.script.clear()
    command = as_printed(ran)
    assert {"--max-calls", "--image-format", "--endpoints", "--api-base", "--resolve"} <= set(command)
    run(command)
    assert ".webp" in kinds(archive, LIVE_NOTE)
    assert ".jpg" not in kinds(archive, LIVE_NOTE)
    assert {call.split()[0] for call in world.calls} == {"v1"}
    assert not (archive / "index.html").exists()


def test_what_was_kept_is_used_unless_the_user_says_otherwise(world: FakeWorld, tmp_path: Path) -> None:
    """`resume` with nothing but the address; then the same with a format of its own."""
    for archive, more, suffix in (
        (tmp_path / "a", (), ".png"),
        (tmp_path / "b", ("--image-format", "jpeg"), ".jpg"),
    ):
        world.script.update(NOT_FOUND)
        run(["get", LIVE_NOTE, "-d", archive, *places(world), "--image-format", "png", "--no-gallery"])
        world.script.clear()
        assert run(["resume", "-d", archive, *places(world), *more]).code == 0
        assert suffix in kinds(archive, LIVE_NOTE)
        assert len(kinds(archive, LIVE_NOTE) - {".heic", ".mp4"}) == 1


def test_runs_that_were_asked_differently_go_on_differently(world: FakeWorld, tmp_path: Path) -> None:
    """Each note in its format, in one command; its budget is for all of them together."""
    world.script["127.0.0.1", "/api/"] = "Q"
    for note, form in ((LIVE_NOTE, "webp"), (STILLS, "png"), (VIDEO_NOTE, "keep")):
        run(["get", note, "-d", tmp_path, *world.options, "--image-format", form])
    world.script.clear()
    made = len(world.calls)
    ran = run(["resume", "-d", tmp_path, *places(world), "--max-calls", "2"])
    assert (ran.code, len(world.calls) - made) == (4, 2)
    assert ".webp" in kinds(tmp_path, LIVE_NOTE)
    assert set(manifests(tmp_path)) == {LIVE_NOTE, STILLS}
    assert run(["resume", "-d", tmp_path, *places(world)]).code == 0
    assert (tmp_path / ".xharchive" / "wanted.txt").read_text() == ""


def test_an_address_is_not_taken_from_the_archive(world: FakeWorld, tmp_path: Path) -> None:
    """The sentence names the command; nothing was asked before, all is archived after it."""
    world.script["127.0.0.1", "/api/"] = "Q"
    run(["get", LIVE_NOTE, "-d", tmp_path, *world.options])
    world.script.clear()
    asked = len(world.seen)
    ran = run(["resume", "-d", tmp_path])
    assert (ran.code, len(world.seen)) == (2, asked)
    assert "your token would be sent there" in ran.err
    assert run(as_printed(ran)).code == 0
    assert list(manifests(tmp_path)) == [LIVE_NOTE]


@pytest.mark.parametrize("where", [["--api-base"], ["--resolve"], ["--allow-host"]])
def test_a_prepared_archive_sends_the_token_nowhere(
    world: FakeWorld, tmp_path: Path, where: list[str]
) -> None:
    """By an address of the API, by another address of its host, by a media host in the private network."""
    port = world.port
    values = {
        "--api-base": world.api_base,
        "--resolve": f"api.justoneapi.com=127.0.0.1:{port}",
        "--allow-host": f"127.0.0.1:{port}",
    }
    words = ["--endpoints", "v1", where[0], values[where[0]]]
    pending(tmp_path, f"options {json.dumps(words)}", LIVE_NOTE)
    ran = run(["resume", "-d", tmp_path])
    assert (ran.code, world.asked) == (2, [])
    assert values[where[0]] in ran.err


def test_a_prepared_archive_sets_nothing_that_is_not_kept(world: FakeWorld, tmp_path: Path) -> None:
    """No file is read as a token, no budget lifted, no question answered."""
    secret = tmp_path / "secret"
    secret.write_text("not-a-token")
    archive = tmp_path / "archive"
    archive.mkdir()
    words = ["--token-file", str(secret), "--on-unknown", "pay", "--max-calls", "0", "--json"]
    pending(archive, f"options {json.dumps(words)}", LIVE_NOTE)
    ran = run(["resume", "-d", archive, *world.options])
    assert (ran.code, ran.out) == (0, "")
    assert all("s3cret-token" in seen.raw_path for seen in world.seen if seen.kind == "api")


@pytest.mark.parametrize(
    "kept",
    [
        '["--image-format","gif"]',
        '["--endpoints","v99"]',
        '["--min-rate","fast"]',
        '["--retries"]',
        '["--no-such-option"]',
        '["a word"]',
        "[1]",
        "{}",
        "[" * 9000,
        '["\\u001b[2J\\n"]',
    ],
)
def test_kept_options_that_are_not_valid_are_named(world: FakeWorld, tmp_path: Path, kept: str) -> None:
    """One sentence and exit 2, nothing asked; the user may do without them."""
    pending(tmp_path, f"options {kept}", LIVE_NOTE)
    ran = run(["resume", "-d", tmp_path, *world.options])
    assert (ran.code, world.seen) == (2, [])
    assert len(ran.err.splitlines()) == 1
    assert "\x1b" not in ran.err
    assert run(["resume", "-d", tmp_path, "--no-kept-options", *world.options, "--dry-run"]).code == 0


def test_options_without_end_are_bounded(world: FakeWorld, tmp_path: Path) -> None:
    """A run for each set of options is made for a hundred of them, not for more."""
    lines = [
        f'options ["--retries","{number % 100}","--quality","{1 + number // 100}"]' for number in range(200)
    ]
    notes = [f"69aed4e2{number:016x}" for number in range(200)]
    pending(tmp_path, *(line for pair in zip(lines, notes, strict=True) for line in pair))
    ran = run(["resume", "-d", tmp_path, *world.options])
    assert (ran.code, world.seen) == (2, [])
    assert "more than 100" in ran.err


def test_what_is_kept_is_private_and_has_no_token(world: FakeWorld, tmp_path: Path) -> None:
    """Neither the token nor the file that it came from."""
    file = tmp_path / "token"
    file.write_text("s3cret-token")
    file.chmod(0o600)
    archive = tmp_path / "archive"
    world.script["127.0.0.1", "/api/"] = "Q"
    ran = run(["get", LIVE_NOTE, "-d", archive, *world.options, "--token-file", file])
    kept = archive / ".xharchive" / "wanted.txt"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "--api-base" in kept.read_text()
    assert "token" not in kept.read_text()
    assert f"--token-file {file}" in ran.err


def test_a_failing_note_is_listed_once(world: FakeWorld, tmp_path: Path) -> None:
    """However often a scheduled run asks for it; the last options count."""
    world.script["127.0.0.1", "/api/"] = "Q"
    for form in ("jpeg", "webp", "png"):
        run(["get", LIVE_NOTE, "-d", tmp_path, *world.options, "--image-format", form])
    text = (tmp_path / ".xharchive" / "wanted.txt").read_text()
    assert text.count(LIVE_NOTE) == 1
    assert text.count("options") == 1
    assert '"png"' in text
