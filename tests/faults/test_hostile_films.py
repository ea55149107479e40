"""`preview` of films that lead elsewhere: no other file is read, nothing is asked, no preview is made."""

import importlib.util
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.archive_paths import guarded
from support.command import run
from support.hostile_films import film, playlists, with_reference
from support.note_folders import MOMENT, manifest_of, note_id, opened_store, prepare

from xharchive.archive import Commit
from xharchive.media import AssetKind
from xharchive.models import Slot
from xharchive.naming import folder_name

pytestmark = [
    pytest.mark.needs("ffmpeg"),
    pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="PyAV is not installed"),
]
NOTE = note_id(1)
WITNESS = "witness.mp4"
NO_FILM = "0 previews made; 0 were there, 0 videos need none, 1 could not be converted\n"


class Listener(socketserver.TCPServer):
    """A server on loopback that should never be asked; it notes who comes, and hangs up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.port = int(self.server_address[1])
        self.address = f"http://127.0.0.1:{self.port}/film.mp4"
        self.visitors: list[object] = []

    def verify_request(self, _request: object, visitor: object) -> bool:
        """Note the visitor."""
        self.visitors.append(visitor)
        return False


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film that gets a preview."""
    return film(tmp_path_factory.mktemp("films") / "film.mp4")


def archived(archive: Path, content: bytes) -> Path:
    """Archive a note with this film, and return its folder."""
    store, files = opened_store(archive), {"01.mp4": content}
    manifest = manifest_of(NOTE, files)
    entry = replace(manifest.files[0], slot=Slot(AssetKind.VIDEO, 1), media_type="video/mp4")
    commit = Commit(replace(manifest, files=(entry,)), "# A title\n", MOMENT.timestamp())
    with store.held():
        store.commit(folder_name(NOTE, manifest.title), prepare(store, NOTE, files), commit)
    (folder,) = archive.glob(f"*_{NOTE}")
    return folder


def test_a_good_film_gets_a_preview(good: bytes, tmp_path: Path) -> None:
    """So what follows is refused for what it is."""
    archived(tmp_path, good)
    assert run(["preview", "-d", tmp_path]).out.startswith("1 preview made")


@pytest.mark.parametrize("name", playlists("", ""))
def test_a_playlist_under_the_name_of_a_film(
    name: str, good: bytes, tmp_path: Path, listener: Listener
) -> None:
    """Its bytes are read as those of a film, and are none."""
    folder = archived(tmp_path, playlists(WITNESS, listener.address)[name])
    (folder / WITNESS).write_bytes(good)
    ran = run(["preview", "-d", tmp_path])
    assert (ran.code, ran.out) == (0, NO_FILM)
    assert listener.visitors == []


def refers_elsewhere(place: str, good: bytes, folder: Path, listener: Listener) -> bytes:
    """A film whose frames are said to lie in a file of the folder, or at the listener's address."""
    witness = folder / WITNESS
    witness.write_bytes(good)
    path = str(witness) if place == "file" else listener.address
    return with_reference(good, path.encode())


@pytest.mark.parametrize("place", ["file", "address"])
def test_a_film_that_lies_elsewhere_by_its_own_word(
    place: str, good: bytes, tmp_path: Path, listener: Listener
) -> None:
    """A data reference of QuickTime is not followed: there is no frame to be had."""
    archive = tmp_path / "archive"
    archived(archive, refers_elsewhere(place, good, tmp_path, listener))
    ran = run(["preview", "-d", archive])
    assert (ran.code, ran.out) == (0, NO_FILM)
    assert listener.visitors == []


@pytest.mark.parametrize("place", ["file", "address"])
def test_ffmpeg_can_open_nothing_even_where_it_wants_to(
    place: str, good: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    """Told to follow references, it is refused by the worker: no option's default is relied on."""
    from xharchive.images import video_preview_worker

    monkeypatch.setitem(video_preview_worker._NO_PROTOCOL, "enable_drefs", "1")
    monkeypatch.setitem(video_preview_worker._NO_PROTOCOL, "use_absolute_path", "1")
    original, preview = tmp_path / "film.mp4", tmp_path / "preview.mp4"
    original.write_bytes(refers_elsewhere(place, good, tmp_path, listener))
    request = {
        "original": guarded(original).as_json(),
        "preview": guarded(preview).as_json(),
        "longest": 640,
        "max_pixels": 10_000_000,
    }
    assert "the film refers to something outside" in video_preview_worker.handle_request(request)["refused"]
    assert not preview.exists()
    assert listener.visitors == []


@pytest.mark.parametrize("where", [".", "archive"])
def test_a_folder_that_is_named_like_an_address(
    where: str, good: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    """It is a folder: its film gets a preview, from wherever the command is given."""
    archive = tmp_path / "archive"
    archived(archive, good).rename(archive / f"http:127.0.0.1:{listener.port}_{NOTE}")
    monkeypatch.chdir(archive if where == "." else tmp_path)
    ran = run(["preview", "-d", where])
    assert (ran.code, ran.out.split(";")[0]) == (0, "1 preview made")
    assert listener.visitors == []
