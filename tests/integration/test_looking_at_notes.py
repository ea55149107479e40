"""`ls`, `find`, `show`: what an archive has, without network, token or lock."""

import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld, running
from support.note_folders import commit_note, gap, manifest_of, note_id, opened_store

from xharchive.cli import main
from xharchive.cli.print_notes import width
from xharchive.demo.demo_listings import short_link
from xharchive.demo.world import DemoWorld
from xharchive.manifest import FILE_NAME, Manifest, Role, State, to_json
from xharchive.media import AssetKind
from xharchive.models import Slot

LIVE = "69aed4e2000000000e00c358"
VIDEO = "69637d24000000001b01d5f2"
RAIN = "69ef13c8000000000c00f2b5"
EMPTY = "6a064da2000000001c03e8d7"
HOSTILE = "6a1d8bee000000000f02c1a4"
UNKNOWN = "0" * 24


@pytest.fixture(scope="module")
def archive(demo_world: DemoWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's notes, archived once for all tests here, which only look."""
    place = tmp_path_factory.mktemp("demo") / "my archive"
    with running(demo_world) as world, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XHARCHIVE_TOKEN", "no-token-needed")
        ran = run(["get", *demo_world.notes, "-d", place, "--image-format", "keep", "-q", *world.options])
    assert ran.code == 3, ran.err  # one note is empty
    return place


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking needs none."""
    monkeypatch.setenv("XHARCHIVE_TOKEN", "")


def ls(archive: Path, *options: str) -> list[dict[str, Any]]:
    ran = run(["ls", "-d", archive, "--json", *options])
    assert ran.code == 0, ran.err
    return ran.events


def found(archive: Path, *text: str) -> set[str]:
    ran = run(["find", *text, "--ids", "-d", archive])
    assert ran.code == 0, ran.err
    return set(ran.out.split())


def test_every_note_is_listed_as_its_manifest_says(archive: Path) -> None:
    """Newest first, a JSON line each, with the folder."""
    listed = ls(archive)
    told = manifests(archive)
    assert {note["id"] for note in listed} == set(told)
    assert [note["published"] for note in listed] == sorted(
        (note["published"] for note in listed), reverse=True
    )
    for note in listed:
        manifest = told[note["id"]]
        assert Path(note["folder"]) == folder_of(archive, note["id"]).resolve()
        assert note["state"] == manifest["state"]
        if manifest["note"]:
            for name in ("type", "title", "author", "place", "tags", "counts"):
                assert note[name] == manifest["note"][name]
            assert note["published"] == manifest["note"]["published"]["china"]
        kinds = [entry["kind"] for entry in manifest["files"] if entry["role"] == "original"]
        assert (note["pictures"], note["motions"], note["videos"]) == tuple(
            kinds.count(kind) for kind in ("image", "live", "video")
        )
        assert (note["originals"], note["gaps"]) == (len(kinds), len(manifest["gaps"]))


def test_a_line_a_note_and_its_columns(archive: Path) -> None:
    """Dates, ids, states and types stand under each other; authors and titles too, in cells of a terminal."""
    ran = run(["ls", "-d", archive])
    lines = {line[12:36]: line for line in ran.out.splitlines()}
    assert set(lines) == set(manifests(archive))
    live = lines[LIVE]
    assert live.startswith(f"2026-03-09  {LIVE}  complete  image     1 pic   1 live")
    assert live.endswith("被豫园的氛围感硬控了")
    starts = {
        width(line[: line.index(title)])
        for line, title in ((lines[LIVE], "被豫园"), (lines[VIDEO], "凌晨四点"), (lines[RAIN], "雨夜"))
    }
    assert len(starts) == 1
    assert "empty" in lines[EMPTY]
    assert all(char.isprintable() for char in ran.out.replace("\n", ""))


class Terminal(io.StringIO):
    """Standard output that is a terminal, as wide as COLUMNS says."""

    def isatty(self) -> bool:
        return True


def in_a_terminal(*command: str) -> list[str]:
    """The lines that a command prints there."""
    with redirect_stdout(Terminal()) as out:
        assert main(list(command)) == 0
    return out.getvalue().splitlines()


@pytest.mark.parametrize("command", [["ls"], ["find", "园"]])
def test_a_terminal_of_eighty_columns_shows_author_and_title(
    archive: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Below a header, with date and id; no line is wider."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    header, *lines = in_a_terminal(*command, "-d", str(archive))
    assert header.split() == ["DATE", "ID", "STATE", "AUTHOR", "TITLE"]
    (live,) = (line for line in lines if LIVE in line)
    assert live.startswith(f"2026-03-09  {LIVE}  complete  搞笑女的…   被豫园")
    assert max(map(width, lines)) <= 80


def test_a_pipe_gets_whole_lines_without_header_or_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever COLUMNS says: a line a note, with the whole of a long title."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = manifest_of(note_id(1), title="很长" * 100)
    author = {"id": "", "name": "名字", "red_id": ""}
    opened_store(tmp_path)
    folder = tmp_path / f"2026-03-09_long_{note_id(1)}"
    folder.mkdir()
    text = to_json(replace(plain, note={**plain.note, "author": author}))
    (folder / FILE_NAME).write_text(text, "utf-8")
    (line,) = run(["ls", "-d", tmp_path]).out.splitlines()
    assert line.endswith(f"名字{' ' * 12}  {'很长' * 100}")
    assert line.isprintable()


@pytest.mark.parametrize("setting", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_gets_no_colour_that_its_user_does_not_want(
    archive: Path, monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str]
) -> None:
    """NO_COLOR, or a terminal that knows none; a header is there all the same."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    coloured = in_a_terminal("ls", "-d", str(archive))
    assert "\x1b[1mDATE" in coloured[0]
    monkeypatch.setenv(*setting)
    plain = in_a_terminal("ls", "-d", str(archive))
    assert not any("\x1b" in line for line in plain)
    assert len(plain) == len(coloured)


def test_a_terminal_is_not_wider_than_it_is(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are cut there, and there alone; what was looked for is bold unless nobody wants colours."""

    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with redirect_stdout(Terminal()) as out:
        assert main(["ls", "-d", str(archive)]) == 0
    assert max(map(width, out.getvalue().splitlines())) <= 100
    assert "…" in out.getvalue()
    with redirect_stdout(Terminal()) as out:
        assert main(["find", "下雨天", "-d", str(archive)]) == 0
    assert "\x1b[1m下雨天\x1b[22m不想回家" in out.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stdout(Terminal()) as out:
        assert main(["find", "下雨天", "-d", str(archive)]) == 0
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize(
    ("options", "check"),
    [
        (["--type", "video"], lambda note: note["type"] == "video"),
        (["--type", "image"], lambda note: note["type"] == "image"),
        (["--state", "empty"], lambda note: note["id"] == EMPTY),
        (["--state", "complete"], lambda note: note["state"] == "complete"),
        (["--author", "路上"], lambda note: note["author"]["name"] == "路上的小满"),
        (["--author", "5f0e9d8c000000000100b7a6"], lambda note: note["author"]["name"] == "路上的小满"),
        (["--tag", "雨夜"], lambda note: note["id"] == RAIN),
        (["--after", "2026-03-09"], lambda note: note["published"] >= "2026-03-09"),
        (["--before", "2026-03-09"], lambda note: note["published"] < "2026-03-09"),
    ],
)
def test_filters(archive: Path, options: list[str], check: Any) -> None:
    """Exactly the notes that are like that."""
    wanted = [note["id"] for note in ls(archive) if check(note)]
    assert wanted
    assert [note["id"] for note in ls(archive, *options)] == wanted


def test_the_forms_of_output(archive: Path) -> None:
    """Bare ids, folders, so many of them."""
    listed = ls(archive)
    assert run(["ls", "-d", archive, "--ids", "--limit", "3"]).out.split() == [
        note["id"] for note in listed[:3]
    ]
    folders = run(["ls", "-d", archive, "--folders"]).out.splitlines()
    assert folders == [note["folder"] for note in listed]
    assert all(Path(folder, FILE_NAME).is_file() for folder in folders)
    assert run(["ls", "-d", archive, "--ids", "--json"]).code == 2


def test_what_is_listed_is_input_again(archive: Path, tmp_path: Path) -> None:
    """`ls --json` and `ls --ids` go into `get`."""
    for form in ("--json", "--ids"):
        listing = tmp_path / "notes.jsonl"
        listing.write_text(run(["ls", "-d", archive, form]).out, "utf-8")
        plan = run(["get", "-i", listing, "-d", archive, "--dry-run"])
        assert plan.code == 0, plan.err
        assert "to be paid     0" in plan.out


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (["豫园"], {LIVE}),
        (["豫"], {LIVE}),
        (["被豫园的氛围感硬控了"], {LIVE}),
        (["下雨天"], {RAIN}),
        (["雨夜", "弄堂"], {RAIN}),
        (["弄堂 路上的小满"], {RAIN}),
        (["雨夜豫园"], set()),
        (["ALERT(1)"], {HOSTILE}),
    ],
)
def test_what_is_found(archive: Path, text: list[str], notes: set[str]) -> None:
    """By title, text, tags and author; one character is enough."""
    assert found(archive, *text) == notes


def test_found_notes_show_the_place(archive: Path) -> None:
    """Below the note's line, and in the JSON line."""
    ran = run(["find", "下雨天", "-d", archive])
    line, place = ran.out.splitlines()
    assert RAIN in line
    assert place.strip().startswith("下雨天不想回家")
    (event,) = run(["find", "下雨天", "-d", archive, "--json"]).events
    assert event["excerpt"] == place.strip()
    (event,) = run(["find", "弄堂 一盏一盏", "-d", archive, "--json"]).events
    assert "上海弄堂" in event["excerpt"]
    (event,) = run(["find", "氛围感硬控", "-d", archive, "--json"]).events
    assert event["excerpt"] == ""


@pytest.mark.parametrize("text", ["", " ", '"', "*", "()", "，。！", "\0"])
def test_nothing_to_look_for_is_a_usage_error(archive: Path, text: str) -> None:
    """Signs alone are no words."""
    ran = run(["find", text, "-d", archive])
    assert (ran.code, ran.out) == (2, "")
    assert "nothing to find" in ran.err


def test_bytes_that_are_no_text_are_a_usage_error(archive: Path) -> None:
    """They were typed in another encoding, and would find nothing."""
    ran = run(["find", "\udcff", "-d", archive])
    assert (ran.code, ran.out) == (2, "")
    assert "neither UTF-8 nor in the encoding" in ran.err


@pytest.mark.parametrize(
    "text",
    [
        '"',
        "title:豫",
        "豫*",
        "豫 OR 雨",
        "NOT 豫",
        "NEAR(豫 园)",
        "-豫",
        "^豫",
        "{title}:豫",
        "'; DROP TABLE notes;--",
        "豫\0",
    ],
)
def test_a_query_is_only_words(archive: Path, text: str) -> None:
    """Nothing is syntax, and no query is an error."""
    ran = run(["find", "-d", archive, "--ids", "--", text + " 园"])
    assert ran.code == 0, ran.err


def test_a_query_may_be_long_but_not_a_file(archive: Path) -> None:
    """Somebody pasted the wrong thing."""
    assert run(["find", "豫" * 2000, "-d", archive]).code == 0
    ran = run(["find", "豫" * 2001, "-d", archive])
    assert ran.code == 2
    assert "too long" in ran.err


def test_nothing_found_is_no_failure(archive: Path) -> None:
    """The answer is none, and said so."""
    for command in (["find", "外滩外滩"], ["ls", "--author", "nobody at all"]):
        ran = run([*command, "-d", archive])
        assert (ran.code, ran.out) == (0, "")
        assert "no matching notes" in ran.err


def test_show_tells_of_a_note(archive: Path) -> None:
    """What it is, what it says, which files it has, where it lies."""
    ran = run(["show", RAIN, "-d", archive])
    assert ran.code == 0, ran.err
    for part in (
        *(
            "雨夜的老弄堂",
            "路上的小满",
            "703358216",
            "2026-04-27 15:44:08+08:00",
            "上海",
            "77 likes",
            "complete",
        ),
        *(f"https://www.xiaohongshu.com/explore/{RAIN}", "下雨天不想回家", "#雨夜 #上海弄堂"),
        *("01.webp", "02.heic", "02.mp4", "900×1200", "KiB", "2.5 s", "original", "rendition"),
        str(folder_of(archive, RAIN)),
    ):
        assert part in ran.out, part
    assert "[话题]" not in ran.out
    assert "missing" not in ran.out


def test_show_takes_links_too(archive: Path) -> None:
    """And pasted share texts."""
    plain = run(["show", LIVE, "-d", archive]).out
    for text in (
        f"https://www.xiaohongshu.com/explore/{LIVE}?xsec_token=x",
        f"看看\nhttps://www.rednote.com/explore/{LIVE} 吧",
    ):
        assert run(["show", text, "-d", archive]).out == plain


def test_show_json_is_the_manifest(archive: Path) -> None:
    """As it lies in the folder; what a terminal might obey is escaped, and says the same."""
    text = (folder_of(archive, LIVE) / FILE_NAME).read_text("utf-8")
    assert run(["show", LIVE, "-d", archive, "--json"]).out == text
    ran = run(["show", HOSTILE, "-d", archive, "--json"])
    assert json.loads(ran.out) == json.loads((folder_of(archive, HOSTILE) / FILE_NAME).read_text("utf-8"))
    assert all(char.isprintable() for char in ran.out.replace("\n", "").replace("\u200d", ""))


def test_show_of_an_empty_note(archive: Path) -> None:
    """It says that nobody has it."""
    ran = run(["show", EMPTY, "-d", archive])
    assert ran.code == 0
    assert "Every endpoint" in ran.out
    assert "files" not in ran.out


@pytest.mark.parametrize("verb", ["show", "open"])
@pytest.mark.parametrize(
    ("note", "words"),
    [
        (UNKNOWN, f"there is no note {UNKNOWN}"),
        ("not an id", "neither a note id"),
        ("", "not none"),
        (f"{LIVE} {VIDEO}", "name one note, not 2"),
        ("http://xhslink.com/a/AbCdEf", "was not followed"),
        ("-d", ""),
    ],
)
def test_what_is_no_note_here_is_a_usage_error(archive: Path, verb: str, note: str, words: str) -> None:
    """One sentence, exit code 2."""
    ran = run([verb, note, "-d", archive])
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err


@pytest.mark.parametrize("command", [["ls"], ["find", "豫"], ["show", LIVE], ["open"], ["reindex"]])
def test_without_an_archive(tmp_path: Path, command: list[str]) -> None:
    """A usage error, and nothing is made."""
    ran = run([*command, "-d", tmp_path / "none"])
    assert ran.code == 2
    assert "there is no archive" in ran.err
    assert not list(tmp_path.iterdir())


def test_a_short_link_that_was_followed(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names its note from then on, without asking anybody."""
    link = short_link(LIVE)
    monkeypatch.setenv("XHARCHIVE_TOKEN", "no-token-needed")
    assert run(["get", link, "-d", tmp_path, "--image-format", "keep", "-q", *world.options]).code == 0
    before = len(world.seen)
    assert LIVE in run(["show", link, "-d", tmp_path]).out
    assert len(world.seen) == before


# Archives of one's own, made by hand.


def hostile_manifest() -> Manifest:
    evil = "\x1b[2J\x07\u202eevil\u2066\r\n\x9b31m"
    plain = manifest_of(note_id(1), title=f"豫园{evil}", gaps=[replace(gap(), detail=evil)])
    note: dict[str, Any] = {**plain.note, "text": f"豫园 {evil}\n{evil}", "place": evil, "tags": [evil]}
    note["author"] = {"id": evil, "name": evil, "red_id": evil}
    return replace(plain, note=note, files=(replace(plain.files[0], path="01\x1b.heic", problem=evil),))


def test_a_hostile_note_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Nothing it says reaches the terminal as an order, nor makes a line; nor does its folder's name."""
    opened_store(tmp_path)
    folder = tmp_path / f"\x1b]0;evil\x07_{note_id(1)}"
    folder.mkdir()
    (folder / FILE_NAME).write_text(to_json(hostile_manifest()), "utf-8")
    for command in (
        ["ls"],
        ["find", "豫园"],
        ["ls", "--folders"],
        ["ls", "--json"],
        ["find", "园", "--json"],
    ):
        ran = run([*command, "-d", tmp_path])
        assert ran.code == 0, ran.err
        assert len(ran.out.splitlines()) == 1 + (command == ["find", "豫园"])
        assert all(char.isprintable() for char in ran.out.replace("\n", "")), command
    for command in (["show", str(note_id(1))], ["open", str(note_id(1)), "--print"]):
        ran = run([*command, "-d", tmp_path])
        assert ran.code == 0, ran.err
        assert all(char.isprintable() for char in (ran.out + ran.err).replace("\n", "")), command


def test_gaps_derivatives_and_odd_notes_are_shown(tmp_path: Path) -> None:
    """With their reasons; what nobody knows is left out."""
    store = opened_store(tmp_path)
    commit_note(store, note_id(1), gaps=[gap(), replace(gap(2), role=Role.DERIVATIVE)])
    ran = run(["show", str(note_id(1)), "-d", tmp_path])
    assert "image-9: not-found: every address said 404" in ran.out
    assert "image-2 (derivative): not-found" in ran.out
    assert run(["ls", "-d", tmp_path, "--state", "partial", "--ids"]).out.split() == [str(note_id(1))]
    plain = manifest_of(note_id(2))
    original = plain.files[0]
    made = replace(
        original,
        path="01.jpg",
        role=Role.DERIVATIVE,
        slot=Slot(AssetKind.IMAGE, 1),
        quality=None,
        derived_from="01.heic",
    )
    note = {
        **plain.note,
        "tags": [],
        "text": " ",
        "author": {"id": "", "name": "某人", "red_id": ""},
        "updated": None,
    }
    odd = replace(
        plain, note=note, files=(replace(original, quality=None, problem="no decoder reads it"), made)
    )
    folder = tmp_path / f"2026-03-09_odd_{note_id(2)}"
    folder.mkdir()
    (folder / FILE_NAME).write_text(to_json(replace(odd, archived=None)), "utf-8")
    shown = run(["show", str(note_id(2)), "-d", tmp_path]).out
    assert "author     某人\n" in shown
    assert "state      complete\n" in shown
    assert "made from 01.heic" in shown
    assert "no decoder reads it" in shown
    (folder / FILE_NAME).write_text(to_json(Manifest(note_id(2), State.EMPTY)), "utf-8")
    assert "files" not in run(["show", str(note_id(2)), "-d", tmp_path]).out


def test_a_changed_manifest_is_seen(tmp_path: Path) -> None:
    """The folders are the truth, also when somebody else wrote there."""
    store = opened_store(tmp_path)
    done = commit_note(store, note_id(1))
    assert [note["title"] for note in ls(tmp_path)] == ["A title"]
    path = tmp_path / done.folder / FILE_NAME
    path.write_text(path.read_text("utf-8").replace("A title", "另一个标题"), "utf-8")
    assert [note["title"] for note in ls(tmp_path)] == ["另一个标题"]
    assert found(tmp_path, "标题") == {str(note_id(1))}
    path.write_text("no manifest any more")
    assert ls(tmp_path) == []
    ran = run(["show", str(note_id(1)), "-d", tmp_path])
    assert ran.code == 5
    assert "unfinished or damaged" in ran.err
    shutil.rmtree(path.parent)
    assert run(["show", str(note_id(1)), "-d", tmp_path]).code == 2


def test_a_note_that_vanishes_while_it_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is shown without its place."""
    store = opened_store(tmp_path)
    commit_note(store, note_id(1))
    monkeypatch.setattr("xharchive.archive.NoteFolders.manifest_at", lambda *_: None)
    assert len(run(["find", "title", "-d", tmp_path]).out.splitlines()) == 1


def test_looking_needs_neither_lock_nor_leave_to_write(tmp_path: Path) -> None:
    """While another process holds the archive, and where the catalog cannot be written."""
    archive = tmp_path / "archive"
    store = opened_store(archive)
    commit_note(store, note_id(1))
    with store.held():
        before = run(["ls", "-d", archive]).out
        assert found(archive, "title") == {str(note_id(1))}
        assert run(["show", str(note_id(1)), "-d", archive]).code == 0
    for file in store.state.unguarded.glob("catalog.sqlite3*"):
        file.unlink()
    store.index_path.mkdir()
    assert run(["ls", "-d", archive]).out == before
    assert found(archive, "title") == {str(note_id(1))}


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`ls | head -1` ends as other verbs do: no traceback, no bug."""
    store = opened_store(tmp_path)
    for number in range(300):
        folder = tmp_path / f"2026-03-09_{'很长' * 20}_{note_id(number)}"
        folder.mkdir()
        (folder / FILE_NAME).write_text(to_json(manifest_of(note_id(number), title="很长" * 300)), "utf-8")
    assert store.exists
    command = f"{sys.executable} -P -m xharchive ls -d {tmp_path} | head -c 10; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.stdout.endswith("130\n")
    assert done.stderr == ""
