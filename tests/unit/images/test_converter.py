"""The converter with real worker processes."""

import asyncio
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from image_samples import encoded, heic, huge_png
from PIL import Image
from support.archive_paths import guarded

from xharchive import images, media
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images import Converter, ConvertOptions, DecodeStatus, ImageFormat, ThumbnailTarget
from xharchive.media import Format

OPTIONS = ConvertOptions(workers=2)


def put(folder: Path, name: str, data: bytes) -> Path:
    """Write an original."""
    path = folder / name
    path.write_bytes(data)
    return path


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        (ImageFormat.KEEP, None),
        (ImageFormat.JPEG, media.JPEG),
        (ImageFormat.PNG, media.PNG),
        (ImageFormat.WEBP, media.WEBP),
        (ImageFormat.AVIF, media.AVIF),
    ],
)
async def test_only_heif_is_converted(wanted: ImageFormat, target: Format | None) -> None:
    """What opens everywhere stays as it is."""
    async with Converter(ConvertOptions(image_format=wanted)) as converter:
        assert converter.derivative_format(media.HEIC) == target
        assert converter.derivative_format(media.AVIF) is None
        assert converter.derivative_format(media.JPEG) is None


async def test_a_picture_is_examined_and_converted(tmp_path: Path) -> None:
    """The derivative is the file that the answer describes; the original stays what it was."""
    original = put(tmp_path, "豫园 01.heic", heic())
    before = original.stat()
    async with Converter(OPTIONS) as converter:
        picture = await converter.examine(guarded(original), media.HEIC, guarded(tmp_path / "豫园 01.jpg"))
    made = (tmp_path / "豫园 01.jpg").read_bytes()
    assert (picture.verdict, picture.detail) == (DecodeStatus.DECODED, "")
    assert picture.derivative is not None
    assert picture.derivative.sha256 == hashlib.sha256(made).hexdigest()
    assert picture.derivative.format == media.JPEG
    assert (original.read_bytes(), original.stat().st_mtime_ns) == (heic(), before.st_mtime_ns)


async def test_no_derivative_is_made_where_none_is_wanted(tmp_path: Path) -> None:
    """Not of a JPEG, not without a path, not when originals are kept alone."""
    jpeg, original = put(tmp_path, "1.jpg", encoded("JPEG")), put(tmp_path, "2.heic", heic())
    async with Converter(OPTIONS) as converter, Converter(ConvertOptions(ImageFormat.KEEP)) as keeper:
        told = (
            await converter.examine(guarded(jpeg), media.JPEG, guarded(tmp_path / "none")),
            await converter.examine(guarded(original), media.HEIC, None),
            await keeper.examine(guarded(original), media.HEIC, guarded(tmp_path / "none")),
        )
    assert [(picture.verdict, picture.derivative) for picture in told] == [(DecodeStatus.DECODED, None)] * 3
    assert names(tmp_path) == ["1.jpg", "2.heic"]


async def test_bad_pictures_are_told_apart(tmp_path: Path) -> None:
    """A cut one is unreadable, a bomb too large; neither leaves a derivative."""
    cut, bomb = put(tmp_path, "cut.heic", heic()[:-200]), put(tmp_path, "bomb.png", huge_png())
    async with Converter(OPTIONS) as converter:
        seen = await converter.examine(guarded(cut), media.HEIC, guarded(tmp_path / "cut.jpg"))
        refused = await converter.examine(guarded(bomb), media.PNG, None)
    assert (seen.verdict, seen.derivative) == (DecodeStatus.UNREADABLE, None)
    assert str(tmp_path) not in seen.detail
    assert refused.verdict is DecodeStatus.TOO_LARGE
    assert not (tmp_path / "cut.jpg").exists()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the platform does not limit memory")
