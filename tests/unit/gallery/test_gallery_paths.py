"""Which files of the gallery are removed with a note."""

from pathlib import Path

from xharchive.archive import Archive
from xharchive.gallery.paths import GalleryPaths

NOTE = "69aed4e2000000000e00c358"


def test_a_folder_of_a_nas_among_the_images_of_a_deleted_note_goes_with_them(tmp_path: Path) -> None:
    """It must not end this refresh and every later one."""
    paths = GalleryPaths(Archive(tmp_path))
    paths.makedirs()
    images = tmp_path / "gallery" / "screens" / NOTE
    (images / "@eaDir").mkdir(parents=True)
    (images / "@eaDir" / "01.webp").write_bytes(b"theirs")
    (images / "01.webp").write_bytes(b"ours")
    paths.remove_note(NOTE)
    assert not images.exists()
