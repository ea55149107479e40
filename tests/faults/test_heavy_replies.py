"""Replies of 15 MB, of which little is the note: archived in bounded memory, kept whole, paid for once."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.altered_demo_world import AlteredWorld, note_in
from support.command import Ran, folder_of
from support.fake_world import FakeWorld
from support.single_run import LIVE_NOTE, Left, get

SIZE = 15_000_000
MOST_MEMORY = 300_000  # KiB, of the process that reads the replies
LARGEST_PAGE = 4_000_000
MEASURED = """
import sys
from xharchive.cli import main
code = main(sys.argv[1:])
status = open("/proc/self/status").read()
sys.stderr.write(f"\\npeak {status.partition('VmHWM:')[2].split()[0]}")
sys.exit(code)
"""
Change = Callable[[dict[str, Any]], bytes]


def filled(reply: dict[str, Any], item: str) -> bytes:
    """The reply with so many items, each with its number, in place of its one FILL that it has 15 MB."""
    body = json.dumps(reply)
    number = (SIZE - len(body)) // (len(item % 0) + 1)
    return body.replace('"FILL"', ",".join(item % at for at in range(number))).encode()


def mentions(reply: dict[str, Any]) -> bytes:
    note_in(reply)["ats"] = ["FILL"]
    return filled(reply, '{"userid": "6276a4d10000000021026c1f", "nickname": "somebody %07d"}')


def topics(reply: dict[str, Any]) -> bytes:
    note_in(reply)["hash_tag"] = ["FILL"]
    return filled(reply, '{"name": "%07d"}')


def long_text(reply: dict[str, Any]) -> bytes:
    note_in(reply)["desc"] = "FILL"
    body = json.dumps(reply)
    return body.replace("FILL", "\U0001f600 word, #a[话题]# " * ((SIZE - len(body)) // 24)).encode()


def tiny_lists(reply: dict[str, Any]) -> bytes:
    return filled({"code": 0, "x": ["FILL"], **reply}, "[[%.0s]]")


def one_long_field(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply | {"x": "\U0001f600" + "a" * (SIZE - 10_000)}, ensure_ascii=False).encode()


def wide_object(reply: dict[str, Any]) -> bytes:
    body = json.dumps({"code": 0, **reply, "x": {"": "FILL"}})
    members = ",".join(f'"{number}":[]' for number in range(1_000_000))
    return body.replace('{"": "FILL"}', f"{{{members}}}").encode()


def _settings(archive: Path) -> list[str]:
    return ["-d", str(archive), "--json", "--image-format", "keep"]


def measured(fake: FakeWorld, archive: Path) -> tuple[Left, int]:
    """Run `get` with a gallery as a process of its own; return what it left, and its peak memory in KiB."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, "get", LIVE_NOTE, *_settings(archive), *fake.with_gallery],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    said, _, peak = ran.stderr.rpartition("\npeak ")
    left = Left(Ran(ran.returncode, ran.stdout, said), archive, fake)
    left.hold_the_promises()
    return left, int(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is asked of Linux")
@pytest.mark.parametrize(
    ("reply", "remarks"),
    [
        (mentions, ["the reply has too many values", "mentions: the first 500 of"]),
        (topics, ["the reply has too many values", "tags: the first 500 of"]),
        (long_text, ["text: the first 100,000 of"]),
        (tiny_lists, ["the reply has too many values"]),
        (one_long_field, []),
    ],
)
def test_a_note_in_a_heavy_reply_is_archived(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path, reply: Change, remarks: list[str]
) -> None:
    """One call, every file, the raw reply whole; what the record leaves out stands among its remarks."""
    world, fake = altered
    world.tells("v1", LIVE_NOTE, reply)
    left, peak = measured(fake, tmp_path)
    assert left.code == 0
    assert left.is_complete()
    assert fake.calls == [f"v1 {LIVE_NOTE}"]
    assert left.billed == ["yes"]
    folder = folder_of(tmp_path, LIVE_NOTE)
    assert (folder / "replies" / "v1.json").read_bytes() == world.reply("v1", LIVE_NOTE)
    recorded = left.manifest()["note"].get("remarks", [])
    assert len(recorded) == len(remarks)
    assert all(remark in found for remark, found in zip(remarks, recorded, strict=True))
    assert (folder / "manifest.json").stat().st_size < 1_000_000
    assert (folder / "index.html").stat().st_size < LARGEST_PAGE
    assert peak < MOST_MEMORY


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is asked of Linux")
def test_a_reply_that_cannot_be_read_in_bounded_memory_is_kept(
    altered: tuple[AlteredWorld, FakeWorld], tmp_path: Path
) -> None:
    """It counts as an answer without the note: the next endpoint is asked, and nobody pays for it again."""
    world, fake = altered
    world.tells("v1", LIVE_NOTE, wide_object)
    left, peak = measured(fake, tmp_path)
    assert left.code == 3
    assert peak < MOST_MEMORY
    outcomes = {entry["endpoint"]: entry["outcome"] for entry in left.manifest()["replies"]}
    assert outcomes["v1"] == "too-heavy"
    kept = folder_of(tmp_path, LIVE_NOTE) / "replies" / "v1.json"
    assert kept.read_bytes() == world.reply("v1", LIVE_NOTE)
    assert set(left.billed) == {"yes"}
    calls = list(fake.calls)
    again = get(fake, tmp_path)
    assert again.code == 0  # known since the run before, which ended with 3
    assert fake.calls == calls
