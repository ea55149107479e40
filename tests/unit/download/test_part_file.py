"""Partial files: what is continued, and everything that is not."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archive_paths import guarded

from xharchive.download.part_file import FileOrigin, PartFile, discard
from xharchive.http import ContentRange, StreamResponse

URL = "https://sns-v8.rednotecdn.com/stream/a.mp4?x=1&sign=abc&t=123"
ETAG = '"one"'
TOTAL = 1000
BODY = bytes(range(250)) * 4


@dataclass
class Heard:
    """What an answer says."""

    url: str = URL
    validator: str = ETAG
    encoding: str = ""
    length: int | None = TOTAL
    span: ContentRange | None = None


def heard(**said: Any) -> StreamResponse:
    """An answer with a whole body, but for what the test says."""
    return cast("StreamResponse", Heard(**said))


def rest(first: int = 400, last: int = TOTAL - 1, total: int = TOTAL, **said: Any) -> StreamResponse:
    """An answer that brings the rest of a file."""
    length = said.pop("length", last - first + 1)
    return heard(span=ContentRange(first, last, total), length=length, **said)


def part(folder: Path, url: str = URL, boot: str = "b1", *, md5: bool = False) -> PartFile:
    """A partial file as a transfer finds it."""
    partial = PartFile(guarded(folder / "x.part"), url, with_md5=md5, boot=boot)
    if partial.has_record:
        partial.load()
    return partial


def parked(folder: Path, size: int = 400, **said: Any) -> PartFile:
    """A transfer that broke off in order after so many bytes."""
    partial = part(folder)
    partial.restart(heard(**said))
    partial.save_progress([BODY[:size]])
    partial.close()
    return partial


def killed(folder: Path, size: int = 400) -> None:
    """A transfer whose process was killed after a block."""
    partial = part(folder)
    partial.restart(heard())
    partial.write([BODY[:size]], more=True)
    partial.close()


@pytest.mark.parametrize("ended", [parked, killed])
def test_what_came_is_continued(tmp_path: Path, ended: Any) -> None:
    """The rest is asked for with the validator, and both halves make the file, hashed as one."""
    ended(tmp_path)
    partial = part(tmp_path, md5=True)
    assert partial.resume_headers == {"Range": "bytes=400-", "If-Range": ETAG}
    assert partial.remote.matches_rest(rest(), partial.size)
    partial.resume(rest())
    partial.write([BODY[400:]], more=False)
    partial.close()
    assert (tmp_path / "x.part").read_bytes() == BODY
    assert partial.is_complete
    assert partial.sha256.hexdigest() == hashlib.sha256(BODY).hexdigest()
    assert partial.md5 is not None
    assert partial.md5.hexdigest() == hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    assert partial.head == BODY[: len(partial.head)]


def test_the_same_transfer_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    """Without reading anything again."""
    partial = parked(tmp_path)
    assert partial.resume_headers["Range"] == "bytes=400-"
    partial.resume(rest())
    partial.write([BODY[400:]], more=False)
    partial.close()
    assert (tmp_path / "x.part").read_bytes() == BODY
    assert partial.sha256.hexdigest() == hashlib.sha256(BODY).hexdigest()


def test_a_new_signature_is_the_same_object(tmp_path: Path) -> None:
    """`sign` and `t` say who may ask and when, not what."""
    parked(tmp_path)
    assert part(tmp_path, URL.replace("abc", "def").replace("123", "456")).size == 400


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("v8", "v10"),
        URL.replace("a.mp4", "b.mp4"),
        URL.replace("x=1", "x=2"),
        URL.replace("https", "http"),
    ],
)
def test_another_address_is_another_file(tmp_path: Path, url: str) -> None:
    """Bytes of two mirrors are never put together."""
    parked(tmp_path)
    assert part(tmp_path, url).size == 0


@pytest.mark.parametrize(
    "answer",
    [
        rest(399),
        rest(401),
        rest(400, 998),
        rest(total=1001),
        rest(400, 1000, 1001),
        rest(length=599),
        rest(validator='"two"'),
        rest(validator=""),
        rest(encoding="gzip"),
        rest(url=URL.replace("v8", "v10")),
        heard(),
        heard(span=None, length=600),
    ],
    ids=[
        *("early", "late", "short", "total differs", "longer", "length differs"),
        *("changed", "unproven", "encoded", "elsewhere", "whole", "without a span"),
    ],
)
def test_an_answer_that_does_not_fit_is_not_taken(tmp_path: Path, answer: StreamResponse) -> None:
    """Exactly the missing bytes, of exactly that object, or none of them."""
    parked(tmp_path)
    partial = part(tmp_path)
    assert not partial.remote.matches_rest(answer, partial.size)


def test_nothing_fits_nothing(tmp_path: Path) -> None:
    """Without a part there is nothing to continue."""
    assert not part(tmp_path).remote.matches_rest(rest(0), 0)
    assert part(tmp_path).resume_headers == {}


@pytest.mark.parametrize("said", [{"validator": ""}, {"encoding": "gzip"}])
def test_without_proof_nothing_is_kept(tmp_path: Path, said: dict[str, Any]) -> None:
    """No validator, or bytes that were packed on the way: the next transfer starts over."""
    assert parked(tmp_path, **said).size == 0
    assert not part(tmp_path).has_record


def test_an_encoding_that_says_nothing_is_none(tmp_path: Path) -> None:
    """`identity` is how the file is."""
    parked(tmp_path, encoding="identity")
    assert part(tmp_path).remote.matches_rest(rest(encoding="identity"), 400)


def test_the_total_may_come_later(tmp_path: Path) -> None:
    """A chunked body has no length; the 206 tells it."""
    parked(tmp_path, length=None)
    partial = part(tmp_path)
    assert (partial.total, partial.is_complete) == (None, False)
    assert partial.remote.matches_rest(rest(), partial.size)
    partial.resume(rest())
    assert partial.total == TOTAL


def test_all_there_needs_no_request(tmp_path: Path) -> None:
    """Killed after the last byte: the file is whole as it lies there."""
    parked(tmp_path, size=TOTAL)
    assert part(tmp_path).is_complete


def test_after_a_power_cut_only_the_digest_counts(tmp_path: Path) -> None:
    """Another boot: what was parked is proven by its digest, what was killed by nothing."""
    parked(tmp_path)
    assert part(tmp_path, boot="b2").size == 400
    killed(tmp_path)
    assert part(tmp_path, boot="b2").size == 0
    killed(tmp_path)
    assert part(tmp_path, boot="").size == 0


def test_a_machine_without_a_name_for_its_boots_trusts_none(tmp_path: Path) -> None:
    """Two nameless boots are not the same boot."""
    partial = part(tmp_path, boot="")
    partial.restart(heard())
    partial.write([BODY[:400]], more=True)
    partial.close()
    assert part(tmp_path, boot="").size == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:200] + bytes(200),
        lambda data: bytes(400),
        lambda data: b"",
        lambda data: b"x" + data,
    ],
    ids=["zeros at the end", "zeros", "empty", "moved"],
)
def test_a_damaged_part_is_dropped(tmp_path: Path, damage: Any) -> None:
    """Parked bytes are counted by their digest."""
    parked(tmp_path)
    path = tmp_path / "x.part"
    path.write_bytes(damage(path.read_bytes()))
    assert part(tmp_path).size == 0


@pytest.mark.parametrize("size", [400, TOTAL])
def test_what_came_behind_parked_bytes_is_cut_off(tmp_path: Path, size: int) -> None:
    """The digest proves the bytes up to there; the others are nobody's."""
    parked(tmp_path, size)
    path = tmp_path / "x.part"
    path.write_bytes(BODY[:size] + bytes(601))
    partial = part(tmp_path)
    assert (partial.size, partial.is_complete) == (size, size == TOTAL)
    assert path.read_bytes() == BODY[:size]


