"""Workers that die, hang and rave cost their own picture, and nothing else."""

import asyncio
import ctypes
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from image_samples import heic
from support.archive_paths import guarded

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.errors import ArchiveError
from xharchive.images import (
    Converter,
    ConvertOptions,
    DecodedImage,
    DecodeStatus,
    ThumbnailTarget,
    pool,
)
from xharchive.images.pool import WorkerDied, WorkerPool, WorkerProcess


def has_landlock_with_scopes() -> bool:
    """Whether this kernel can confine a process in all ways that the program asks for."""
    if sys.platform != "linux":
        return False
    return int(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)) >= 6


MISBEHAVING = Path(__file__).with_name("misbehaving_worker.py")
OPTIONS = ConvertOptions(workers=2)
HAS_LANDLOCK = has_landlock_with_scopes()


@pytest.fixture
async def converter(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Converter]:
    """A converter whose workers do what a file's name says."""
    monkeypatch.setattr("xharchive.images.WORKER", (str(MISBEHAVING),))
    async with Converter(OPTIONS) as made:
        yield made


def put(folder: Path, name: str) -> Path:
    """Write a good original under a telling name."""
    path = folder / f"{name}.heic"
    path.write_bytes(heic())
    return path


async def examine(converter: Converter, original: Path) -> DecodedImage:
    """Examine with a derivative beside the original."""
    return await converter.examine(guarded(original), media.HEIC, guarded(original.with_suffix(".jpg")))


def waiting(folder: Path) -> tuple[Path, Path]:
    """An original whose worker waits for ever, and the pipe on which it says so."""
    original = put(folder, "waiting")
    pipe = original.with_suffix(".fifo")
    os.mkfifo(pipe)
    return original, pipe


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def is_gone(pid: int) -> bool:
    """Whether no process, and no zombie, of that number is left."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("way", "detail"),
    [
        ("killed", "the decoder's process was ended by SIGKILL"),
        ("crashing", "the decoder's process was ended by SIGSEGV"),
        ("leaving", "the decoder's process ended by itself with code 3"),
        ("raising", "the decoder's process ended by itself with code 1"),
        ("raving", "the worker gave an answer that makes no sense"),
    ],
)
async def test_a_dying_worker_costs_only_its_own_picture(
    converter: Converter, tmp_path: Path, way: str, detail: str
) -> None:
    """The others in flight come out right, no half derivative stays, and the pool works on."""
    names = [way, "good-1", "good-2", way + "-again", "good-3"]
    originals = [put(tmp_path, name) for name in names]
    pictures = await asyncio.gather(*(examine(converter, original) for original in originals))
    for name, picture in zip(names, pictures, strict=True):
        if name.startswith("good"):
            assert picture.verdict is DecodeStatus.DECODED
            assert (tmp_path / f"{name}.jpg").stat().st_size == picture.derivative.size  # type: ignore[union-attr]
        else:
            assert (picture.verdict, picture.detail) == (DecodeStatus.DIED, detail)
            assert not (tmp_path / f"{name}.jpg").exists()


async def test_a_decoder_that_computes_for_ever_runs_out_of_cpu_time(tmp_path: Path) -> None:
    """The kernel ends it; nobody has to watch."""
    request = {"original": guarded(put(tmp_path, "spinning")).as_json(), "seconds": 0.1}
    workers = WorkerPool((str(MISBEHAVING), str(OPTIONS.memory)), workers=1, seconds=60)
    try:
        assert await workers.execute(json.dumps(request).encode(), None) == WorkerDied(
            "the decoder used up its CPU time"
        )
    finally:
        await workers.close()


@pytest.mark.usefixtures("converter")
async def test_a_decoder_that_waits_for_ever_runs_out_of_time(tmp_path: Path) -> None:
    """A worker that uses no CPU is ended by the clock, and is gone; the next picture gets a new one."""
    original, pipe = waiting(tmp_path)
    said, pid = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), b""
    async with Converter(replace(OPTIONS, seconds=1)) as impatient:
        while not pid:  # on a busy machine its time may be over before it waits
            picture = await examine(impatient, original)
            assert (picture.verdict, picture.detail) == (DecodeStatus.DIED, "no answer within 2 seconds")
            pid = os.read(said, 20)
        impatient._pool._seconds = 120
        good = await asyncio.gather(*(examine(impatient, put(tmp_path, f"good-{n}")) for n in range(3)))
    os.close(said)
    assert {seen.verdict for seen in good} == {DecodeStatus.DECODED}
    assert is_gone(int(pid))


@pytest.mark.usefixtures("converter")
async def test_decoders_that_hang_have_one_budget_for_all_candidates_of_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second with a thumbnail, the other half without; for another original no worker is asked."""
    first, second = waiting(tmp_path)[0], put(tmp_path, "good")
    execute, asked = WorkerPool.execute, list[bytes]()

    async def counted(self: WorkerPool, request: bytes, *given: Any) -> Any:
        asked.append(request)
        return await execute(self, request, *given)

    monkeypatch.setattr(WorkerPool, "execute", counted)
    target, small = guarded(tmp_path / "x.jpg"), ThumbnailTarget(guarded(tmp_path / "small.webp"), 10, 10)
    async with Converter(replace(OPTIONS, clock_seconds=1)) as impatient:
        budget = impatient.budget()
        hanging = await impatient.examine(guarded(first), media.HEIC, target, small, budget)
        later = await impatient.examine(guarded(second), media.HEIC, target, small, budget)
    assert hanging.verdict is DecodeStatus.DIED
    assert hanging.detail.startswith("no answer within 0.")
    assert later.verdict is DecodeStatus.DIED
    assert later.detail == "decoding the candidates of this picture took 1 seconds in all"
    assert len(asked) == 2
    assert not (tmp_path / "x.jpg").exists()


