"""Pictures made to hurt, and decoders that die: each costs one derivative; the originals stay."""

from pathlib import Path

import pytest
from support import dying_worker
from support.altered_demo_world import AlteredWorld
from support.command import folder_of
from support.fake_world import FakeWorld
from support.grid_bomb import grid_bomb
from support.single_run import Left, get

from xharchive.images import ConvertOptions
from xharchive.images.pool import WorkerDied, WorkerProcess

TWO = "6a4c0a12000000002001f7e6"
MEMORY = 300_000_000
STILL = "6a1d8bee000000000f02c1a4"


def assert_one_derivative_is_missing(left: Left, words: str) -> None:
    """Both originals of the note are archived untouched, one is marked; the other note has everything."""
    assert left.code == 3
    assert left.is_complete(STILL)
    assert left.state(TWO) == "partial"
    assert left.is_untouched("image-1", TWO)
    assert left.is_untouched("image-2", TWO)
    assert words in left.files(TWO)["image-2"]["problem"]
    assert left.files(TWO)["image-1"]["problem"] is None
    (gap,) = left.manifest(TWO)["gaps"]
    assert (gap["position"], gap["role"], gap["reason"]) == (2, "derivative", "undecodable")
    names = {path.name for path in folder_of(left.archive, TWO).iterdir()}
    assert names >= {"01.heic", "01.jpg", "02.heic"}
    assert "02.jpg" not in names


def be_impatient_with(name: str, patch: pytest.MonkeyPatch) -> None:
    """Give this picture a second by the clock; the good ones have the time that they always have."""
    ask = WorkerProcess.ask

    async def ask_impatiently(worker: WorkerProcess, request: bytes, _seconds: float) -> bytes | WorkerDied:
        return await ask(worker, request, 1 if name.encode() in request else 120)

    patch.setattr(WorkerProcess, "ask", ask_impatiently)


@pytest.mark.parametrize(
    ("way", "words"),
    [("SIGSEGV", "ended by SIGSEGV"), ("SIGKILL", "ended by SIGKILL"), ("waits", "no answer within")],
)
def test_a_decoder_that_dies(
    world: FakeWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, words: str
) -> None:
    """A crash, the out-of-memory killer, a hang: one derivative is a gap, and the next run makes it."""
    with monkeypatch.context() as patch:
        patch.setattr("xharchive.images.WORKER", (dying_worker.__file__, way))
        if way == "waits":
            be_impatient_with("image-2", patch)
        left = get(world, tmp_path, "--image-format", "jpeg", notes=(TWO, STILL))
    assert_one_derivative_is_missing(left, words)
    again = get(world, tmp_path, "--image-format", "jpeg", notes=(TWO,))
    assert again.code == 0
    assert (folder_of(tmp_path, TWO) / "02.jpg").exists()
    assert len(world.calls) == 2


@pytest.mark.parametrize("megapixels", [177, 507])
def test_a_bomb_of_a_kilobyte(
    altered: tuple[AlteredWorld, FakeWorld],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    megapixels: int,
) -> None:
    """A HEIC whose one tile is laid out to 177 or 507 Mpx: kept as it is, never decoded, marked; exit 3."""
    world, fake = altered
    bomb = grid_bomb(megapixels)
    assert len(bomb) < 8_000
    key = world.notes[TWO].originals["image-2"]
    world.serves(key, bomb)
    world._loaded = {**world._loaded, key: bomb}
    # Too little memory for a bomb: were it decoded, that would be the reason.
    monkeypatch.setattr(
        "xharchive.cli.settings.ConvertOptions", lambda **named: ConvertOptions(**named, memory=MEMORY)
    )
    left = get(fake, tmp_path, "--image-format", "jpeg", notes=(TWO, STILL))
    assert_one_derivative_is_missing(left, "more than 60000000 pixels")
