"""Lists copied from chats, web pages and DOS: characters that cannot be seen cost no note."""

from pathlib import Path

from support.command import run
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, VIDEO_NOTE, get

LOGIN = "https://www.xiaohongshu.com/login?redirectPath=https%3A%2F%2Fwww.xiaohongshu.com%2Fexplore%2F"


def test_a_list_with_invisible_characters_is_read(world: FakeWorld, tmp_path: Path) -> None:
    """Zero-width and bidi marks, an ideographic comma, a login page's link, ^Z at the end: two notes."""
    text = f"\u200b{LIVE_NOTE}\u200e、{VIDEO_NOTE}\u200b\r\n{LOGIN}{LIVE_NOTE}\r\n\x1a"
    source = tmp_path / "list.txt"
    source.write_bytes(text.encode())
    ran = run(["get", "-i", source, "-d", tmp_path / "a", "--dry-run", *world.options])
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["notes", "2"]
    assert world.calls == []


def test_an_invisible_character_in_a_wrong_id_is_named(world: FakeWorld, tmp_path: Path) -> None:
    """The sentence would show the id as right otherwise."""
    ran = run(["get", f"{LIVE_NOTE}\u200b0", "-d", tmp_path, *world.options])
    assert ran.code == 2
    assert "(with U+200B)" in ran.err
    assert world.calls == []


def test_a_title_above_the_headings_of_a_table(world: FakeWorld, tmp_path: Path) -> None:
    """`--column` finds its heading below it."""
    table = tmp_path / "export.csv"
    table.write_text(f"小红书导出 2026-01-01\n标题,作品地址X\nx,{LIVE_NOTE}\n", "utf-8")
    left = get(world, tmp_path / "a", "-i", str(table), "--column", "作品地址X", notes=())
    assert left.code == 0
    assert left.is_complete()