async def test_a_picture_that_decodes_is_charged_what_it_took(converter: Converter, tmp_path: Path) -> None:
    """The default is 30 seconds for all candidates of a picture; a crash leaves the rest to the next one."""
    budget = converter.budget()
    assert budget.left == 30.0
    good = await converter.examine(guarded(put(tmp_path, "good")), media.HEIC, None, None, budget)
    assert good.verdict is DecodeStatus.DECODED
    left = budget.left
    assert 0 < left < 30
    await converter.examine(guarded(put(tmp_path, "crashing")), media.HEIC, None, None, budget)
    assert 0 < budget.left < left


@pytest.mark.parametrize(
    "behaviour",
    ["os.write(1, b'ready\\n'); os.close(0)", "os.write(1, b'ready\\n' + bytes(70_000))"],
    ids=["deaf", "babbling"],
)
async def test_a_worker_that_breaks_the_conversation_is_ended(
    behaviour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may neither take no request nor talk without end."""
    monkeypatch.setattr("xharchive.images.pool._EXIT_TIMEOUT", 0.01)
    program = f"import os, threading; {behaviour}; threading.Event().wait()"
    workers = WorkerPool(("-c", program), workers=1, seconds=60)
    try:
        assert await workers.execute(b"{}", guarded(tmp_path / "none")) == WorkerDied(
            "the decoder's process was ended by SIGKILL"
        )
    finally:
        await workers.close()


async def test_a_worker_killed_while_idle_costs_nothing(converter: Converter, tmp_path: Path) -> None:
    """The next picture gets a new worker."""
    original = put(tmp_path, "showing")
    await converter.examine(guarded(original), media.HEIC, None)
    free = converter._pool._free
    worker = free.get_nowait()
    assert worker is not None
    await worker.end()
    free.put_nowait(worker)
    assert (await converter.examine(guarded(original), media.HEIC, None)).verdict is DecodeStatus.DECODED


async def test_a_raving_worker_is_not_believed_about_a_picture_alone(
    converter: Converter, tmp_path: Path
) -> None:
    """Without a derivative there is nothing to remove."""
    seen = await converter.examine(guarded(put(tmp_path, "raving")), media.HEIC, None)
    assert seen.verdict is DecodeStatus.DIED


async def test_what_libraries_print_disturbs_nobody(
    converter: Converter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither the answers' pipe nor the terminal carries a C library's chatter."""
    assert (await examine(converter, put(tmp_path, "chattering"))).verdict is DecodeStatus.DECODED
    assert capfd.readouterr() == ("", "")


async def test_the_workers_never_have_the_token(
    converter: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in the environment that the kernel shows of them."""
    monkeypatch.setenv("XHARCHIVE_TOKEN", "secret-token")
    monkeypatch.setenv("ANOTHER_PROGRAMS_PASSWORD", "secret-token")
    original = put(tmp_path, "showing")
    await converter.examine(guarded(original), media.HEIC, None)
    shown = original.with_suffix(".env").read_bytes()
    assert b"PYTHONPATH=" in shown
    assert b"XHARCHIVE" not in shown
    assert b"secret-token" not in shown


async def test_a_worker_cannot_raise_its_limits(converter: Converter, tmp_path: Path) -> None:
    """The hard limits are as low as the soft ones; it leaves no core dump, whatever the user's limit is."""
    original = put(tmp_path, "showing")
    await converter.examine(guarded(original), media.HEIC, None)
    limits = json.loads(original.with_suffix(".json").read_text())["limits"]
    assert all(soft == hard > 0 for soft, hard in limits.values())
    assert limits["CORE"][1] < os.sysconf("SC_PAGE_SIZE")
    assert limits["NOFILE"][1] <= 32


async def test_a_worker_inherits_no_file_and_no_folder(converter: Converter, tmp_path: Path) -> None:
    """It has its standard streams, its way to answer, and the folder it just lists."""
    with (tmp_path / "open").open("w") as opened:
        os.set_inheritable(opened.fileno(), True)
        original = put(tmp_path, "showing")
        await converter.examine(guarded(original), media.HEIC, None)
    seen = json.loads(original.with_suffix(".json").read_text())
    assert len(seen["descriptors"]) <= 5
    assert seen["folder"] == "/"


@pytest.mark.skipif(not HAS_LANDLOCK, reason="needs Landlock with scopes: Linux 6.12, and not switched off")
async def test_a_worker_is_confined(converter: Converter, tmp_path: Path) -> None:
    """It starts no program, reaches no network, and no other process; and it does its work."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        original = put(tmp_path, f"escaping-{server.getsockname()[1]}")
        assert (await examine(converter, original)).verdict is DecodeStatus.DECODED
    assert json.loads(original.with_suffix(".json").read_text()) == []


async def test_without_landlock_a_worker_works_all_the_same(tmp_path: Path) -> None:
    """The kernel may not have it, and a container may forbid it."""
    program = (
        "import sys, xharchive.images.worker as worker; worker._CREATE_RULESET = 100_000\n"
        "assert not worker.confine()\n"
        "worker.main()"
    )
    workers = WorkerPool(("-c", program, str(OPTIONS.memory)), workers=1, seconds=60)
    original = guarded(put(tmp_path, "good")).as_json()
    request = {"original": original, "format": "heif", "derivative": None, "target": None}
    try:
        said = await workers.execute(
            json.dumps(request | {"quality": 92, "max_pixels": 100_000, "seconds": 60}).encode(), None
        )
    finally:
        await workers.close()
    assert isinstance(said, bytes)
    assert json.loads(said)["verdict"] == DecodeStatus.DECODED


async def test_the_workers_keep_freed_memory_unless_the_user_says_otherwise(
    converter: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The allocator's settings are a default, not an order."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "4711")
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    original = put(tmp_path, "showing")
    await converter.examine(guarded(original), media.HEIC, None)
    shown = original.with_suffix(".env").read_bytes().split(b"\0")
    assert {b"MALLOC_TRIM_THRESHOLD_=4711", b"MALLOC_MMAP_THRESHOLD_=33554432"} <= set(shown)


async def test_a_cancelled_picture_stops_at_once(converter: Converter, tmp_path: Path) -> None:
    """Its worker is gone, its derivative too, and the pool works on."""
    original, pipe = waiting(tmp_path)
    work = asyncio.create_task(examine(converter, original))
    pid = await asyncio.to_thread(pipe.read_text, encoding="ascii")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert is_gone(int(pid))
    assert not original.with_suffix(".jpg").exists()
    assert (await examine(converter, put(tmp_path, "good"))).verdict is DecodeStatus.DECODED


async def test_cancelled_before_a_worker_has_started(converter: Converter, tmp_path: Path) -> None:
    """Cancelling at any early moment leaves a pool that works."""
    for turns in range(6):
        work = asyncio.create_task(examine(converter, put(tmp_path, "early")))
        for _ in range(turns):
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert (await examine(converter, put(tmp_path, "early"))).verdict is DecodeStatus.DECODED


async def test_closing_ends_work_in_flight(converter: Converter, tmp_path: Path) -> None:
    """Callers are cancelled, waiting ones too, instead of being told that their picture is bad."""
    original, pipe = waiting(tmp_path)
    (tmp_path / "more").mkdir()
    second, other_pipe = waiting(tmp_path / "more")
    work = [
        asyncio.create_task(examine(converter, path)) for path in (original, second, put(tmp_path, "queued"))
    ]
    pids = [await asyncio.to_thread(path.read_text, encoding="ascii") for path in (pipe, other_pipe)]
    await converter.close()
    told = await asyncio.gather(*work, return_exceptions=True)
    assert [type(one) for one in told] == [asyncio.CancelledError] * 3
    assert all(is_gone(int(pid)) for pid in pids)
    assert names(tmp_path) == ["more", "queued.heic", "waiting.fifo", "waiting.heic"]


async def crowd(converter: Converter, folder: Path, first: Path) -> list[asyncio.Task[DecodedImage]]:
    """One picture in work with `first`'s name, and others that wait behind it."""
    behind = [put(folder, f"good-{number}") for number in range(4)]
    return [asyncio.create_task(examine(converter, path)) for path in (first, *behind)]


@pytest.mark.usefixtures("converter")
@pytest.mark.parametrize("way", ["killed", "crashing", "leaving", "raising"])
async def test_pictures_that_wait_behind_a_deadly_one_come_out_right(tmp_path: Path, way: str) -> None:
    """A dying worker takes exactly one picture with it."""
    async with Converter(replace(OPTIONS, workers=1)) as single:
        good = put(tmp_path, "good")
        await single.examine(guarded(good), media.HEIC, None)
        pictures = await asyncio.gather(*await crowd(single, tmp_path, put(tmp_path, way)))
    assert [picture.verdict for picture in pictures] == [DecodeStatus.DIED] + [DecodeStatus.DECODED] * 4
    assert all((tmp_path / f"good-{number}.jpg").exists() for number in range(4))
    assert not (tmp_path / f"{way}.jpg").exists()


@pytest.mark.usefixtures("converter")
@pytest.mark.parametrize("who", [0, 1, 4], ids=["in work", "next", "last"])
async def test_who_is_cancelled_goes_alone(tmp_path: Path, who: int) -> None:
    """Whether in work or waiting: all others get their pictures."""
    original, pipe = waiting(tmp_path)
    async with Converter(replace(OPTIONS, workers=1)) as single:
        await single.examine(guarded(put(tmp_path, "good")), media.HEIC, None)
        work = await crowd(single, tmp_path, original)
        pid = await asyncio.to_thread(pipe.read_text, encoding="ascii")
        work[who].cancel()
        with pytest.raises(asyncio.CancelledError):
            await work[who]
        assert is_gone(int(pid)) is (who == 0)
        work[0].cancel()
        others = await asyncio.gather(*work, return_exceptions=True)
    told = {number for number, picture in enumerate(others) if isinstance(picture, DecodedImage)}
    assert told == {1, 2, 3, 4} - {who}
    assert not original.with_suffix(".jpg").exists()
    assert (tmp_path / "good-1.jpg").exists()


async def test_a_few_checks_start_one_worker_only(
    converter: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one would cost more than it does; a derivative is worth one at once."""
    monkeypatch.setattr("xharchive.images.pool._START_DELAY", 60.0)
    originals = [put(tmp_path, f"good-{number}") for number in range(6)]
    await asyncio.gather(*(converter.examine(guarded(path), media.HEIC, None) for path in originals))
    assert converter._pool.size == 1
    await asyncio.gather(*(examine(converter, path) for path in originals))
    assert converter._pool.size == 2


async def test_a_check_that_waits_long_starts_another_worker(converter: Converter, tmp_path: Path) -> None:
    """Behind a picture that hangs the others do not wait for its time to run out."""
    original, pipe = waiting(tmp_path)
    stuck = asyncio.create_task(converter.examine(guarded(original), media.HEIC, None))
    await asyncio.to_thread(pipe.read_text, encoding="ascii")
    assert (
        await converter.examine(guarded(put(tmp_path, "good")), media.HEIC, None)
    ).verdict is DecodeStatus.DECODED
    assert converter._pool.size == 2
    stuck.cancel()


async def test_a_worker_that_talks_unasked_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says would be taken for the answer to the next picture."""
    monkeypatch.setattr("xharchive.images.pool._EXIT_TIMEOUT", 0.01)
    program = (
        "import os, sys; os.write(1, b'ready\\n');"
        "[os.write(1, line[:1] + b'\\n' + b'more\\n' * (b'two' in line)) for line in sys.stdin.buffer]"
    )
    workers = WorkerPool(("-c", program), workers=1, seconds=60)
    try:
        assert await workers.execute(b"1 two", None) == b"1\n"
        assert await workers.execute(b"2", None) == b"2\n"
    finally:
        await workers.close()


async def test_an_answer_counts_though_the_end_of_its_worker_is_heard_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some event loops tell of the end before they pass on what they have read."""
    loop = asyncio.get_running_loop()
    for name in ("pipe_data_received", "pipe_connection_lost"):
        receive = getattr(WorkerProcess, name)

        def receive_late(*given: Any, receive: Any = receive) -> None:
            loop.call_later(0.05, receive, *given)

        monkeypatch.setattr(WorkerProcess, name, receive_late)
    program = "print('ready', flush=True); input(); print('done')"
    workers = WorkerPool(("-c", program), workers=1, seconds=60)
    try:
        assert [await workers.execute(b"{}", None) for _ in range(2)] == [b"done\n"] * 2
    finally:
        await workers.close()


async def test_a_worker_whose_child_keeps_the_pipe_is_dead_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of the process counts, soon, where the end of its answers does not come."""
    monkeypatch.setattr("xharchive.images.pool._EXIT_TIMEOUT", 0.01)
    program = (
        "import os, time; print('ready', flush=True); input();"
        "os.fork() or (os.close(0), time.sleep(20)); os._exit(3)"
    )
    workers = WorkerPool(("-c", program), workers=1, seconds=15)
    try:
        assert await workers.execute(b"{}", None) == WorkerDied(
            "the decoder's process ended by itself with code 3"
        )
    finally:
        await workers.close()


async def test_a_request_larger_than_the_pipe_arrives_whole() -> None:
    """The loop writes on when the worker has read."""
    program = "import os, sys; os.write(1, b'ready\\n'); [print(len(line), flush=True) for line in sys.stdin]"
    workers = WorkerPool(("-c", program), workers=1, seconds=60)
    try:
        assert await workers.execute(b"x" * 1_000_000, None) == b"1000001\n"
    finally:
        await workers.close()


PROGRAM = """
import asyncio, sys
from pathlib import Path
import xharchive.images
from xharchive import media
from xharchive.archive_path import ArchivePath

xharchive.images.WORKER = (sys.argv[1],)

async def main():
    async with xharchive.images.Converter(xharchive.images.ConvertOptions(workers=1)) as converter:
        await converter.examine(ArchivePath(Path(sys.argv[2]), sys.argv[3]), media.HEIC, None)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the platform cannot watch another's child")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_program(how: signal.Signals, tmp_path: Path) -> None:
    """Even when the program is killed in the middle of a picture, its workers end by themselves."""
    original, pipe = waiting(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, MISBEHAVING, original.parent, original.name],
        stderr=subprocess.DEVNULL,
    ) as program:
        worker = os.pidfd_open(int(pipe.read_text(encoding="ascii")))
        program.send_signal(how)
        program.wait()
    try:
        ended, _, _ = select.select([worker], [], [], 20)
        assert ended
    finally:
        os.close(worker)


DIES = ("-c", "print('ready', flush=True); input(); import os; os.kill(os.getpid(), 9)")


class Stuck(ArchivePath):
    """A file on a disk that became read-only."""

    def unlink(self, *, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))


async def test_a_leftover_that_cannot_be_removed_keeps_nobody_waiting(tmp_path: Path) -> None:
    """The worker's death is told, and a cancelled caller is let go."""
    workers = WorkerPool(DIES, 1, 20.0)
    assert isinstance(await workers.execute(b"{}", Stuck(tmp_path, "x.jpg")), WorkerDied)
    cancelled = asyncio.ensure_future(workers.execute(b"{}", Stuck(tmp_path, "x.jpg")))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await workers.close()


async def test_without_another_thread_no_worker_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python tells that in a way of its own, where it needs a thread to watch a process."""

    async def spawn(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    workers = WorkerPool(DIES, 1, 20.0)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "subprocess_exec", spawn)
        with pytest.raises(ArchiveError, match="cannot be started: can't start new thread"):
            await workers.execute(b"{}", None)
    assert isinstance(await workers.execute(b"{}", None), WorkerDied)
    await workers.close()


async def test_what_nobody_expected_comes_to_light(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised where somebody waits, and the next picture gets a worker of its own."""

    def confused(_: int) -> str:
        raise ZeroDivisionError

    workers = WorkerPool(DIES, 1, 20.0)
    with monkeypatch.context() as patch:
        patch.setattr(pool, "_describe_exit", confused)
        with pytest.raises(ZeroDivisionError):
            await workers.execute(b"{}", None)
    assert isinstance(await workers.execute(b"{}", None), WorkerDied)
    await workers.close()