def test_a_part_with_a_second_name_is_left_alone(tmp_path: Path) -> None:
    """A snapshot made of hard links keeps its bytes: nothing is written to, cut off or counted."""
    parked(tmp_path)
    path, snapshot = tmp_path / "x.part", tmp_path / "snapshot"
    path.write_bytes(BODY[:600])
    snapshot.hardlink_to(path)
    partial = part(tmp_path)
    assert partial.size == 0
    partial.restart(heard())
    partial.write([b"new"], more=False)
    partial.close()
    assert snapshot.read_bytes() == BODY[:600]


def test_a_part_of_a_parked_part_is_dropped_after_a_power_cut(tmp_path: Path) -> None:
    """Shorter than it was parked, on another boot."""
    parked(tmp_path)
    (tmp_path / "x.part").write_bytes(BODY[:300])
    assert part(tmp_path, boot="b2").size == 0


@pytest.mark.parametrize(
    "change",
    [
        {"total": 0},
        {"total": -1000},
        {"total": "1000"},
        {"total": 1000.0},
        {"total": True},
        {"validator": None},
        {"validator": '"one"\r\nX: y'},
        {"validator": '"é"'},
        {"answered": 7},
        {"size": "400"},
        {"sha256": None},
    ],
)
def test_a_record_that_is_not_ours_proves_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    """A size that is none, a validator that would break a header: from the first byte then."""
    parked(tmp_path)
    path = tmp_path / "x.part.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    partial = part(tmp_path)
    assert (partial.size, partial.resume_headers, partial.total) == (0, {}, None)


