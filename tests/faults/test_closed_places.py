"""Folders and files that this user may not read or write, closed streams, and the umask."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command import folder_of, ledger, manifests, run
from support.fake_world import FakeWorld
from support.hostile.good_archive import STILL, VIDEO, GoodArchive
from support.unprivileged import ordinary_rights

LIVE = "69aed4e2000000000e00c358"
MAY_NOT_READ = "this user may not read it; look at its owner and mode"


@pytest.fixture
def archive(good_archive: GoodArchive, tmp_path: Path) -> Path:
    """An archive with two notes and a pending one."""
    return Path(shutil.copytree(good_archive.folder, tmp_path / "archive"))


def close(path: Path) -> None:
    path.chmod(0)


def forget_catalog(archive: Path) -> None:
    """Remove what the archive knows of its notes beside their folders."""
    for file in (archive / ".xharchive").glob("catalog.sqlite3*"):
        file.unlink()


@pytest.mark.parametrize("known", [True, False], ids=["known to the catalog", "not in the catalog"])
@pytest.mark.parametrize("closed", ["", "manifest.json"], ids=["folder", "manifest"])
def test_a_closed_note_hides_no_other(archive: Path, closed: str, known: bool) -> None:
    """Every verb that looks shows the other note, names what is closed, and ends with exit code 5."""
    place = folder_of(archive, VIDEO) / closed
    if not known:
        forget_catalog(archive)
    close(place)
    with ordinary_rights():
        for verb in ("status", "ls", "find", "reindex", "gallery", "verify"):
            words = ["汤圆"] if verb == "find" else []
            ran = run([verb, *words, "-d", archive])
            if closed and known and verb in ("status", "ls", "find"):
                assert ran.code == 0  # what the catalog says of an unchanged manifest suffices
                continue
            assert (ran.code, MAY_NOT_READ in ran.err + ran.out) == (5, True), (verb, ran.err)
            assert str(folder_of(archive, VIDEO)) in ran.err + ran.out
            assert verb not in ("ls", "find") or STILL in ran.out
        assert run(["show", STILL, "-d", archive]).code == 0
        shown = run(["show", VIDEO, "-d", archive])
        assert (shown.code, MAY_NOT_READ in shown.err) == (5, True)
        assert run(["reparse", "-d", archive]).code == 0


@pytest.mark.parametrize("known", [True, False], ids=["known to the catalog", "not in the catalog"])
@pytest.mark.parametrize(("folder", "closed"), [("Shanghai", "Shanghai"), ("travel/x", "travel")])
def test_a_closed_folder_without_an_id_in_its_name_is_named(
    archive: Path, world: FakeWorld, folder: str, closed: str, known: bool
) -> None:
    """Verbs that look end with exit code 5; a note that the catalog has there is not paid for again."""
    (archive / folder).parent.mkdir(exist_ok=True)
    folder_of(archive, VIDEO).rename(archive / folder)
    if known:
        assert run(["ls", "-d", archive]).code == 0
    else:
        forget_catalog(archive)
    close(archive / closed)
    with ordinary_rights():
        for verb in ("status", "ls", "find", "verify", "gallery"):
            ran = run([verb, *(["汤圆"] if verb == "find" else []), "-d", archive])
            assert (ran.code, f"the folder {closed} may not be read" in ran.err) == (5, True), (verb, ran.err)
            assert verb not in ("ls", "find") or STILL in ran.out
            assert "all as archived" not in ran.err
        if known:
            ran = run(["get", VIDEO, "-d", archive, *world.options])
            assert (ran.code, MAY_NOT_READ in ran.err) == (3, True), ran.err
            assert not world.calls
        assert run(["reindex", "-d", archive]).code == 5


@pytest.mark.parametrize("folder", ["", "Shanghai"], ids=["id in the name", "renamed"])
def test_a_manifest_that_changed_and_may_not_be_read_keeps_its_row(
    archive: Path, world: FakeWorld, folder: str
) -> None:
    """What the catalog knew of the note stays, so that a run does not pay for it again."""
    place = folder_of(archive, VIDEO)
    if folder:
        place = place.rename(archive / folder)
    assert run(["ls", "-d", archive]).code == 0
    os.utime(place / "manifest.json")
    close(place / "manifest.json")
    with ordinary_rights():
        listed = run(["ls", "-d", archive, "--ids"])
        ran = run(["get", VIDEO, "-d", archive, *world.options])
    assert (listed.code, listed.out.split(), str(place) in listed.err) == (5, [VIDEO, STILL], True)
    assert (ran.code, MAY_NOT_READ in ran.err) == (3, True), ran.err
    assert not world.calls


def test_verify_tells_what_may_not_be_read_from_damage(archive: Path) -> None:
    """Its advice is about rights: nothing has to be fetched or written again, and no reply is lost."""
    folder = folder_of(archive, VIDEO)
    media = manifests(archive)[VIDEO]["files"][0]["path"]
    for file in (folder / "note.md", next((folder / "replies").iterdir()), folder / media):
        close(file)
    with ordinary_rights():
        ran = run(["verify", "--json", "-d", archive])
        accepted = run(["verify", "--accept-lost-replies", "-d", archive])
    assert (ran.code, {found["kind"] for found in ran.events}, len(ran.events)) == (5, {"closed"}, 3)
    assert ("owner or mode" in ran.err, "resume" in ran.err) == (True, False)
    assert "recorded as lost: 0" in accepted.err


@pytest.mark.parametrize("known", [True, False], ids=["known to the catalog", "not in the catalog"])
def test_a_closed_note_is_not_paid_for_again_and_stops_no_other(
    archive: Path, world: FakeWorld, no_workers: None, known: bool
) -> None:
    """It fails with its reason, the next note of the list is archived, and nothing of it changes."""
    if not known:
        forget_catalog(archive)
    before = len(ledger(archive))
    close(folder_of(archive, VIDEO))
    with ordinary_rights():
        ran = run(["get", VIDEO, LIVE, "-d", archive, "--image-format", "keep", *world.options])
        again = run(["resume", "-d", archive, "--image-format", "keep", *world.options])
        planned = run(["get", VIDEO, "-d", archive, "--dry-run", *world.options])
    assert (ran.code, MAY_NOT_READ in ran.err) == (3, True), ran.err
    assert (again.code, MAY_NOT_READ in again.err) == (3, True), again.err
    assert planned.code == 0
    assert [call for call in world.calls if VIDEO in call] == []
    assert f"v1 {LIVE}" in world.calls
    assert len(ledger(archive)) == before + 2
    folder_of(archive, VIDEO).chmod(0o755)
    assert manifests(archive)[VIDEO]["state"] == manifests(archive)[LIVE]["state"] == "complete"
    assert run(["verify", "-d", archive]).code == 0


def test_an_archive_of_another_user_can_be_looked_at(archive: Path) -> None:
    """Notes are open to others; the ledger, the list of wanted notes and replies are not, and are named."""
    for path in [*(archive / ".xharchive").rglob("*"), *archive.glob("*/replies/*")]:
        if path.is_file():
            close(path)
    for folder in (archive, archive / ".xharchive", *archive.glob("*_*")):
        folder.chmod(0o555)
    with ordinary_rights():
        assert run(["ls", "-d", archive, "--ids"]).out.split() == [VIDEO, STILL]
        assert run(["show", VIDEO, "-d", archive]).code == 0
        status = run(["status", "-d", archive])
        verified = run(["verify", "-d", archive])
        for verb in ("cost", "gallery", "reindex", "reparse"):
            ran = run([verb, "-d", archive])
            assert (ran.code, "this user may not" in ran.err, str(archive) in ran.err) == (5, True, True)
    assert status.code == 5
    assert "2 complete" in status.out
    assert "API calls   unknown" in status.out
    assert f"reading {archive}/.xharchive/ledger.jsonl: {MAY_NOT_READ}" in status.err
    assert verified.code == 5
    assert all("replies/" in line for line in verified.out.splitlines())


def test_a_closed_root_is_no_bug(archive: Path, world: FakeWorld) -> None:
    """One sentence says which folder; nothing is paid."""
    close(archive)
    with ordinary_rights():
        for verb in (["status"], ["ls"], ["verify"], ["gallery"], ["cost"], ["get", LIVE, *world.options]):
            ran = run([*verb, "-d", archive])
            assert (ran.code, str(archive) in ran.err, "a bug" in ran.err) == (5, True, False), ran.err
            assert "this user may not" in ran.err
    assert not world.calls


def test_a_page_that_may_not_be_written_is_named(archive: Path) -> None:
    """By each verb that refreshes the gallery, as long as the folder is closed."""
    folder = folder_of(archive, VIDEO)
    (folder / "index.html").unlink()
    folder.chmod(0o555)
    with ordinary_rights():
        for verb in ("gallery", "gallery", "preview"):
            ran = run([verb, "-d", archive])
            assert (ran.code, f"{folder}/index.html: this user may not write there" in ran.err) == (
                5,
                True,
            ), verb
    folder.chmod(0o755)
    assert run(["preview", "-d", archive]).code == 0
    assert (folder / "index.html").is_file()


def test_a_folder_that_may_not_be_written_is_said_before_a_call(tmp_path: Path, world: FakeWorld) -> None:
    """The archive cannot even be begun there."""
    tmp_path.chmod(0o555)
    with ordinary_rights():
        ran = run(["get", LIVE, "-d", tmp_path / "new", *world.options])
    assert (ran.code, "this user may not write there" in ran.err) == (5, True), ran.err
    assert str(tmp_path / "new") in ran.err
    assert not world.calls


def test_a_read_only_system_without_a_temporary_folder(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would lie in a temporary file is held in memory, and the archive can be looked at."""
    connected: list[object] = []
    connect = sqlite3.connect

    def noted(name: object, *rest: Any, **named: Any) -> sqlite3.Connection:
        connected.append(name)
        return connect(name, *rest, **named)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", noted)
    monkeypatch.setattr(os, "access", lambda *_: False)
    for folder in (archive, archive / ".xharchive"):
        folder.chmod(0o555)
    for file in (archive / ".xharchive").glob("catalog.sqlite3*"):
        file.unlink()
    with ordinary_rights():
        status = run(["status", "-d", archive])
        assert (status.code, "2 complete" in status.out) == (0, True), status.err
        assert run(["ls", "-d", archive, "--ids"]).out.split() == [VIDEO, STILL]
    assert ":memory:" in connected
    assert "" not in connected


