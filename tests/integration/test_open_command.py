"""`open`: a page in the browser, a folder in the file manager, a path on standard output; never a shell."""

import os
import subprocess
import sys
import webbrowser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support.command import run
from support.note_folders import commit_note, note_id, opened_store

NOTE = str(note_id(1))
SETTINGS = {"XHARCHIVE_TOKEN": "s3cret", "XHARCHIVE_ALLOW_HOSTS": "s3cret.example.org"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive of one note, in a folder whose name a URI or a shell would misread."""
    place = tmp_path / "小红 #1 100%25 $(touch x) ; 'my' notes"
    commit_note(opened_store(place), note_id(1))
    return place


def folder(archive: Path) -> Path:
    (found,) = archive.glob(f"*_{NOTE}")
    return found


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser was asked to show."""
    shown: list[str] = []

    def show(uri: str) -> bool:
        shown.append(uri)
        return True

    monkeypatch.setattr(webbrowser, "open", show)
    return shown


def file_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "xdg-open", code: int = 0
) -> Path:
    """Have the only file manager write its arguments into a file."""
    programs, seen = tmp_path / "programs", tmp_path / "seen"
    programs.mkdir()
    script = programs / name
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}\nexit {code}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(sys, "platform", {"open": "darwin", "explorer": "win32"}.get(name, "linux"))
    return seen


def test_a_page_opens_in_the_browser(archive: Path, opened: list[str]) -> None:
    """The archive's own, or the note's; the URI leads back to the very file."""
    for arguments, page in (([], archive / "index.html"), ([NOTE], folder(archive) / "index.html")):
        page.write_text("<!doctype html>")
        ran = run(["open", *arguments, "-d", archive])
        assert (ran.code, ran.out, ran.err) == (0, "", "")
        uri = urlsplit(opened.pop())
        assert (uri.scheme, uri.netloc, uri.query, uri.fragment) == ("file", "", "", "")
        assert uri.path.isascii()
        assert Path(unquote(uri.path)) == page.resolve()


def test_the_browser_of_the_environment_is_used(archive: Path, tmp_path: Path) -> None:
    """BROWSER names a program; it gets the URI as its argument, and none of xharchive's settings."""
    (archive / "index.html").write_text("<!doctype html>")
    script, seen = tmp_path / "browser", tmp_path / "seen"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\nenv > {seen}.env\n')
    script.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-P", "-m", "xharchive", "open", "-d", archive],
        capture_output=True,
        check=False,
        env={**os.environ, **SETTINGS, "BROWSER": f"{script} %s", "DISPLAY": ":7"},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert seen.read_text() == (archive.resolve() / "index.html").as_uri()
    environment = seen.with_suffix(".env").read_text()
    assert "XHARCHIVE" not in environment
    assert "s3cret" not in environment
    assert "DISPLAY=:7\n" in environment


def test_without_a_browser(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says where the page is."""
    (archive / "index.html").write_text("<!doctype html>")
    monkeypatch.setattr(webbrowser, "open", lambda uri: False)
    ran = run(["open", "-d", archive])
    assert ran.code == 2
    assert "no browser" in ran.err
    assert "index.html" in ran.err


@pytest.mark.parametrize("name", ["xdg-open", "open", "explorer"])
def test_a_folder_opens_in_the_file_manager(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also where there is a page; the path is one argument, whatever is in it."""
    (archive / "index.html").write_text("<!doctype html>")
    seen = file_manager(tmp_path, monkeypatch, name)
    assert run(["open", "--folder", "-d", archive]).code == 0
    assert seen.read_text() == f"{archive.resolve()}\n"
    ran = run(["open", NOTE, "--folder", "-d", archive])
    assert (ran.code, ran.err) == (0, "")
    assert seen.read_text() == f"{folder(archive.resolve())}\n"


def test_the_file_manager_gets_none_of_our_settings(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor whatever it starts; the desktop's own variables are there."""
    for name, value in {**SETTINGS, "DISPLAY": ":7"}.items():
        monkeypatch.setenv(name, value)
    file_manager(tmp_path, monkeypatch)
    script = tmp_path / "programs" / "xdg-open"
    script.write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path / 'seen.env'}\n")
    assert run(["open", "--folder", "-d", archive]).code == 0
    environment = (tmp_path / "seen.env").read_text()
    assert "XHARCHIVE" not in environment
    assert "s3cret" not in environment
    assert "DISPLAY=:7\n" in environment
    assert os.environ["XHARCHIVE_TOKEN"] == "s3cret"


def test_without_a_page_the_folder_opens(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    """And a sentence says so."""
    seen = file_manager(tmp_path, monkeypatch)
    ran = run(["open", NOTE, "-d", archive])
    assert ran.code == 0
    assert "no page" in ran.err
    assert seen.read_text() == f"{folder(archive.resolve())}\n"
    assert opened == []


def test_a_file_manager_that_fails(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or that is not there: the sentence names the folder."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    ran = run(["open", "--folder", "-d", archive])
    assert ran.code == 2
    assert "xdg-open cannot be started" in ran.err
    file_manager(tmp_path, monkeypatch, code=3)
    ran = run(["open", "--folder", "-d", archive])
    assert ran.code == 2
    assert "could not open the folder" in ran.err


def test_explorer_says_one_when_all_went_well(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It always does."""
    file_manager(tmp_path, monkeypatch, "explorer", code=1)
    assert run(["open", "--folder", "-d", archive]).code == 0


def test_print_only_prints(archive: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The page if there is one, else the folder; nothing is started."""
    monkeypatch.setenv("PATH", "")
    assert run(["open", NOTE, "--print", "-d", archive]).out == f"{folder(archive.resolve())}\n"
    (folder(archive) / "index.html").write_text("<!doctype html>")
    assert (
        run(["open", NOTE, "--print", "-d", archive]).out == f"{folder(archive.resolve()) / 'index.html'}\n"
    )
    assert run(["open", NOTE, "--print", "--folder", "-d", archive]).out == f"{folder(archive.resolve())}\n"
    assert opened == []
