"""The demo's notes keep their word: what a reply declares, the CDN holds."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.fault_letters import other_reply

from tools.demo_media.boxes import walk
from xharchive.demo.world import CI_HOST, DEAD_HOST, PGY, V1, V3, V6, V7, DemoNote, DemoWorld, load_notes
from xharchive.media import Family, sniff
from xharchive.models import NoteId

ENDPOINTS = (V1, V3, V6, V7, PGY)
ALL_NOTES = load_notes()
SEEDS = Path(__file__).parents[2] / "data" / "seeds"
LISTS = Path(__file__).parents[3] / "sample_manifests" / "lists"
# Fields whose pictures belong to somebody or something else: never assets (docs/api.md#app-pictures).
ORNAMENTS = frozenset({"image", "thumb", "headPhoto", "avatar", "cover", "thumbnail", "link", "noteLink"})
ORNAMENTS_TOO = frozenset({"webpage_url", "path", "co_produce_link"})
MEDIA_URL = re.compile(r"https?://[\w.-]+/\S+")
SEED_LIVE, SEED_VIDEO, SEED_PGY = (note.id for note in ALL_NOTES[:3])

note_cases = pytest.mark.parametrize("note", ALL_NOTES, ids=[note.id for note in ALL_NOTES])


@pytest.fixture(scope="module")
def world() -> DemoWorld:
    return DemoWorld()


def parsed(world: DemoWorld, endpoint: str, note_id: str) -> Any:
    return json.loads(world.reply(endpoint, note_id))


def documented(name: str) -> Any:
    return json.loads((SEEDS / f"{name}.json").read_text(encoding="utf-8"))


def strings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of a JSON value, each with the name of its field, apart from ornaments."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ORNAMENTS | ORNAMENTS_TOO:
                yield from strings(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part, name)
    elif isinstance(value, str):
        yield name, value


def objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from objects(part)
    elif isinstance(value, list):
        for part in value:
            yield from objects(part)


def answer_of(world: DemoWorld, url: str) -> int:
    """Return the status with which the CDN answers a declared URL."""
    parts = urlsplit(url)
    served = world.media(parts.netloc, url.partition(parts.netloc)[2])
    return 404 if served is None else served.status


@note_cases
def test_a_note_id_carries_its_time(note: DemoNote) -> None:
    """The first eight digits are a time between 2019 and 2027."""
    assert 2019 <= NoteId(note.id).published.year <= 2026


@pytest.mark.slow
@note_cases
def test_every_declared_url_is_served(world: DemoWorld, note: DemoNote) -> None:
    """A healthy archive needs no gaps; only the host that is down on purpose fails."""
    for endpoint in ENDPOINTS:
        for name, text in strings(parsed(world, endpoint, note.id)):
            if MEDIA_URL.fullmatch(text):
                expected = {503} if DEAD_HOST in text else {200}
                assert {answer_of(world, text)} == expected, (endpoint, name, text)


@pytest.mark.slow
@note_cases
def test_declared_sizes_are_exact(world: DemoWorld, note: DemoNote) -> None:
    """`size` of a stream is that of the file behind each of its URLs."""
    for endpoint in ENDPOINTS:
        for found in objects(parsed(world, endpoint, note.id)):
            if "master_url" in found:
                for url in (found["master_url"], *(found["backup_urls"] or ())):
                    parts = urlsplit(url)
                    served = world.media(parts.netloc, parts.path)
                    assert served is not None
                    assert served.status == 503 or len(served.body) == found["size"]


@pytest.mark.slow
@note_cases
def test_originals_are_whole_files_of_their_kind(world: DemoWorld, note: DemoNote) -> None:
    """Pictures are pictures, movies walk box by box; the digests are those of the bytes."""
    families = {"image": Family.PICTURE, "cover": Family.PICTURE, "live": Family.MOVIE, "video": Family.MOVIE}
    families |= {"sound": Family.AUDIO, "music": Family.AUDIO, "subtitle": Family.TEXT}
    for slot in note.originals:
        body = world.original(note.id, slot)
        known = sniff(body)
        assert known is not None
        assert known.family is families[slot.partition("-")[0]]
        assert known.family is not Family.MOVIE or [part.name for part in walk(body)][:1] == [b"ftyp"]
        assert world.sha256(note.id, slot) == hashlib.sha256(body).hexdigest()


@pytest.mark.slow
@note_cases
def test_no_original_is_among_the_transcodes(world: DemoWorld, note: DemoNote) -> None:
    """Whoever settles for a declared picture URL gets other bytes than the uploaded ones."""
    kept = {world.sha256(note.id, slot) for slot in note.originals}
    for name, text in strings(parsed(world, V1, note.id)):
        if name == "original" and "imageView2" in text:
            parts = urlsplit(text)
            served = world.media(parts.netloc, f"{parts.path}?{parts.query}")
            assert served is not None
            assert hashlib.sha256(served.body).hexdigest() not in kept


def test_a_title_reaches_the_reply_unchanged(world: DemoWorld) -> None:
    """Also the hostile one, with its escape sequence and its control characters."""
    hostile = next(note for note in ALL_NOTES if note.title.startswith("../"))
    found = parsed(world, V1, hostile.id)["data"][0]["note_list"][0]
    assert found["title"] == hostile.title
    assert {"\0", "\x1b", "\N{RIGHT-TO-LEFT OVERRIDE}", "/"} <= set(hostile.title)
    assert len(hostile.title.encode()) > 255


def test_the_documented_replies_are_served_as_they_are(world: DemoWorld) -> None:
    """Seed 002 word for word, 001 apart from the MD5 of the sound, 000 apart from the size of the picture.

    That one has 24 megapixels, which would cost seconds in every test; the demo has it smaller.
    """
    live, video, pgy = (documented(name) for name in ("v7", "v1", "pgy"))
    voice = parsed(world, V1, SEED_VIDEO)["data"][0]["note_list"][0]["native_voice_info"]
    video["data"][0]["note_list"][0]["native_voice_info"]["md5sum"] = voice["md5sum"]
    (picture,) = live["data"][0]["note_list"][0]["images_list"]
    for declares in (picture, picture["origin_img"]):
        assert (declares["width"], declares["height"]) == (5712, 4284)
        declares |= {"width": 1200, "height": 900}
    assert parsed(world, V7, SEED_LIVE) == parsed(world, V1, SEED_LIVE) == live
    assert parsed(world, V1, SEED_VIDEO) == video
    assert parsed(world, PGY, SEED_PGY) == pgy


def test_only_pgy_knows_the_third_seed(world: DemoWorld) -> None:
    """Every other endpoint answers code 0 without data."""
    assert all(parsed(world, endpoint, SEED_PGY)["data"] == [] for endpoint in (V1, V3, V6, V7))


def test_the_documented_motion_has_its_declared_size(world: DemoWorld) -> None:
    """Seed 000 declares 1,048,339 bytes."""
    assert len(world.original(SEED_LIVE, "live-1")) == 1_048_339


def test_a_declared_sound_digest_is_that_of_the_sound(world: DemoWorld) -> None:
    """`native_voice_info.md5sum` can be checked."""
    declared = parsed(world, V1, SEED_VIDEO)["data"][0]["note_list"][0]["native_voice_info"]["md5sum"]
    assert declared == hashlib.md5(world.original(SEED_VIDEO, "sound"), usedforsecurity=False).hexdigest()


def test_a_declared_video_digest_is_that_of_the_upload(world: DemoWorld) -> None:
    """`video.md5` is the digest of the file behind the origin key only (docs/api.md#app-video)."""
    flat = parsed(world, V6, "69637d24000000001b01d5f2")["data"][0]
    original = world.original("69637d24000000001b01d5f2", "video")
    digest = hashlib.md5(original, usedforsecurity=False).hexdigest()
    assert flat["video_info_v2"]["media"]["video"]["md5"] == digest


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_unknown_note_is_code_0_without_data(world: DemoWorld, endpoint: str) -> None:
    """The vendor never says "deleted" (docs/api.md#empty-replies)."""
    reply = parsed(world, endpoint, "0" * 24)
    assert (reply["code"], reply["data"]) == (0, [])


@pytest.mark.parametrize("note_id", ["", "abc", "../" * 8, "A" * 24])
def test_a_malformed_id_is_code_400(world: DemoWorld, note_id: str) -> None:
    """What is no id was never looked up."""
    assert parsed(world, V1, note_id)["code"] == 400


def test_image_notes_are_unknown_to_v6(world: DemoWorld) -> None:
    """v6 is for video notes only (docs/api.md#note-endpoints)."""
    assert parsed(world, V6, SEED_LIVE)["data"] == []


def test_v6_sends_a_stranger_along(world: DemoWorld) -> None:
    """The stranger is after the asked note, and no note of the demo."""
    first, second = parsed(world, V6, "697ab3c8000000000b0297ae")["data"]
    assert first["id"] == "697ab3c8000000000b0297ae"
    assert second["id"] not in world.notes


def test_hosts_serve_their_own_shelf_only(world: DemoWorld) -> None:
    """Image hosts have no videos, video hosts no pictures, strangers nothing; `sns-img-qn` is gone."""
    note = world.notes[SEED_LIVE]
    picture, motion = f"/{note.originals['image-1']}", f"/{note.originals['live-1']}"
    image_hosts = (CI_HOST, "sns-img-bd.xhscdn.com", "sns-i8.rednotecdn.com", "sns-na-i8-a.xhscdn.com")
    video_hosts = (
        "sns-video-bd.xhscdn.com",
        "sns-v8.rednotecdn.com",
        "sns-bak-v6.xhscdn.com",
        "v.xiaohongshu.com",
    )
    assert all(world.media(host, picture) and not world.media(host, motion) for host in image_hosts)
    assert all(world.media(host, motion) and not world.media(host, picture) for host in video_hosts)
    for host in ("sns-img-qn.xhscdn.com", "evil.example", "ci.xiaohongshu.com.evil.example", ""):
        assert world.media(host, picture) is None


def test_an_upload_may_be_missing_on_one_host(world: DemoWorld) -> None:
    """The next image host has it (docs/api.md#derived-addresses)."""
    note = world.notes["69ef13c8000000000c00f2b5"]
    path = f"/{note.originals['image-1']}"
    assert world.media(CI_HOST, path) is None
    assert world.media("sns-img-bd.xhscdn.com", path) is not None


@pytest.mark.parametrize("rule", ["imageView2/2/w/format/png", "imageView2/2/w/100/format/bmp"])
def test_an_impossible_transcode_is_a_server_error(world: DemoWorld, rule: str) -> None:
    """As at the real CDN (docs/api.md#derived-addresses)."""
    served = world.media(CI_HOST, f"/{world.notes[SEED_LIVE].originals['image-1']}?{rule}")
    assert served is not None
    assert served.status == 500


def test_a_file_is_read_once(world: DemoWorld) -> None:
    """The second request gets the very same object."""
    path = f"/{world.notes[SEED_VIDEO].originals['cover']}"
    assert world.media(CI_HOST, path) is world.media(CI_HOST, path)


def test_two_worlds_hold_the_same_bytes(world: DemoWorld) -> None:
    """A digest noted in one run can be checked in the next."""
    assert DemoWorld().sha256(SEED_VIDEO, "cover") == world.sha256(SEED_VIDEO, "cover")


def test_the_lists_name_notes_of_the_demo(world: DemoWorld) -> None:
    """Ids, links and share texts lead to notes that exist; the ids name all of them."""
    named = {
        name: set(
            re.findall(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])", (LISTS / name).read_text(encoding="utf-8"))
        )
        for name in ("ids.txt", "links.txt", "share_text.txt")
    }
    authors = {"5d8f1a2c000000000100e4b7"}
    assert named["ids.txt"] == set(world.notes)
    assert named["links.txt"] - authors <= set(world.notes)
    assert named["share_text.txt"] <= set(world.notes)
    assert min(map(len, named.values())) >= 6


def test_another_reply_is_about_another_note(world: DemoWorld) -> None:
    """The fault of an API that mixes notes up needs a note that was not asked for."""
    body = world.reply(V1, SEED_LIVE)
    other = other_reply(world, body)
    assert SEED_LIVE.encode() not in other
    assert json.loads(other)["code"] == 0
    with pytest.raises(ValueError, match="every note"):
        other_reply(world, " ".join(world.notes).encode())