@pytest.mark.parametrize("umask", [0o002, 0o027, 0o077], ids=oct)
def test_files_follow_the_umask_and_state_is_private(
    tmp_path: Path, world: FakeWorld, no_workers: None, umask: int
) -> None:
    """Media, manifests and folders get what the umask leaves; state and replies are the owner's alone."""
    before = os.umask(umask)
    try:
        ran = run(["get", LIVE, "-d", tmp_path / "a", "--image-format", "keep", *world.with_gallery])
    finally:
        os.umask(before)
    assert ran.code == 0, ran.err
    for path in (tmp_path / "a", *(tmp_path / "a").rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        private = path.is_file() and {".xharchive", "replies"} & {part.name for part in path.parents}
        expected = 0o777 if path.is_dir() else 0o600 if private else 0o666
        assert mode == expected & ~umask, path


def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path, world: FakeWorld) -> None:
    """A run with all three streams closed archives all there is, and closed streams stay unused."""
    closed = "import os, sys; [os.close(n) for n in (0, 1, 2)]; os.execv(sys.executable, sys.argv[1:])"
    command = [sys.executable, "-P", "-m", "xharchive", "get", LIVE, "-d", str(tmp_path / "a"), "-v"]
    ran = subprocess.run([sys.executable, "-c", closed, *command, *world.options], check=False)
    assert ran.returncode == 0
    assert manifests(tmp_path / "a")[LIVE]["state"] == "complete"
    probe = (
        "import os; [os.close(n) for n in (0, 1, 2)]\n"
        "from xharchive.__main__ import fill_closed_descriptors as fill; fill()\n"
        "os._exit(os.open('/dev/null', os.O_RDONLY))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode > 2


def test_a_list_from_a_closed_standard_input_is_refused(tmp_path: Path) -> None:
    """Nothing can be read there, and nobody can be asked there either."""
    program = f"{sys.executable} -P -m xharchive"
    for words in (f"get - -d {tmp_path}", f"get {LIVE} --failed-out x -i - -d {tmp_path}"):
        command = ["bash", "-c", f"cd {tmp_path}; {program} {words} <&-"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ran.returncode, "standard input is closed" in ran.stderr) == (2, True), ran.stderr
