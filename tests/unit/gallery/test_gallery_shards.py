"""The division of the index's cards among data files."""

import pytest

from xharchive.gallery.pages import SHARD_NAME, divide


def an_id(number: int) -> str:
    return f"{0x67000000 + number * 60:08x}{number * 0x1234567:016x}"


def files(ids: list[str]) -> dict[str, list[str]]:
    return dict(divide((note_id, f"row of {note_id}") for note_id in sorted(ids)))


NOTES = [an_id(number) for number in range(0, 40_000, 2)]


def test_every_card_stands_in_one_file_in_the_same_order() -> None:
    """However many there are; the names are as many as the files."""
    found = list(divide((note_id, note_id) for note_id in NOTES))
    assert [row for _, rows in found for row in rows] == NOTES
    assert len({name for name, _ in found}) == len(found)
    assert all(SHARD_NAME.fullmatch(name) for name, _ in found)
    assert list(divide([])) == []


def test_files_are_of_a_size_that_a_browser_reads_at_once() -> None:
    """Some 400 cards on average."""
    sizes = [len(rows) for rows in files(NOTES).values()]
    assert 300 < sum(sizes) / len(sizes) < 500
    assert max(sizes) < 4000


@pytest.mark.parametrize("place", range(1, 40_000, 4_446))
def test_a_note_more_or_less_changes_the_file_it_stands_in(place: int) -> None:
    """Wherever in time; no other file gets another name or content, unless a file is cut in two there."""
    before, note = files(NOTES), an_id(place)
    after = files([*NOTES, note])
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    holding = {name for name, rows in after.items() if f"row of {note}" in rows}
    assert holding <= changed
    assert len(changed) == 1


def test_a_note_that_begins_a_file_cuts_another_in_two() -> None:
    """And both have the same cards together as the one had."""
    (_, first), *_, (name, rows) = files(NOTES).items()
    assert first
    beginner = rows[0].removeprefix("row of ")
    without = files([note for note in NOTES if note != beginner])
    assert name not in without
    assert list(without.values())[-1][-len(rows) + 1 :] == rows[1:]
    assert list(files([beginner])) == [name]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("data-" + "0" * 24 + ".js", True),
        ("data-00007.js", True),
        ("data-mine.js", False),
        ("data-00007.js.tmp", False),
        ("index.js", False),
    ],
)
def test_only_our_own_names_are_ours(name: str, ours: bool) -> None:
    """What is called otherwise is somebody else's, and stays."""
    assert bool(SHARD_NAME.fullmatch(name)) is ours
