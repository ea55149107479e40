"""Which archive a command without -d uses: XHARCHIVE_DIR, the one around the current folder, ./archive."""

import os
import shlex
import shutil
from pathlib import Path

import pytest
from support.command import Ran, manifests, run
from support.fake_world import FakeWorld
from support.note_folders import note_id
from support.single_run import LIVE_NOTE


def made(folder: Path) -> Path:
    """An archive without notes."""
    (folder / ".xharchive").mkdir(parents=True)
    return folder


def used() -> str:
    """The archive that a command without -d looks at, "" if it finds none."""
    ran = run(["status"])
    return ran.out.partition("\n")[0].partition(" ")[2].strip() if ran.code == 0 else ""


@pytest.mark.parametrize("inside", [".", "a note/replies", ".xharchive/work"])
def test_a_command_inside_an_archive_works_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    """From every folder in it; which one it is is said unless it is the current folder, or -q."""
    archive = made(tmp_path / "notes")
    (archive / inside).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(archive / inside)
    assert used() == str(archive)
    assert (f"archive: {archive}" in run(["status"]).err) == (inside != ".")
    assert run(["resume", "--dry-run", "-q"]).err == ""


def test_notes_are_archived_into_the_archive_around(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is printed leads there from anywhere."""
    archive = made(tmp_path / "notes")
    (archive / "deep").mkdir()
    monkeypatch.chdir(archive / "deep")
    world.script["127.0.0.1", "/api/"] = "Q"
    ran = run(["get", LIVE_NOTE, *world.options])
    world.script.clear()
    monkeypatch.chdir(tmp_path)
    assert run(shlex.split(ran.err.partition("continue with: ")[2])[1:]).code == 0
    assert list(manifests(archive)) == [LIVE_NOTE]
    assert not (archive / "deep" / "archive").exists()


def test_without_an_archive_around_it_is_the_folder_archive(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ever; and where that is an archive already, it comes before one further up."""
    monkeypatch.chdir(tmp_path)
    assert "there is no archive in archive" in run(["status"]).err
    made(tmp_path / "inner" / "archive")
    made(tmp_path)
    monkeypatch.chdir(tmp_path / "inner")
    assert used() == str(tmp_path / "inner" / "archive")


def test_the_environment_names_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the one around the current folder, and after -d; an empty value is none; ~ is read."""
    around, named, told = (made(tmp_path / name) for name in ("around", "named", "told"))
    monkeypatch.chdir(around)
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in (str(named), "~/named"):
        monkeypatch.setenv("XHARCHIVE_DIR", value)
        assert used() == str(named)
        assert str(told) in run(["status", "-d", told]).out
    monkeypatch.setenv("XHARCHIVE_DIR", "")
    assert used() == str(around)


def test_an_archive_of_another_user_is_not_used_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may put one above a folder that all can write to; it is named, and -d uses it."""
    theirs = made(tmp_path / "shared")
    (theirs / "mine").mkdir()
    monkeypatch.chdir(theirs / "mine")
    monkeypatch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)
    ran = run(["status"])
    assert ran.code == 2
    assert f"{theirs} belongs to another user" in ran.err
    assert run(["status", "-d", theirs]).code == 0


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_only_looks_like_an_archive_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A plain file, a link to a folder elsewhere."""
    state = tmp_path / ".xharchive"
    made(tmp_path / "elsewhere")
    state.write_text("") if kind == "file" else state.symlink_to(tmp_path / "elsewhere" / ".xharchive")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert used() == ""


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, no bug."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert run(["status"]).code == 2


def test_the_demo_has_a_folder_of_its_own(
    first_demo: tuple[Ran, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its notes never get into the archive that the current folder is in."""
    archive = made(tmp_path / "notes")
    shutil.copytree(first_demo[1], archive / "demo-archive")
    monkeypatch.chdir(archive)
    monkeypatch.setenv("XHARCHIVE_DIR", str(archive))
    ran = run(["demo", "--no-gallery"])
    assert ran.code == 0
    assert "19 unchanged" in ran.err
    assert manifests(archive) == {}


@pytest.mark.parametrize("form", [["-d", "~/x"], ["--directory=~/x"], ["-d~/x"]])
def test_a_quoted_tilde_is_the_home_folder(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    """As from cron or a configuration, where no shell replaces it; for files too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "token").write_text("s3cret-token")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "list").write_text(f"{LIVE_NOTE}\n")
    files = ["-i", "~/list", "--token-file", "~/token", "--failed-out", "~/left"]
    assert run(["get", *files, *form, *world.options, "--image-format", "keep"]).code == 0
    assert list(manifests(tmp_path / "x")) == [LIVE_NOTE]
    assert (tmp_path / "left").read_text() == ""
    assert not (tmp_path / "~").exists()
    assert f"there is no note {note_id(1)}" in run(["show", str(note_id(1)), *form]).err
