"""The notes of the three seed documents, archived through the real command line, read as docs/api.md says.

Each is asked by the endpoint whose document it comes from; the world serves the documents' own JSON.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from support.command import folder_of, manifests, run
from support.fake_world import FakeWorld

SEEDS = Path(__file__).parent.parent / "data" / "seeds"


def _archived(world: FakeWorld, archive: Path, note_id: str, endpoints: str) -> tuple[dict[str, Any], int]:
    ran = run(["get", note_id, "-d", archive, "--endpoints", endpoints, *world.options])
    return manifests(archive)[note_id], ran.code


def _slots(data: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (entry["path"], entry["kind"], entry["quality"], entry["endpoint"])
        for entry in data["files"]
        if entry["role"] == "original"
    ]


@pytest.mark.parametrize("endpoint", ["v7", "v1", "v3"])
def test_seed_000_a_live_photo_of_the_blocks_shape(world: FakeWorld, tmp_path: Path, endpoint: str) -> None:
    """The picture is the untouched upload, its motion the declared stream of 1,048,339 bytes."""
    note_id = "69aed4e2000000000e00c358"
    data, code = _archived(world, tmp_path, note_id, endpoint)
    assert (code, data["state"]) == (0, "complete")
    assert _slots(data) == [
        ("01.heic", "image", "original", endpoint),
        ("01.mp4", "live", "rendition", endpoint),
    ]
    assert [(entry["path"], entry["pair"]) for entry in data["files"]] == [
        ("01.heic", 1),
        ("01.jpg", 1),
        ("01.mp4", 1),
    ]
    motion = data["files"][2]
    assert motion["size"] == 1048339
    assert "declared-size" in motion["checks"]
    note = data["note"]
    assert note["title"] == "被豫园的氛围感硬控了"
    assert note["author"] == {
        "id": "62642c06000000001000bb40",
        "name": "搞笑女的肉体改造日记",
        "red_id": "2947938100",
    }
    assert note["tags"] == ["绿水青山天高云淡", "我的天高云淡", "上大豫园追灯会", "来上海过年"]
    assert note["mentions"] == [{"id": "687f08f3000000001b0238e8", "name": "甜润徽派"}]
    assert note["counts"]["likes"] == 11
    assert note["place"] == "安徽"
    assert note["published"] == {"china": "2026-03-09T22:10:42+08:00", "utc": "2026-03-09T14:10:42Z"}
    assert note["author_switches"]["function_switch"] == [{"type": "image_download", "enable": True}]
    folder = folder_of(tmp_path, note_id)
    assert folder.name == f"2026-03-09_被豫园的氛围感硬控了_{note_id}"
    assert (folder / "01.heic").stat().st_mtime == 1773065442
    assert world.calls == [f"{endpoint} {note_id}"]


def test_seed_001_a_video_note_whose_v1_reply_has_only_the_cover(world: FakeWorld, tmp_path: Path) -> None:
    """Cover and sound come from v1, the video from v6; the author's wish is on record."""
    note_id = "698ab064000000001503876d"
    data, code = _archived(world, tmp_path, note_id, "v1,v6,pgy")
    assert (code, data["state"]) == (0, "complete")
    by_path = {path: (kind, endpoint) for path, kind, _, endpoint in _slots(data)}
    assert by_path["audio.wav"] == ("sound", "v1")
    assert by_path["cover.heic"] == ("cover", "v1")
    (video,) = (place for place in by_path.items() if place[1][0] == "video")
    assert video[1] == ("video", "v6")
    assert world.calls == [f"v1 {note_id}", f"v6 {note_id}"]
    switches = data["note"]["author_switches"]["function_switch"]
    assert switches == [{"type": "video_download", "enable": False, "reason": "作者已关闭下载权限，无法保存"}]
    assert [reply["outcome"] for reply in data["replies"]] == ["note", "note"]


def test_seed_001_without_a_video_endpoint_is_partial(world: FakeWorld, tmp_path: Path) -> None:
    """Promise 4: with v1 alone the video is a gap with its reason, and the exit code is 3."""
    data, code = _archived(world, tmp_path, "698ab064000000001503876d", "v1")
    assert (code, data["state"]) == (3, "partial")
    (gap,) = data["gaps"]
    assert (gap["kind"], gap["role"], gap["reason"]) == ("video", "original", "not-given")
    assert "v1" in gap["detail"]
    assert {kind for _, kind, _, _ in _slots(data)} == {"cover", "sound"}


def test_seed_002_a_video_note_that_only_pgy_knows(world: FakeWorld, tmp_path: Path) -> None:
    """By default the cascade ends at PGY; its origin key gives the uploaded file."""
    note_id = "65c0b3fc000000002c037a49"
    data, code = _archived(world, tmp_path, note_id, "v1,v6,pgy")
    assert (code, data["state"]) == (0, "complete")
    assert world.calls == [f"v1 {note_id}", f"v6 {note_id}", f"pgy {note_id}"]
    slots = {kind: (quality, endpoint) for _, kind, quality, endpoint in _slots(data)}
    assert slots == {"cover": ("original", "pgy"), "video": ("original", "pgy")}
    video = next(entry for entry in data["files"] if entry["kind"] == "video")
    assert video["source"]["path"] == "/spectrum/1040g0jg30ups4uac5i005og61q6413ql180l93g"
    assert data["note"]["title"] == ""
    assert data["note"]["author"]["name"] == "曹操来了"
    assert data["note"]["tags"] == ["电影狙击手", "曹操来了", "明星"]
    assert data["note"]["published"]["utc"] == "2024-02-05T10:10:04Z"
    assert [reply["outcome"] for reply in data["replies"]] == ["empty", "empty", "note"]


@pytest.mark.parametrize(
    ("note_id", "endpoint", "seed"),
    [
        ("69aed4e2000000000e00c358", "v7", "v7.json"),
        ("65c0b3fc000000002c037a49", "pgy", "pgy.json"),
    ],
)
def test_the_reply_is_kept_whole(
    world: FakeWorld, tmp_path: Path, note_id: str, endpoint: str, seed: str
) -> None:
    """Fields that no parser knows survive: the kept reply says all that the seed document says.

    But for the size of the picture of 24 megapixels, which the demo has smaller, and declares so.
    """
    _archived(world, tmp_path, note_id, endpoint)
    kept = json.loads((folder_of(tmp_path, note_id) / "replies" / f"{endpoint}.json").read_bytes())
    told = json.loads((SEEDS / seed).read_bytes())["data"]
    if endpoint == "v7":
        (picture,) = told[0]["note_list"][0]["images_list"]
        for declares in (picture, picture["origin_img"]):
            assert (declares["width"], declares["height"]) == (5712, 4284)
            declares |= {"width": 1200, "height": 900}
    assert kept["data"] == told


def test_no_avatar_thumbnail_or_topic_art_is_asked_for(world: FakeWorld, tmp_path: Path) -> None:
    """The seeds are full of URLs that are not assets; not one of them is requested."""
    for note_id in ("69aed4e2000000000e00c358", "698ab064000000001503876d", "65c0b3fc000000002c037a49"):
        _archived(world, tmp_path, note_id, "v1,v6,pgy")
    unwanted = ("avatar", "mmopen", "fd75707a-37f8-45ad-b7a7-0feaf36e9cad", "w/360", "w/540", "w/120")
    assert [url for url in world.media if any(part in url for part in unwanted)] == []