async def test_a_picture_gets_only_so_much_memory(tmp_path: Path) -> None:
    """A decode that wants more is refused, and the next picture is fine."""
    sheet, small = tmp_path / "sheet.png", put(tmp_path, "small.png", encoded("PNG"))
    Image.new("RGB", (5000, 5000)).save(sheet, compress_level=1)
    async with Converter(replace(OPTIONS, workers=1, memory=32 << 20)) as converter:
        refused = await converter.examine(guarded(sheet), media.PNG, None)
        seen = await converter.examine(guarded(small), media.PNG, None)
    assert (refused.verdict, refused.detail) == (
        DecodeStatus.TOO_LARGE,
        "needs more memory than a worker may use",
    )
    assert seen.verdict is DecodeStatus.DECODED


async def test_the_disks_trouble_is_no_verdict_about_a_picture(tmp_path: Path) -> None:
    """A missing original, a missing folder and a name that is taken end the run, not the picture."""
    original = put(tmp_path, "01.heic", heic())
    taken = put(tmp_path, "01.jpg", b"somebody's")
    async with Converter(OPTIONS) as converter:
        with pytest.raises(ArchiveError, match="No such file"):
            await converter.examine(guarded(tmp_path / "none.heic"), media.HEIC, None)
        with pytest.raises(ArchiveError, match="No such file"):
            await converter.examine(guarded(original), media.HEIC, guarded(tmp_path / "none" / "01.jpg"))
        with pytest.raises(ArchiveError, match="already there"):
            await converter.examine(guarded(original), media.HEIC, guarded(taken))
    assert taken.read_bytes() == b"somebody's"


async def test_the_event_loop_runs_on_while_pictures_convert(tmp_path: Path) -> None:
    """Decoding is somebody else's time: the loop turns many times meanwhile."""
    original = put(tmp_path, "01.heic", heic(size=(512, 512)))
    turns = 0
    async with Converter(OPTIONS) as converter:
        work = asyncio.gather(
            *(
                converter.examine(guarded(original), media.HEIC, guarded(tmp_path / f"{number}.jpg"))
                for number in range(6)
            )
        )
        while not work.done():
            await asyncio.sleep(0)
            turns += 1
        pictures = await work
    assert {picture.verdict for picture in pictures} == {DecodeStatus.DECODED}
    assert len({picture.derivative for picture in pictures}) == 1
    assert turns > 500  # an idle machine comes to 79,000, a loop that is blocked to a handful


async def test_more_pictures_than_workers_take_their_turns(tmp_path: Path) -> None:
    """However many wait, no more processes run than the options say."""
    original = put(tmp_path, "01.png", encoded("PNG"))
    async with Converter(replace(OPTIONS, workers=1)) as converter:
        pictures = await asyncio.gather(
            *(converter.examine(guarded(original), media.PNG, None) for _ in range(30))
        )
    assert {picture.verdict for picture in pictures} == {DecodeStatus.DECODED}


async def test_a_worker_that_cannot_start_is_said_once_and_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A broken installation is no property of a picture."""
    original = put(tmp_path, "01.png", encoded("PNG"))
    monkeypatch.setattr("xharchive.images.WORKER", ("-c", "import sys; sys.exit('no Pillow')"))
    async with Converter(OPTIONS) as converter:
        with pytest.raises(ArchiveError, match="does not start"):
            await converter.examine(guarded(original), media.PNG, None)
    assert "no Pillow" in capfd.readouterr().err
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    async with Converter(OPTIONS) as converter:
        with pytest.raises(ArchiveError, match="cannot be started: No such file"):
            await converter.examine(guarded(original), media.PNG, None)


async def test_closing_twice_and_using_a_closed_one(tmp_path: Path) -> None:
    """Closing is safe; using it afterwards is a bug."""
    converter = Converter(OPTIONS)
    await converter.close()
    await converter.close()
    with pytest.raises(RuntimeError, match="closed"):
        await converter.examine(guarded(tmp_path / "01.png"), media.PNG, None)


def test_the_program_itself_never_loads_a_picture_library() -> None:
    """Importing the converter costs no start-up time, and no decoder runs beside the token."""
    probe = (
        "import sys, xharchive.images, xharchive.integrity;"
        "sys.exit(any(name in sys.modules for name in ('PIL', 'pillow_heif', '_pillow_heif')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def test_a_worker_starts_without_what_only_some_pictures_need() -> None:
    """No event loop, and no libheif before the first HEIF: a run of JPEGs pays for neither."""
    probe = (
        "import sys, xharchive.images.worker;"
        "sys.exit(any(name in sys.modules for name in ('asyncio', 'pillow_heif', 'PIL.ImageCms')))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


SCRIPT = """
import asyncio, sys
from pathlib import Path
from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.images import Converter, ConvertOptions