def test_a_missing_part_is_none(tmp_path: Path) -> None:
    """A record alone says nothing."""
    parked(tmp_path)
    (tmp_path / "x.part").unlink()
    assert part(tmp_path).size == 0


def whole(folder: Path, **said: Any) -> None:
    """A transfer that came to its end, whose run was killed before the file got its name."""
    partial = part(folder)
    partial.restart(heard(**said))
    partial.write([BODY], more=False)
    partial.finish()
    partial.close()


@pytest.mark.parametrize("said", [{}, {"validator": ""}, {"length": None}, {"encoding": "gzip", "length": 9}])
@pytest.mark.parametrize("boot", ["b1", "b2"])
def test_a_whole_file_is_not_fetched_again(tmp_path: Path, said: dict[str, Any], boot: str) -> None:
    """Its digest is proof enough, on whatever boot, with or without a validator."""
    whole(tmp_path, **said)
    partial = part(tmp_path, boot=boot)
    assert partial.is_complete
    assert partial.sha256.hexdigest() == hashlib.sha256(BODY).hexdigest()


def test_a_whole_file_without_a_validator_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    """Shortened or changed, nothing of it counts, and no range is asked for."""
    for damaged in (BODY[:-1], BODY[:-1] + b"x", b"x" + BODY, b""):
        whole(tmp_path, validator="")
        (tmp_path / "x.part").write_bytes(damaged)
        partial = part(tmp_path)
        assert (partial.size, partial.resume_headers) == (0, {})
        assert not partial.remote.matches_rest(rest(0, validator=""), partial.size)


def test_a_small_file_leaves_no_record_until_it_is_whole(tmp_path: Path) -> None:
    """One block and no more: nothing but the file is written."""
    partial = part(tmp_path)
    partial.restart(heard())
    partial.write([BODY], more=False)
    partial.close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.part"]


def test_a_new_start_takes_the_record_away_before_the_bytes(tmp_path: Path) -> None:
    """At no moment does a record stand beside bytes of another object."""
    parked(tmp_path)
    partial = part(tmp_path)
    partial.restart(heard(validator='"two"'))
    partial.write([b"new"], more=False)
    partial.close()
    assert (tmp_path / "x.part").read_bytes() == b"new"
    assert not part(tmp_path).has_record


def test_nothing_came_nothing_is_parked(tmp_path: Path) -> None:
    """A transfer that broke off before its first byte leaves what was there."""
    parked(tmp_path)
    partial = part(tmp_path, URL.replace("v8", "v10"))
    partial.restart(heard())
    partial.save_progress([])
    assert part(tmp_path).size == 400


def test_a_disk_that_takes_no_more_costs_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that may not be there are not counted, and nothing is raised: another error has the word."""
    partial = part(tmp_path)
    partial.restart(heard())

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    partial.save_progress([BODY[:400]])
    partial.close()
    assert (partial.size, partial.resume_headers) == (0, {})


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    """Neither the record nor the part leads elsewhere: a new transfer replaces them."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "x.part.json").symlink_to(victim)
    assert part(tmp_path).size == 0
    killed(tmp_path)
    assert victim.read_bytes() == b"precious"
    (tmp_path / "x.part").unlink()
    (tmp_path / "x.part").symlink_to(victim)
    assert part(tmp_path).size == 0
    killed(tmp_path)
    assert not (tmp_path / "x.part").is_symlink()
    assert victim.read_bytes() == b"precious"


def test_a_pipe_in_place_of_a_part_is_no_part(tmp_path: Path) -> None:
    """It neither holds the thread up nor counts."""
    parked(tmp_path)
    (tmp_path / "x.part").unlink()
    os.mkfifo(tmp_path / "x.part")
    assert part(tmp_path).size == 0


