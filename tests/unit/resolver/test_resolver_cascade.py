"""Which endpoints are asked about a note, in which order, and where asking ends."""

import json
from pathlib import Path

import pytest
from support.scripted_api import Desk, ScriptedApi, envelope, resolving

from xharchive.demo.world import DemoWorld
from xharchive.errors import NoteFailed, Refused
from xharchive.media import AssetKind
from xharchive.models import NoteType
from xharchive.resolver import Resolution

IMAGE_NOTE = "69aed4e2000000000e00c358"
VIDEO_NOTE = "69637d24000000001b01d5f2"
VIDEO_ONLY_PGY_HAS = "69922f5a000000001a00b4c6"
NOTE_ONLY_PGY_KNOWS = "65c0b3fc000000002c037a49"
VIDEO_IN_V1 = "5f3d2c1b000000000101e7a8"
EMPTY_NOTE = "6a064da2000000001c03e8d7"


def pgy_pictures(note_id: str) -> bytes:
    """A PGY reply about an image note: the seed with its video taken out."""
    path = Path(__file__).parents[2] / "data" / "seeds" / "pgy.json"
    reply = json.loads(path.read_text("utf-8"))
    reply["data"] |= {"noteId": note_id, "type": 1, "videoInfo": None}
    return json.dumps(reply).encode()


def asked(desk: Desk) -> list[str]:
    """The endpoints in the order of the calls."""
    return [call.split()[0] for call in desk.api.calls]


def kinds(resolution: Resolution) -> set[AssetKind]:
    """What kinds of assets the note declares."""
    assert resolution.note is not None
    return {asset.slot.kind for asset in resolution.note.assets}


@pytest.mark.parametrize(
    ("note", "calls"),
    [
        (IMAGE_NOTE, ["v1"]),
        (VIDEO_NOTE, ["v1", "v6"]),
        (VIDEO_ONLY_PGY_HAS, ["v1", "v6", "pgy"]),
        (NOTE_ONLY_PGY_KNOWS, ["v1", "v6", "pgy"]),
        (VIDEO_IN_V1, ["v1"]),
        (EMPTY_NOTE, ["v1", "v6", "pgy"]),
    ],
)
async def test_no_endpoint_is_asked_beyond_need(
    api: ScriptedApi, tmp_path: Path, note: str, calls: list[str]
) -> None:
    """Promise 2: one call where one can do; further ones only while something declared is lacking."""
    async with resolving(api, tmp_path) as desk:
        await desk.resolve(note)
    assert asked(desk) == calls
    assert [call.endpoint for call in desk.told] == calls
    assert [call.reason for call in desk.told] == ["first", *["cascade"] * (len(calls) - 1)]


@pytest.mark.parametrize(
    ("order", "calls"),
    [
        ("v7", ["v7"]),
        ("v6,v1", ["v6", "v1"]),
        ("v3,v1", ["v3"]),
        ("pgy,v6,v1", ["pgy", "v6", "v1"]),
        ("v1,v1,v6", ["v1"]),
    ],
)
async def test_the_order_is_a_setting(api: ScriptedApi, tmp_path: Path, order: str, calls: list[str]) -> None:
    """`--endpoints` says who is asked, and in which order."""
    async with resolving(api, tmp_path, endpoints=order) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert asked(desk) == calls
    assert kinds(resolution) == {AssetKind.IMAGE, AssetKind.LIVE}


async def test_an_image_note_that_pgy_gave_asks_for_motions_but_never_for_a_video(
    api: ScriptedApi, tmp_path: Path
) -> None:
    """PGY cannot tell whether pictures move: v1 is asked once more, v6 (videos only) is not."""
    api.script["pgy"] = [pgy_pictures(IMAGE_NOTE)]
    async with resolving(api, tmp_path, endpoints="pgy,v6,v1") as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert asked(desk) == ["pgy", "v1"]
    assert resolution.note is not None
    assert resolution.note.replies == ("pgy", "v1")


async def test_pictures_known_to_pgy_alone_leave_their_motion_unknown(
    api: ScriptedApi, tmp_path: Path
) -> None:
    """Promise 4: nobody could tell of live photos, and the note says so."""
    api.script = {"v1": [envelope(0)], "v6": [envelope(0, [])], "pgy": [pgy_pictures(IMAGE_NOTE)]}
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is not None
    assert resolution.note.type is NoteType.IMAGE
    assert not resolution.note.motion_known
    assert [entry.outcome for entry in resolution.replies] == ["empty", "empty", "note"]


