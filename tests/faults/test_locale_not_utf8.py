"""A locale whose encoding is not UTF-8, as of cron jobs, old servers and NAS systems."""

import json
import os
import pty
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.command import folder_of, ledger, manifests, run
from support.fake_world import FakeWorld
from support.other_locales import locale_environment
from support.renamed_note import rename_note

NOTE = "69aed4e2000000000e00c358"
TITLE = "夜晚 é 🌃"
MODULE = (sys.executable, "-P", "-m", "xharchive")
SCRIPT = (str(Path(sysconfig.get_path("scripts")) / "xharchive"),)


def ran_in(
    environment: dict[str, str], *arguments: str | Path | bytes, program: Sequence[str] = MODULE
) -> subprocess.CompletedProcess[bytes]:
    """Run the program in an environment that sets a locale."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    command = [*program, *arguments]
    return subprocess.run(command, env={**inherited, **environment}, capture_output=True, check=False)


@pytest.fixture
def titled(world: FakeWorld, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A world with a title that no old encoding holds."""
    rename_note(world, NOTE, TITLE, monkeypatch)
    return world


@pytest.fixture(scope="module")
def gbk(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a GBK locale, as old servers in China have it."""
    return locale_environment(tmp_path_factory.mktemp("locales"), "zh_CN", "GBK")


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Latin-1 locale, which holds no Chinese character."""
    return locale_environment(tmp_path_factory.mktemp("locales"), "en_US", "ISO-8859-1")


@pytest.mark.parametrize(
    ("locale", "program"), [("gbk", MODULE), ("latin_1", SCRIPT)], ids=["GBK with -m", "Latin-1 by script"]
)
def test_an_archive_has_the_names_that_it_has_under_utf_8(
    titled: FakeWorld, tmp_path: Path, request: pytest.FixtureRequest, locale: str, program: tuple[str, ...]
) -> None:
    """One call is paid, the folder's name is UTF-8, and every command reads the archive afterwards."""
    archive = tmp_path / "归档"
    environment: dict[str, str] = request.getfixturevalue(locale)
    found = ran_in(environment, "get", NOTE, "-d", archive, "--json", *titled.options, program=program)
    assert found.returncode == 0, found.stderr
    assert titled.calls == [f"v1 {NOTE}"]
    assert [line["event"] for line in ledger(archive)] == ["intent", "outcome"]
    assert TITLE in {event.get("title") for event in map(json.loads, found.stdout.decode().splitlines())}
    assert TITLE in folder_of(archive, NOTE).name
    assert manifests(archive)[NOTE]["state"] == "complete"
    assert run(["verify", "-d", archive]).code == 0
    assert ran_in(environment, "verify", "-d", archive).returncode == 0
    assert run(["get", NOTE, "-d", archive, *titled.options]).code == 0
    assert len(titled.calls) == 1


def test_an_ascii_locale_with_utf_8_mode_forbidden(titled: FakeWorld, tmp_path: Path) -> None:
    """`PYTHONUTF8=0` and `LC_ALL=C` leave ASCII only, and names are UTF-8 all the same."""
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    found = ran_in(environment, "get", NOTE, "-d", tmp_path, *titled.options)
    assert found.returncode == 0, found.stderr
    assert manifests(tmp_path)[NOTE]["state"] == "complete"


def test_a_directory_that_is_not_named_in_utf_8(
    world: FakeWorld, tmp_path: Path, gbk: dict[str, str]
) -> None:
    """The user's own folder is used by the bytes of its name; pictures are decoded and derived there too."""
    archive = os.fsencode(tmp_path) + b"/" + "归档".encode("gbk")
    for locale in (gbk, {"LC_ALL": "C.UTF-8"}):
        found = ran_in(locale, "get", NOTE, "-d", archive, *world.with_gallery)
        assert found.returncode == 0, found.stderr
    assert ran_in(gbk, "verify", "-d", archive).returncode == 0
    assert len(world.calls) == 1
    assert any(file.endswith(b".jpg") for _, _, files in os.walk(archive) for file in files)


def test_a_terminal_speaks_the_encoding_of_the_locale(
    titled: FakeWorld, tmp_path: Path, gbk: dict[str, str]
) -> None:
    """A GBK terminal sends and shows GBK: what it cannot show is escaped. A pipe gets UTF-8."""
    archive = tmp_path / "a"
    assert run(["get", NOTE, "-d", archive, *titled.options]).code == 0
    for word in ("夜晚".encode("gbk"), "夜晚".encode()):
        found = ran_in(gbk, "find", word, "-d", archive, "--ids")
        assert (found.returncode, found.stdout.decode().strip()) == (0, NOTE), found.stderr
    assert TITLE in ran_in(gbk, "show", NOTE, "-d", archive).stdout.decode()
    ours, theirs = pty.openpty()
    try:
        command = [*MODULE, "show", NOTE, "-d", str(archive)]
        code = subprocess.run(command, env={**os.environ, **gbk}, stdout=theirs, check=False).returncode
    finally:
        os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = terminal.read(65_536)
    assert code == 0
    assert "夜晚".encode("gbk") in shown
    assert b"\\U0001f303" in shown