_values = st.none() | st.booleans() | st.integers(-5, 2000) | st.text(max_size=5) | st.lists(st.integers())


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["asked", "answered", "validator", "total", "boot", "size", "sha256"]), _values
    ),
    st.booleans(),
)
def test_a_garbled_record_is_harmless(
    tmp_path_factory: pytest.TempPathFactory, garbled: dict[str, object], keep: bool
) -> None:
    """Whatever stands in it, no request is made with it that it does not prove, and nothing breaks."""
    folder = tmp_path_factory.mktemp("garbled")
    parked(folder)
    record = folder / "x.part.json"
    record.write_text(json.dumps({**(json.loads(record.read_text()) if keep else {}), **garbled}))
    partial = part(folder)
    assert partial.size in (0, 400)
    assert all(value.isascii() and value.isprintable() for value in partial.resume_headers.values())
    assert partial.size == 0 or {"validator", "asked"} & set(garbled) == set() or keep


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "[" * 100_000, '{"asked": 1}', "\x00"])
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    """Torn, of another shape, too deep."""
    parked(tmp_path)
    (tmp_path / "x.part.json").write_text(text)
    assert part(tmp_path).size == 0


def test_a_validator_that_is_no_header_is_dropped(tmp_path: Path) -> None:
    """A record that somebody else wrote must not put a line into a request."""
    parked(tmp_path)
    record = tmp_path / "x.part.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "validator": '"a"\r\nX: y'}))
    assert part(tmp_path).size == 0


def test_the_record_holds_no_signature(tmp_path: Path) -> None:
    """Addresses stand in it as digests."""
    parked(tmp_path)
    text = (tmp_path / "x.part.json").read_text()
    assert "abc" not in text
    assert "rednotecdn" not in text


def test_discard_leaves_nothing(tmp_path: Path) -> None:
    """Neither the file nor its record, and twice is no harm."""
    partial = parked(tmp_path)
    partial.discard()
    discard(guarded(tmp_path / "x.part"))
    assert list(tmp_path.iterdir()) == []
    assert partial.size == 0


def test_the_place_after_a_redirect_outlives_the_run(tmp_path: Path) -> None:
    """A whole file that an earlier run left is not asked for again; its source is the one it had."""
    partial = part(tmp_path)
    partial.restart(heard(url="https://other.xhscdn.com/y?sign=0123456789abcdef&t=1"))
    partial.write([BODY], more=False)
    partial.finish()
    partial.close()
    assert b"0123456789abcdef" not in (tmp_path / "x.part.json").read_bytes()
    assert part(tmp_path).is_complete
    assert part(tmp_path).origin == FileOrigin("other.xhscdn.com", "/y")


@pytest.mark.parametrize(
    "place",
    [
        None,
        "other.xhscdn.com/y",
        ["other.xhscdn.com"],
        ["other.xhscdn.com", 7],
        ["other.xhscdn.com", "/y?sign=1"],
        ["other\nxhscdn.com", "/y"],
        ["other.xhscdn.com", "/\udcff"],
        ["x" * 256, "/y"],
        ["other.xhscdn.com", "/" + "y" * 2000],
    ],
)
def test_a_record_without_a_usable_place_leaves_the_address_that_was_asked(
    tmp_path: Path, place: object
) -> None:
    """As an earlier version or somebody else wrote it; the bytes count all the same."""
    parked(tmp_path)
    path = tmp_path / "x.part.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "place": place}), encoding="ascii")
    assert part(tmp_path).size == 400
    assert part(tmp_path).origin == FileOrigin("sns-v8.rednotecdn.com", "/stream/a.mp4")


def test_the_buffer_of_an_earlier_version_goes_and_the_part_stays(tmp_path: Path) -> None:
    """Version 0.1 kept bytes from farther ahead in one file: they are not looked at, and travel again."""
    parked(tmp_path)
    (tmp_path / "x.part.ahead").write_bytes(b"lanes")
    assert part(tmp_path).size == 400
    assert not (tmp_path / "x.part.ahead").exists()


def test_ranges_go_with_their_part(tmp_path: Path) -> None:
    """Whole or discarded: no range stays beside it; files of other names do."""
    for end in (PartFile.finish, PartFile.discard):
        parked(tmp_path)
        for name in ("x.part.8388608", "x.part.12", "x.part.007", "x.part.x", "y.part.12"):
            (tmp_path / name).write_bytes(b"range")
        partial = part(tmp_path)
        assert partial.has_ranges
        end(partial)
        partial.close()
        left = {path.name for path in tmp_path.iterdir()}
        assert left - {"x.part", "x.part.json"} == {"x.part.007", "x.part.x", "y.part.12"}
