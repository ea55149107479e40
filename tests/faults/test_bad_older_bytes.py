"""A part whose older bytes are bad although its record and the server's validator say that they fit.

A memory that flipped a bit, a server that told one ETag for two files: the checks of the whole file find it.
The address itself is not to blame, so it is asked once more from the first byte; never in a circle.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.archive_paths import guarded
from support.body_streams import Arriving
from support.fake_world import FakeWorld
from support.single_run import HEIC, LIVE_NOTE, STREAM, Left, get, resume

from xharchive.download.part_file import PartFile

V8, V10 = "sns-v8.rednotecdn.com", "sns-v10.rednotecdn.com"
CI = "ci.xiaohongshu.com"
PAGE = "<!DOCTYPE html><html><title>请先登录</title>".encode() * 3000
PLACES = {"live-1": (V8, STREAM), "image-1": (CI, HEIC)}


def plant(world: FakeWorld, archive: Path, slot: str, bytes_: bytes) -> Path:
    """Leave a part as an earlier run would have, recorded with its digest under the server's own ETag."""
    host, path = PLACES[slot]
    served = world.world.media(host, path)
    assert served is not None
    part = archive / ".xharchive" / "work" / LIVE_NOTE / f"{slot}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    incoming = Arriving(length=len(served.body))
    incoming.url, incoming.validator = f"https://{host}{path}", served.etag
    partial = PartFile(guarded(part), incoming.url)
    partial.restart(incoming)
    if len(bytes_) < len(served.body):
        partial.save_progress([bytes_])
    else:
        partial.write([bytes_], more=False)
        partial.finish()
    partial.close()
    return part


def requests(world: FakeWorld, slot: str) -> list[tuple[str, bool, int]]:
    """Host, whether a range was asked for, and status, of each request for a slot's file."""
    return [
        (seen.host, "Range" in seen.headers, seen.status)
        for seen in world.seen
        if seen.raw_path == PLACES[slot][1]
    ]


def promises(left: Left, *refused: tuple[str, str]) -> None:
    """Everything is archived from the upload's own bytes, and one call was paid for."""
    assert left.code == 0
    assert left.is_complete()
    assert left.refused("live-1") == list(refused)
    assert left.world.calls == [f"v1 {LIVE_NOTE}"]


