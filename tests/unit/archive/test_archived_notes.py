"""What the archive has is what its folders say, whatever the catalog remembers (promise 6)."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from support.note_folders import FILES, commit_note, gap, manifest_of, note_id, opened_store, prepare

from xharchive.archive import Archive, ArchivedNote, NoteFolders, PublishedNote
from xharchive.errors import ArchiveError
from xharchive.manifest import FILE_NAME, State, to_json
from xharchive.models import NoteId, PendingNote
from xharchive.naming import folder_name


def folder(number: int) -> str:
    return folder_name(note_id(number), "A title")


@pytest.fixture
def store(tmp_path: Path) -> Archive:
    """An archive of three notes: two complete, the third partial."""
    made = opened_store(tmp_path / "archive")
    for number in (1, 2):
        commit_note(made, note_id(number))
    commit_note(made, note_id(3), gaps=[gap()])
    with made.opened():
        return made


@contextmanager
def looked_at(store: Archive) -> Iterator[Archive]:
    with store.opened() as holdings:
        yield holdings


def states(store: Archive) -> dict[int, tuple[State, bool] | None]:
    """What a new run finds of notes 1 to 5."""
    with looked_at(store) as holdings:
        found = {number: holdings.find(note_id(number)) for number in range(1, 6)}
    return {number: (held.state, held.intact) for number, held in found.items() if held}


ALL = {1: (State.COMPLETE, True), 2: (State.COMPLETE, True), 3: (State.PARTIAL, True)}


def test_what_was_archived_is_there(store: Archive) -> None:
    """With its folder, state and title; and nothing else is."""
    assert states(store) == ALL
    with looked_at(store) as holdings:
        assert holdings.find(note_id(1)) == ArchivedNote(folder(1), State.COMPLETE, "A title", intact=True)


@pytest.mark.parametrize(
    ("state", "intact", "settled"),
    [
        (State.COMPLETE, True, True),
        (State.COMPLETE, False, False),
        (State.PARTIAL, True, False),
        (State.EMPTY, True, True),
        (State.EMPTY, False, False),
    ],
)
def test_settled_means_nothing_left_to_do(state: State, intact: bool, settled: bool) -> None:
    """Partial or damaged is not settled; known to be empty is."""
    assert ArchivedNote("f", state, "", intact).is_done is settled


def test_a_deleted_catalog_is_made_again_the_same(store: Archive) -> None:
    """Rebuilt from the manifests, it counts what it counted."""
    with looked_at(store) as holdings:
        before = holdings.totals
    store.index_path.unlink()
    with looked_at(store) as holdings:
        assert holdings.totals == before
    assert before.originals == 3 * len(FILES)
    assert states(store) == ALL


def test_a_deleted_folder_is_forgotten(store: Archive) -> None:
    """The catalog does not pretend; neither does it in the middle of a run."""
    shutil.rmtree(store.root / folder(1))
    assert states(store) == {2: ALL[2], 3: ALL[3]}
    with looked_at(store) as holdings:
        shutil.rmtree(store.root / folder(2))
        assert holdings.find(note_id(2)) is None
        assert holdings.totals.notes == {"complete": 0, "partial": 1, "empty": 0}


def test_a_copied_in_folder_is_learned(store: Archive, tmp_path: Path) -> None:
    """From a backup or another archive, under any name that ends with its id."""
    other = opened_store(tmp_path / "other")
    commit_note(other, note_id(4))
    shutil.copytree(other.root / folder(4), store.root / f"from the backup_{note_id(4)}")
    assert states(store) == {**ALL, 4: (State.COMPLETE, True)}


def test_a_renamed_folder_is_followed(store: Archive) -> None:
    """Users may give folders better names."""
    (store.root / folder(1)).rename(store.root / f"Yu Garden_{note_id(1)}")
    with looked_at(store) as holdings:
        found = holdings.find(note_id(1))
        assert found is not None
        assert found.folder == f"Yu Garden_{note_id(1)}"
        assert holdings.totals.notes["complete"] == 2


def test_a_changed_manifest_is_read_again(store: Archive) -> None:
    """Even in the middle of a run."""
    with looked_at(store) as holdings:
        text = to_json(manifest_of(note_id(1), gaps=[gap()], title="Another, longer title"))
        (store.root / folder(1) / FILE_NAME).write_text(text, "utf-8")
        assert holdings.find(note_id(1)) == ArchivedNote(
            folder(1), State.PARTIAL, "Another, longer title", intact=True
        )


def damaged(store: Archive) -> None:
    (store.root / folder(1) / "01.heic").write_bytes(b"cut")


def emptied(store: Archive) -> None:
    (store.root / folder(1) / "01.heic").write_bytes(b"")


def deleted(store: Archive) -> None:
    (store.root / folder(1) / "02.webp").unlink()


def linked(store: Archive) -> None:
    path = store.root / folder(1) / "01.heic"
    path.rename(store.root / "elsewhere")
    path.symlink_to(store.root / "elsewhere")


@pytest.mark.parametrize("damage", [damaged, emptied, deleted, linked], ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_noticed_without_reading(store: Archive, damage: Callable[[Archive], None]) -> None:
    """Size and kind of every file are looked at, each time (docs/reliability.md#proof)."""
    damage(store)
    assert states(store)[1] == (State.COMPLETE, False)
    with looked_at(store) as holdings:
        assert note_id(1) in {want.target for want in holdings.notes_to_resume()}


@pytest.mark.parametrize("content", [b"", b"{", b"{}"])
def test_a_broken_manifest_makes_a_begun_note(store: Archive, content: bytes) -> None:
    """No note any more, but its folder with what was paid for is gone on with (row 42)."""
    (store.root / folder(1) / FILE_NAME).write_bytes(content)
    with looked_at(store) as holdings:
        found = holdings.find(note_id(1))
        assert found == ArchivedNote(folder(1), State.PARTIAL, "", intact=False)
        assert store.folders.manifest_at(found.folder) is None
        assert note_id(1) in {want.target for want in holdings.notes_to_resume()}
        assert holdings.totals.notes["complete"] == 1
    store.index_path.unlink()
    assert states(store)[1] == (State.PARTIAL, False)


def test_a_folder_without_a_manifest_is_begun(store: Archive) -> None:
    """A crash in the middle of the first commit leaves one."""
    (store.root / folder(4)).mkdir()
    with looked_at(store) as holdings:
        assert holdings.find(note_id(4)) == ArchivedNote(folder(4), State.PARTIAL, "", intact=False)
        assert note_id(4) in {want.target for want in holdings.notes_to_resume()}
        holdings.add(commit_note(store, note_id(4)))
        assert holdings.find(note_id(4)) == ArchivedNote(folder(4), State.COMPLETE, "A title", intact=True)
        assert note_id(4) not in {want.target for want in holdings.notes_to_resume()}


def test_another_note_s_manifest_makes_no_note(store: Archive) -> None:
    """Two notes never share a folder: a manifest counts only where its id is."""
    shutil.copy(store.root / folder(1) / FILE_NAME, store.root / folder(2) / FILE_NAME)
    store.index_path.unlink()
    for _ in range(2):
        with looked_at(store) as holdings:
            one, two = holdings.find(note_id(1)), holdings.find(note_id(2))
            assert one == ArchivedNote(folder(1), State.COMPLETE, "A title", intact=True)
            assert two == ArchivedNote(folder(2), State.PARTIAL, "", intact=False)


def test_manifests_are_handed_out(store: Archive) -> None:
    """Of one note, and of all in the order of their names, with None where there is none."""
    (store.root / folder(5)).mkdir()
    with looked_at(store) as holdings:
        found = holdings.find(note_id(1))
        assert found is not None
        assert store.folders.manifest_at(found.folder) == manifest_of(note_id(1))
        listed = list(store.folders.published())
        assert [name for name, _, _ in listed] == [folder(number) for number in (1, 2, 3, 5)]
        assert [published is None for _, published, _ in listed] == [False, False, False, True]
        shutil.rmtree(store.root / folder(1))
        assert store.folders.manifest_at(found.folder) is None


def test_leftovers_are_all_that_needs_work(store: Archive) -> None:
    """Asked for, begun, in work, partial or damaged; never what is settled."""
    store.pending.add([PendingNote(note_id(1)), PendingNote(note_id(7))])
    prepare(store, note_id(8))
    prepare(store, note_id(2))  # its commit was done but for the tidying up
    damaged(store)
    with looked_at(store) as holdings:
        assert {want.target for want in holdings.notes_to_resume()} == {
            note_id(number) for number in (1, 3, 7, 8)
        }


def test_only_what_is_not_finished_is_remembered(store: Archive) -> None:
    """Not there, or partial; and when it is complete, it is taken off the list."""
    with looked_at(store) as holdings:
        holdings.add_pending(PendingNote(note_id(number)) for number in (1, 4, 3, 5))
        assert list(store.pending) == [
            PendingNote(note_id(4)),
            PendingNote(note_id(3)),
            PendingNote(note_id(5)),
        ]
        holdings.add(commit_note(store, note_id(4)))
        holdings.clean_up()
        assert list(store.pending) == [PendingNote(note_id(3)), PendingNote(note_id(5))]


def test_an_archive_that_is_gone_is_an_error(store: Archive) -> None:
    """An unmounted disk must not look like an archive without notes."""
    shutil.rmtree(store.root)
    with pytest.raises(ArchiveError), store.opened():
        pytest.fail("opened")


def test_a_folder_that_became_a_link_is_no_note(store: Archive, tmp_path: Path) -> None:
    """Not even with a good manifest behind it."""
    (store.root / folder(1)).rename(tmp_path / "moved")
    (store.root / folder(1)).symlink_to(tmp_path / "moved")
    assert states(store) == {2: ALL[2], 3: ALL[3]}


def test_many_are_looked_up_as_one_by_one(store: Archive) -> None:
    """In the order in which they are asked for, repetitions and strangers included."""
    (store.root / folder(4)).mkdir()
    asked = [note_id(number) for number in (*range(1, 250), 3, 1)]
    with looked_at(store) as holdings:
        (store.root / folder(2) / "02.webp").unlink()
        found = list(holdings.look_up(iter(asked)))
        assert [note for note, _ in found] == asked
        assert found == [(note, holdings.find(note)) for note in asked]
    assert [holding.intact for _, holding in found[:4] if holding] == [True, False, True, False]


def test_a_file_is_looked_at_when_it_is_the_note_s_turn(store: Archive) -> None:
    """Not when the catalog was asked about a hundred of them."""
    with looked_at(store) as holdings:
        found = holdings.look_up(note_id(number) for number in (1, 2))
        next(found)
        shutil.rmtree(store.root / folder(2))
        assert next(found) == (note_id(2), None)


def test_a_list_is_read_ahead_of_settled_notes_only(store: Archive) -> None:
    """In step with the work: many at once cost less where nothing is to be done, and only there."""
    taken: list[int] = []

    def listed() -> Iterator[NoteId]:
        for number in (1, 2, 1, 4, 5, 6, 1, 2, 1):
            taken.append(number)
            yield note_id(number)

    with looked_at(store) as holdings:
        ahead = [len(taken) for _ in holdings.look_up(listed(), no_read_ahead=True)]
        assert ahead == [1, 3, 3, 7, 7, 7, 7, 8, 9]


def test_a_gone_folder_is_noticed_whatever_else_changed(store: Archive) -> None:
    """One gone and one copied under another name: as many folders as there were notes."""
    shutil.rmtree(store.root / folder(3))
    shutil.copytree(store.root / folder(1), store.root / f"a copy_{note_id(1)}")
    found = states(store)
    assert set(found) == {1, 2}


@contextmanager
def trusted(store: Archive, *, read_only: bool = False) -> Iterator[Archive]:
    with store.opened(read_only=read_only, trust_index=True) as holdings:
        yield holdings


def believed(store: Archive, *, read_only: bool = False) -> dict[int, bool]:
    """Which of notes 1 to 5 a trusting run takes for settled."""
    with trusted(store, read_only=read_only) as holdings:
        found = holdings.look_up(note_id(number) for number in range(1, 6))
        return {int(note.text[8:], 16): held.is_done for note, held in found if held}


def test_complete_notes_of_a_trusted_index_are_counted(store: Archive) -> None:
    """Between the others, in the order in which they are asked for; without trust each is looked at."""
    prepare(store, note_id(2), replies={"note-detail-v6": b"newer"})
    asked = [note_id(number) for number in (1, 1, 3, 9, 1, 2, *[1] * 620, 3, 1)]
    with trusted(store) as holdings:
        found = list(holdings.look_up_or_count(iter(asked)))
        others = {number: (note_id(number), holdings.find(note_id(number))) for number in (2, 3, 9)}
    assert found == [2, others[3], others[9], 1, others[2], 494, 126, others[3], 1]
    with looked_at(store) as holdings:
        assert list(holdings.look_up_or_count(iter(asked))) == list(holdings.look_up(iter(asked)))


def test_a_trusted_catalog_is_believed_about_finished_notes(store: Archive) -> None:
    """No file of theirs is looked at; one that asks for a single note gets the truth all the same."""
    damaged(store)
    assert believed(store) == {1: True, 2: True, 3: False}
    with trusted(store) as holdings:
        found = holdings.find(note_id(1))
        assert found is not None
        assert not found.intact
        assert {want.target for want in holdings.notes_to_resume()} == {note_id(3)}
    assert states(store)[1] == (State.COMPLETE, False)


def test_an_unfinished_note_is_looked_at_all_the_same(store: Archive) -> None:
    """Begun, partial, or with a reply that was paid for since."""
    (store.root / folder(3) / "02.webp").unlink()
    prepare(store, note_id(2), replies={"note-detail-v6": b"newer"})
    (store.root / folder(4)).mkdir()
    with trusted(store) as holdings:
        held = dict(holdings.look_up(note_id(number) for number in (2, 3, 4)))
    assert held[note_id(2)] == ArchivedNote(
        folder(2), State.COMPLETE, "A title", intact=True, has_new_replies=True
    )
    assert held[note_id(3)] == ArchivedNote(folder(3), State.PARTIAL, "A title", intact=False)
    assert held[note_id(4)] == ArchivedNote(folder(4), State.PARTIAL, "", intact=False)


def test_folders_that_come_and_go_are_noticed_without_a_look_inside(store: Archive, tmp_path: Path) -> None:
    """Whatever is trusted, the list of folders is the archive's own."""
    assert believed(store) == {1: True, 2: True, 3: False}
    shutil.rmtree(store.root / folder(2))
    other = opened_store(tmp_path / "other")
    commit_note(other, note_id(4))
    shutil.copytree(other.root / folder(4), store.root / folder(4))
    assert believed(store) == {1: True, 3: False, 4: True}


def now_partial(store: Archive) -> None:
    """Another manifest, behind the catalog's back."""
    text = to_json(manifest_of(note_id(1), gaps=[gap()], title="Another, longer title"))
    (store.root / folder(1) / FILE_NAME).write_text(text, "utf-8")


def test_the_catalog_of_another_archive_is_not_believed(store: Archive, tmp_path: Path) -> None:
    """Of a copy that went its own way since: it has the same folders, and says other things of them."""
    assert believed(store)[1]
    copy = Archive(tmp_path / "copy")
    shutil.copytree(store.root, copy.root)
    now_partial(copy)
    assert not believed(copy)[1]
    shutil.copy(store.index_path.unguarded, copy.index_path.unguarded)
    assert not believed(copy, read_only=True)[1]
    assert not believed(copy)[1]
    assert believed(store)[1]


def killed(store: Archive) -> None:
    """A run that ended between a note's manifest and its row."""
    with suppress(RuntimeError), trusted(store):
        now_partial(store)
        raise RuntimeError("killed")


def lost(store: Archive) -> None:
    now_partial(store)
    for file in store.state.unguarded.glob("catalog.sqlite3*"):
        file.unlink()


def garbled(store: Archive) -> None:
    now_partial(store)
    store.index_path.unguarded.write_bytes(b"garbage" * 1000)


@pytest.mark.parametrize("misfortune", [killed, lost, garbled], ids=lambda misfortune: misfortune.__name__)
def test_a_catalog_that_may_be_behind_is_compared_with_the_manifests(
    store: Archive, misfortune: Callable[[Archive], None]
) -> None:
    """Before it is believed: a kill, a lost or damaged catalog never make a note finished."""
    assert believed(store)[1]
    misfortune(store)
    assert not believed(store)[1]


def test_a_catalog_is_compared_once_and_not_at_every_run(
    store: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run leaves well the next one believes, also after one that looked, and after a mere reader."""
    looks: list[str] = []
    stamp = NoteFolders.stamp

    def counted(self: NoteFolders, of: str) -> str:
        looks.append(of)
        return stamp(self, of)

    assert believed(store)
    monkeypatch.setattr(NoteFolders, "stamp", counted)
    for look in (trusted, looked_at):
        with look(store) as holdings:
            assert holdings.totals.notes
        with store.opened(read_only=True) as holdings:
            assert holdings.totals.notes
    assert not looks
    assert believed(store) == {1: True, 2: True, 3: False}
    assert set(looks) == {folder(3)}


def test_a_copied_archive_without_our_folder_can_be_trusted_too(store: Archive, tmp_path: Path) -> None:
    """There is no catalog to believe, so the manifests are read."""
    backup = Archive(tmp_path / "backup")
    shutil.copytree(store.root, backup.root, ignore=shutil.ignore_patterns(".xharchive"))
    assert believed(backup, read_only=True) == {1: True, 2: True, 3: False}


class SlowReader(NoteFolders):
    """The folders as somebody reads it who holds no lock: `meanwhile` happens once a manifest was read."""

    meanwhile: Callable[[], None] | None = None

    def read(self, folder: str, *, of_note: bool = False) -> PublishedNote | None:
        published = super().read(folder, of_note=of_note)
        if published is not None and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            happens()
        return published


@pytest.mark.parametrize("known", [False, True], ids=["the catalog is lost", "the folder changed"])
def test_who_only_reads_never_takes_a_run_s_word_back(tmp_path: Path, known: bool) -> None:
    """`ls` reads a manifest, a run commits that note again, then `ls` tells the catalog what it read."""
    store = opened_store(tmp_path / "archive")
    first = commit_note(store, note_id(1))
    if known:
        with store.held(), store.opened():
            pass
        first = commit_note(store, note_id(1), {**FILES, "03.webp": b"third"})

    def run_over_it() -> None:
        with store.held(), store.opened(trust_index=True) as run:
            run.add(commit_note(store, note_id(1), {"01.heic": FILES["01.heic"]}, gaps=[gap(2)]))

    reader, folders = Archive(store.root), SlowReader(store.folder)
    reader.folders, folders.meanwhile = folders, run_over_it
    with reader.opened(read_only=True) as holdings:
        if known:
            holdings.find(note_id(1))
    held = store.folders.read(first.folder)
    assert held is not None
    assert held.manifest.state is State.PARTIAL
    with store.held(), store.opened(trust_index=True) as holdings:
        ((_, holding),) = holdings.look_up([note_id(1)])
    assert holding is not None
    assert (holding.state, holding.is_done) == (State.PARTIAL, False)
