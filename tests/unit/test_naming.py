"""Names that every file system takes, whatever the title says."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pathvalidate import validate_filename

from xharchive import media
from xharchive.media import AssetKind
from xharchive.models import NoteId, Slot
from xharchive.naming import (
    fallback_stem,
    file_name,
    file_stem,
    folder_name,
    may_hold_note,
    note_id_from_name,
    note_id_from_path,
)

ID = NoteId("69aed4e2000000000e00c358")
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TITLES = [
    "被豫园的氛围感硬控了",
    "../../etc/passwd",
    "/absolute",
    "C:\\Windows\\System32",
    "..",
    ".",
    "...",
    "CON",
    "NUL.txt",
    "COM1",
    "LPT¹",
    "aux.",
    "a" * 5000,
    "字" * 5000,
    "👨‍👩‍👧‍👦" * 60,
    "ends with dots...",
    "ends with spaces   ",
    "tab\tnewline\nreturn\r",
    "nul\0byte",
    "esc\x1b[31mred",
    "csi\x9b31m",
    f"bidi{BIDI}",
    "e\u0301 decomposed",
    "e\u200b\u0301 hidden between",
    "\ud83d lone surrogate",
    "\ufeffbom",
    '<>:"/\\|?*',
    "~$lock",
    "-rf",
    "\u200d",
    "\u200d.\u200d",
    "line\u2028separator",
    "",
    "_",
    ID.text,
]
RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{name}{digit}" for name in ("COM", "LPT") for digit in "123456789"),
}


def check(name: str) -> None:
    """What any platform asks of a name, and what we promise of ours."""
    assert len(name.encode("utf-8")) <= 255
    assert name.startswith("2026-03-09_")
    assert name.endswith("_" + ID.text)
    assert Path(name).name == name
    assert not set(name) & set('<>:"/\\|?*')
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") for char in name)
    assert not set(name) & set(BIDI)
    assert name == unicodedata.normalize("NFC", name)
    assert name.partition(".")[0].upper() not in RESERVED
    assert name == name.strip(" .")
    assert note_id_from_name(name) == ID
    validate_filename(name, platform="universal")


@given(st.text(st.characters(), max_size=300))
def test_any_title_makes_a_name_for_every_platform(title: str) -> None:
    """Length, characters, ends, normal form: for arbitrary text, lone surrogates included."""
    check(folder_name(ID, title))


@given(
    st.lists(st.sampled_from([*'<>:"/\\|?* ._-~\u200d\u0338\u0301e', "CON", "\u202e"]), max_size=40).map(
        "".join
    )
)
def test_titles_of_nothing_but_trouble_make_a_name_too(title: str) -> None:
    """The worst characters in any order, next to each other and at both ends."""
    check(folder_name(ID, title))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)
@given(title=st.text(st.characters(), max_size=300))
@example(title="字" * 300)
def test_the_disk_takes_every_name(title: str, tmp_path: Path) -> None:
    """The folder can be made, and is found again by its id."""
    folder = tmp_path / folder_name(ID, title)
    folder.mkdir(exist_ok=True)
    assert folder.parent == tmp_path
    assert folder.name in {entry.name for entry in tmp_path.iterdir()}


@pytest.mark.parametrize("title", TITLES)
def test_known_troublemakers(title: str) -> None:
    """Traversal, reserved names, bidi, controls, decomposed and overlong titles."""
    check(folder_name(ID, title))


def test_a_harmless_title_stays_readable() -> None:
    """A Chinese title is kept as it is; an emoji made of several stays one picture."""
    assert folder_name(ID, "被豫园的氛围感硬控了") == f"2026-03-09_被豫园的氛围感硬控了_{ID}"
    assert folder_name(ID, "a/b: 👩‍🍳 c") == f"2026-03-09_a b 👩‍🍳 c_{ID}"


def test_no_title_leaves_date_and_id() -> None:
    """A note without a title has a folder all the same."""
    assert folder_name(ID, "") == folder_name(ID, " \u200b/ ") == f"2026-03-09_{ID}"


def test_the_date_is_china_s() -> None:
    """16:00 UTC is the next day where the platform lives."""
    assert folder_name(NoteId("69aef000" + "0" * 16), "").startswith("2026-03-10_")
    assert folder_name(NoteId("0" * 24), "").startswith("1970-01-01_")
    assert folder_name(NoteId("f" * 24), "").startswith("2106-02-07_")


def test_a_title_is_cut_at_a_whole_character() -> None:
    """Bytes are counted, characters are cut: no half of a character is left."""
    name = folder_name(ID, "字" * 200)
    assert name == f"2026-03-09_{'字' * 40}_{ID}"


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        (ID.text, ID),
        (f"2026-03-09_x_{ID}", ID),
        (f"my own name_{ID}", ID),
        (f"x{ID}", None),
        (f"{ID} copy", None),
        (f"{ID}\n", None),
        (f"x_{ID.text.upper()}", None),
        (".xharchive", None),
        ("", None),
    ],
)
def test_a_folder_is_a_note_s_by_the_end_of_its_name(folder: str, found: NoteId | None) -> None:
    """Users may rename the rest; a copy with another end is not ours."""
    assert note_id_from_name(folder) == found


@pytest.mark.parametrize(
    ("folder", "found"),
    [(f"travel/x_{ID}", ID), (f"x_{ID}", ID), (f"travel_{ID}/Shanghai", None), ("Shanghai", None)],
)
def test_the_last_name_of_a_path_may_tell_the_note(folder: str, found: NoteId | None) -> None:
    """Of a folder that its owner sorted."""
    assert note_id_from_path(folder) == found


@pytest.mark.parametrize(
    ("folder", "may_hold"),
    [
        *((folder, True) for folder in (f"x_{ID}", "Shanghai", "travel/Shanghai", "travel/gallery", "a/b..")),
        *((folder, False) for folder in ("", ".", "..", "/a", "a/", "a//b", "a/..", "../a", "a/b/c", "a\0")),
        *((folder, False) for folder in ("gallery", "gallery/a", ".xharchive/a", ".a", "a/.b", "#recycle/a")),
    ],
)
def test_notes_lie_in_the_archive_or_in_a_folder_there(folder: str, may_hold: bool) -> None:
    """Never hidden, never in a folder of ours, never outside."""
    assert may_hold_note(folder) is may_hold


@pytest.mark.parametrize(
    ("slot", "pictures", "name"),
    [
        (Slot(AssetKind.IMAGE, 1), 9, "01.heic"),
        (Slot(AssetKind.IMAGE, 12), 12, "12.heic"),
        (Slot(AssetKind.IMAGE, 7), 120, "007.heic"),
        (Slot(AssetKind.LIVE, 3), 9, "03.heic"),
        (Slot(AssetKind.VIDEO), 0, "video.heic"),
        (Slot(AssetKind.VIDEO, 2), 0, "video-2.heic"),
        (Slot(AssetKind.COVER), 0, "cover.heic"),
        (Slot(AssetKind.SOUND), 0, "audio.heic"),
        (Slot(AssetKind.SOUND, 2), 0, "audio-2.heic"),
        (Slot(AssetKind.MUSIC), 0, "music.heic"),
        (Slot(AssetKind.SUBTITLE, 0, "zh-CN"), 0, "video.zh-CN.heic"),
        (Slot(AssetKind.SUBTITLE), 0, "video.heic"),
    ],
)
def test_files_are_named_by_their_place_and_format(slot: Slot, pictures: int, name: str) -> None:
    """Pictures sort in their order and share the stem with their motion; the suffix tells the real format."""
    assert file_name(slot, media.HEIC, pictures) == name
    assert file_stem(slot, pictures) + ".heic" == name


def test_a_second_file_of_lower_quality_says_so_in_its_name() -> None:
    """Beside the upload that no browser shows."""
    assert fallback_stem(Slot(AssetKind.IMAGE, 3), "web", 12) == "03.web"