async def test_a_merged_note_remembers_who_declared_what(api: ScriptedApi, tmp_path: Path) -> None:
    """The cover comes from v1, the video from v6, and each asset says so."""
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(VIDEO_NOTE)
    assert resolution.note is not None
    assert resolution.note.replies == ("v1", "v6")
    declared = {str(asset.slot): asset.endpoint for asset in resolution.note.assets}
    assert declared == {"cover": "v1", "video": "v6", "subtitle-en-US": "v6", "subtitle-zh-CN": "v6"}


async def test_an_empty_note_names_every_endpoint_that_was_asked(api: ScriptedApi, tmp_path: Path) -> None:
    """There is no note, and the kept replies tell how each endpoint said so; 201 says it too."""
    api.script["v6"] = [envelope(201)]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(EMPTY_NOTE)
    assert resolution.note is None
    assert [(entry.endpoint, entry.outcome) for entry in resolution.replies] == [
        ("v1", "empty"),
        ("v6", "empty"),
        ("pgy", "empty"),
    ]
    assert [bill for _, _, bill in desk.outcomes] == ["yes"] * 3


async def test_a_reply_about_another_note_archives_nothing(
    api: ScriptedApi, tmp_path: Path, demo_world: DemoWorld
) -> None:
    """A stranger's note is no note, whoever sends it; the reply is kept, since it was paid for."""
    api.script["v1"] = [demo_world.reply("v1", VIDEO_IN_V1)]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(IMAGE_NOTE)
    assert resolution.note is None
    assert [entry.outcome for entry in resolution.replies] == ["mismatch", "empty", "empty"]
    assert set(desk.kept(IMAGE_NOTE)) == {"v1", "v6", "pgy"}


@pytest.mark.parametrize("last_word", [400, 303, 404])
async def test_what_is_paid_for_is_archived_when_a_later_endpoint_refuses(
    api: ScriptedApi, tmp_path: Path, last_word: int
) -> None:
    """The cover that v1 gave is not lost because v6 would not give the video."""
    api.script["v6"] = [last_word]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(VIDEO_NOTE)
    assert kinds(resolution) == {AssetKind.COVER}
    assert asked(desk) == ["v1", "v6"]
    assert (desk.resolver.refused is not None) == (last_word == 303)


async def test_what_one_endpoint_cannot_say_another_may(api: ScriptedApi, tmp_path: Path) -> None:
    """No answer from v1 after all retries: v6 has the whole video note."""
    api.script["v1"] = [301, ...]
    async with resolving(api, tmp_path) as desk:
        resolution = await desk.resolve(VIDEO_NOTE)
    assert AssetKind.VIDEO in kinds(resolution)
    assert asked(desk) == ["v1", "v1", "v1", "v6"]
    assert [entry.endpoint for entry in resolution.replies] == ["v6"]


async def test_nothing_final_is_said_while_an_endpoint_did_not_answer(
    api: ScriptedApi, tmp_path: Path
) -> None:
    """Two endpoints know nothing and one could not be asked: the note failed, it is not empty."""
    api.script = {"v1": [301, ...], "v6": [envelope(0)], "pgy": [envelope(0)]}
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(
            NoteFailed, match=r"v1: the API could not collect the note \(code 301\)"
        ) as failed:
            await desk.resolve(IMAGE_NOTE)
    assert failed.value.reason == "unanswered"
    assert set(desk.kept(IMAGE_NOTE)) == {"v6", "pgy"}


async def test_a_refusal_after_an_empty_reply_leaves_the_note_for_another_run(
    api: ScriptedApi, tmp_path: Path
) -> None:
    """v1 knew nothing, then the quota was gone: nothing final is said, and v1's reply is kept."""
    api.script = {"v1": [envelope(0)], "v6": [303]}
    async with resolving(api, tmp_path) as desk:
        with pytest.raises(Refused, match="quota"):
            await desk.resolve(IMAGE_NOTE)
    assert set(desk.kept(IMAGE_NOTE)) == {"v1"}
