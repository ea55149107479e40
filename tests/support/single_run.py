"""Whole runs of the command line over one or a few notes, and what every run must leave, whatever happens."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.archive_check import intents, unsettled
from support.command import Ran, folder_of, ledger, manifests, run
from support.fake_world import FakeWorld

__all__ = ["HEIC", "LIVE_NOTE", "STREAM", "VIDEO_NOTE", "Left", "get", "left_by", "resume"]

LIVE_NOTE = "69aed4e2000000000e00c358"
"""One HEIC with its motion; v1 alone knows all of it."""
VIDEO_NOTE = "69637d24000000001b01d5f2"
"""A video in four renditions with mirrors, its upload by key with an MD5, a cover, subtitles: v1 and v6."""
HEIC = "/notes_uhdr/1040g3qo31tgdnb2m5m705oj45g341eq04lpa130"
STREAM = "/stream/1/10/66/01e9aed4e1c5ccfb010050019cd2efcf84_66.mp4"


@dataclass(frozen=True)
class Left:
    """What a run left behind: how it ended, the archive, and the world that it asked."""

    ran: Ran
    archive: Path
    world: FakeWorld

    @property
    def code(self) -> int:
        return self.ran.code

    def manifest(self, note: str = LIVE_NOTE) -> dict[str, Any]:
        return manifests(self.archive, note)[note]

    def state(self, note: str = LIVE_NOTE) -> str:
        return str(self.manifest(note)["state"])

    def files(self, note: str = LIVE_NOTE) -> dict[str, dict[str, Any]]:
        """The originals by slot, as the manifest tells of them."""
        return {_slot(entry): entry for entry in self.manifest(note)["files"] if entry["role"] == "original"}

    def gaps(self, note: str = LIVE_NOTE) -> dict[str, str]:
        """The reasons of the gaps by slot."""
        return {_slot(gap): gap["reason"] for gap in self.manifest(note)["gaps"]}

    def is_untouched(self, slot: str, note: str = LIVE_NOTE) -> bool:
        """Whether the slot holds the very bytes that the world stores for it."""
        return self._digest(note, self.files(note)[slot]) == self.world.world.sha256(note, slot)

    def is_complete(self, note: str = LIVE_NOTE) -> bool:
        """Whether every slot of the note holds the world's bytes and nothing is missing."""
        slots = set(self.world.world.notes[note].originals)
        return (
            self.state(note) == "complete"
            and set(self.files(note)) == slots
            and all(self.is_untouched(slot, note) for slot in slots)
        )

    def refused(self, slot: str, note: str = LIVE_NOTE) -> list[tuple[str, str]]:
        """Which hosts did not give the slot, and why, whether or not another did."""
        found = self.files(note).get(slot)
        listed = found["refused"] if found else self._gap(note, slot)["tried"]
        return [(refusal["host"], refusal["reason"]) for refusal in listed]

    def _gap(self, note: str, slot: str) -> dict[str, Any]:
        return next(gap for gap in self.manifest(note)["gaps"] if _slot(gap) == slot)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return ledger(self.archive)

    @property
    def billed(self) -> list[str]:
        return [line["billed"] for line in self.ledger if line["event"] == "outcome"]

    def _digest(self, note: str, entry: dict[str, Any]) -> str:
        return hashlib.sha256((folder_of(self.archive, note) / entry["path"]).read_bytes()).hexdigest()

    def hold_the_promises(self) -> None:
        """Assert what no misfortune excuses.

        Every archived file is, to the byte, one that the world serves; an upload is the upload. The exit
        code is 0 only without gaps, and without a note found empty in this run. The ledger has every call
        that the server saw, and else only such as a kill kept from leaving. The token is nowhere. `verify`
        finds nothing wrong.
        """
        served = {hashlib.sha256(item.body).hexdigest() for item in self.world.world._served.values()}
        for note, data in manifests(self.archive).items():
            for slot, entry in self.files(note).items():
                assert self._digest(note, entry) == entry["sha256"], (note, slot)
                assert entry["sha256"] in served | set(self._originals(note)), (note, slot)
                if entry["quality"] == "original" and slot in self.world.world.notes[note].originals:
                    assert self.is_untouched(slot, note), (note, slot)
            assert (data["state"] == "partial") == bool(data["gaps"])
            assert (
                data["state"] == "complete"
                or self.code != 0
                or (data["state"] == "empty" and self._is_known_empty)
            )
        came, announced = Counter(self.world.calls_that_came), intents(self.archive)
        assert came <= announced
        assert announced - came <= unsettled(self.archive)
        for text in self._everything():
            assert b"s3cret" not in text
        assert run(["verify", "-d", self.archive]).code == 0

    @property
    def _is_known_empty(self) -> bool:
        """Whether every empty note of the run was found empty by an earlier one."""
        report = self.ran.report
        return bool(report["known_empty"]) and report["known_empty"] == report["notes"]["empty"]

    def _originals(self, note: str) -> Iterator[str]:
        for slot in self.world.world.notes[note].originals:
            yield self.world.world.sha256(note, slot)

    def _everything(self) -> Iterator[bytes]:
        yield (self.ran.out + self.ran.err).encode()
        for path in self.archive.rglob("*"):
            if path.is_file():
                yield path.read_bytes()


def _slot(entry: dict[str, Any]) -> str:
    parts = (entry["kind"], entry["position"] or "", entry["label"])
    return "-".join(str(part) for part in parts if part)


def get(world: FakeWorld, archive: Path, *arguments: str, notes: tuple[str, ...] = (LIVE_NOTE,)) -> Left:
    """Archive notes, and check what every run must leave."""
    return left_by(world, archive, "get", *notes, *arguments)


def resume(world: FakeWorld, archive: Path, *arguments: str) -> Left:
    """Go on with what an earlier run left, and check what every run must leave."""
    return left_by(world, archive, "resume", *arguments)


def left_by(world: FakeWorld, archive: Path, *arguments: str) -> Left:
    """Run a command against a world; pictures are checked, not converted, unless the test says otherwise."""
    chosen = [] if "--image-format" in arguments else ["--image-format", "keep"]
    ran = run([*arguments, "-d", str(archive), "--json", *chosen, *world.options])
    left = Left(ran, archive, world)
    left.hold_the_promises()
    return left