async def main():
    async with Converter(ConvertOptions(workers=1)) as converter:
        print((await converter.examine(ArchivePath(Path(sys.argv[1]), sys.argv[2]), media.PNG, None)).verdict)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", [["script.py"], ["-m", "script"], ["-c", SCRIPT]], ids=["script", "-m", "-c"])
def test_any_main_program_can_convert(how: list[str], tmp_path: Path) -> None:
    """The workers neither run the main program again nor load modules from the current folder."""
    original = put(tmp_path, "01.png", encoded("PNG"))
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "PIL.py").write_text("raise SystemExit('loaded from the current folder')", encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-W", "error", *how, original.parent, original.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.stdout, told.stderr, told.returncode) == ("decoded\n", "", 0)


async def test_relative_paths_are_those_of_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers run in another folder; what they read and write is beneath the caller's."""
    put(tmp_path, "01.heic", heic())
    monkeypatch.chdir(tmp_path)
    here = ArchivePath(Path())
    small = ThumbnailTarget(here / "small" / "01.webp", 8, 8)
    async with Converter(ConvertOptions(workers=1)) as converter:
        made = await converter.examine(here / "01.heic", media.HEIC, here / "01.jpg", small)
        assert made.derivative is not None
        assert await converter.make_thumbnail(
            here / "01.jpg", media.JPEG, replace(small, path=here / "again.webp")
        )
    assert names(tmp_path) == ["01.heic", "01.jpg", "again.webp", "small"]
    assert names(tmp_path / "small") == ["01.webp"]


def test_the_workers_use_the_cpus_that_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's or `taskset`'s limit counts where the platform tells it."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert Converter(ConvertOptions()).derivative_format(media.HEIC) == media.JPEG


FATAL = {
    "it crashes": "import xharchive.images.encode as t, os, signal\n"
    "t.encode_thumbnail = lambda *a: os.kill(os.getpid(), signal.SIGSEGV)\n",
    "it never ends": "import xharchive.images.encode as t\n"
    "def spin(*a):\n  while True: pass\nt.encode_thumbnail = spin\n",
    "it is not there": "import sys\nsys.modules['PIL.ImageCms'] = None\n",
}


@pytest.mark.parametrize("fault", list(FATAL))
async def test_the_small_version_costs_no_derivative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Whatever becomes of it or of its worker: the picture is decoded, and its derivative is there."""
    start = "import sys\nfrom xharchive.images.worker import main\nmain()\n"
    monkeypatch.setattr(images, "WORKER", ("-c", FATAL[fault] + start))
    original, small = (
        put(tmp_path, "a.heic", heic()),
        ThumbnailTarget(ArchivePath(tmp_path) / "aside" / "a.webp", 360, 640),
    )
    async with Converter(ConvertOptions(workers=1, seconds=1)) as converter:
        picture = await converter.examine(guarded(original), media.HEIC, guarded(tmp_path / "a.jpg"), small)
    assert (picture.verdict, picture.detail) == (DecodeStatus.DECODED, "")
    assert picture.derivative is not None
    assert (tmp_path / "a.jpg").stat().st_size == picture.derivative.size
    assert not small.path.exists()