def broken_box(body: bytes) -> bytes:
    """A movie's bytes up to the half, with a size in them that leads nowhere."""
    half = bytearray(body[: len(body) // 2])
    after_ftyp = int.from_bytes(half[:4])
    half[after_ftyp : after_ftyp + 4] = b"\x00\x00\x00\x05"
    return bytes(half)


def a_page(body: bytes) -> bytes:
    return PAGE[: len(body) // 2]


def nothing_known(body: bytes) -> bytes:
    return b"\x01\x02\x03\x04" * (len(body) // 8)


def a_picture(body: bytes) -> bytes:
    return (b"\xff\xd8\xff\xe0" + bytes(len(body)))[: len(body) // 2]


@pytest.mark.parametrize("damage", [broken_box, a_page, nothing_known, a_picture])
def test_the_same_address_is_fetched_once_from_its_first_byte(
    world: FakeWorld, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """The rest arrives under proof, the whole fails its checks; then all of it comes, from the same host."""
    body = world.world.original(LIVE_NOTE, "live-1")
    plant(world, tmp_path, "live-1", damage(body))
    left = get(world, tmp_path)
    promises(left)
    assert requests(world, "live-1") == [(V8, True, 206), (V8, False, 200)]
    assert resume(world, tmp_path).code == 0
    assert len(requests(world, "live-1")) == 2


@pytest.mark.parametrize("damage", [broken_box, a_page])
@pytest.mark.parametrize(
    ("letters", "reason"), [("oH", "not-media"), ("oW", "wrong-kind"), ("o4", "not-found")]
)
def test_if_it_is_bad_again_the_next_mirror_has_it(
    world: FakeWorld, tmp_path: Path, damage: Callable[[bytes], bytes], letters: str, reason: str
) -> None:
    """Two requests to the first host and no more; its failure is on record."""
    body = world.world.original(LIVE_NOTE, "live-1")
    plant(world, tmp_path, "live-1", damage(body))
    world.script[V8, STREAM] = letters
    left = get(world, tmp_path)
    promises(left, (V8, reason))
    assert [host for host, _, _ in requests(world, "live-1")] == [V8, V8, V10]
    assert not any(ranged for _, ranged, _ in requests(world, "live-1")[1:])


def test_bad_on_every_host(world: FakeWorld, tmp_path: Path) -> None:
    """No circle: each address is asked twice, the first one for the rest besides; then it is a gap."""
    body = world.world.original(LIVE_NOTE, "live-1")
    part = plant(world, tmp_path, "live-1", broken_box(body))
    world.script[V8, STREAM] = "oH"
    for start in ("/stream/", "/livephoto/"):
        world.script["*", start] = "H"
    left = get(world, tmp_path)
    assert left.code == 3
    assert left.gaps() == {"live-1": "not-media"}
    assert left.is_untouched("image-1")
    asked = [host for host, _, _ in requests(world, "live-1")]
    assert asked.count(V8) == 3
    assert {asked.count(host) for host in set(asked) - {V8}} == {2}
    assert not part.exists()
    assert not part.with_name("live-1.part.json").exists()


@pytest.mark.parametrize("damage", [broken_box, a_page, nothing_known, a_picture])
def test_a_whole_part_that_fails_its_checks(
    world: FakeWorld, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    """Recorded as whole, digest and all, and it is no movie: one request for all of it, no range."""
    body = world.world.original(LIVE_NOTE, "live-1")
    plant(world, tmp_path, "live-1", damage(body + body).ljust(len(body), b" ")[: len(body)])
    left = get(world, tmp_path)
    promises(left)
    assert requests(world, "live-1") == [(V8, False, 200)]


def test_a_whole_part_that_is_good_is_not_fetched(world: FakeWorld, tmp_path: Path) -> None:
    """What the record says is true: no request at all."""
    for slot in PLACES:
        plant(world, tmp_path, slot, world.world.original(LIVE_NOTE, slot))
    left = get(world, tmp_path)
    promises(left)
    assert world.media == []


@pytest.mark.parametrize(
    ("share", "expected"), [(1, [(CI, False, 200)]), (2, [(CI, True, 206), (CI, False, 200)])]
)
def test_zeros_in_a_picture_that_only_its_decoder_sees(
    world: FakeWorld, tmp_path: Path, share: int, expected: list[tuple[str, bool, int]]
) -> None:
    """Recorded as whole or as half: the original is fetched anew, and no lesser rendition takes its place."""
    body = world.world.original(LIVE_NOTE, "image-1")
    plant(world, tmp_path, "image-1", body[:200].ljust(len(body) // share, b"\0"))
    left = get(world, tmp_path)
    promises(left)
    assert left.refused("image-1") == []
    assert requests(world, "image-1") == expected


@pytest.mark.parametrize("letter", ["X", "C", "5"])
def test_a_host_that_fails_is_not_taken_for_bad_bytes(world: FakeWorld, tmp_path: Path, letter: str) -> None:
    """The good older bytes stay: a connection that breaks at once is no reason to ask again on the spot."""
    body = world.world.original(LIVE_NOTE, "live-1")
    plant(world, tmp_path, "live-1", body[: len(body) // 2])
    world.script[V8, STREAM] = letter
    left = get(world, tmp_path)
    promises(left, (V8, "busy" if letter == "5" else "cut"))
    asked = [host for host, _, _ in requests(world, "live-1")]
    assert asked[-1] == V10
    if letter != "C":
        assert asked == [V8, V10]
