"""Archives that are killed at random moments, again and again, until a last run may go to its end.

Each archive has an undisturbed twin: the same notes, options and faults in a world of its own. The moments
are not chosen by what the program does: a kill waits for a random part of the time that the twin took.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from support.archive_check import (
    SECRET_PIECES,
    Breach,
    Tree,
    intents,
    moment_breaches,
    tree_breaches,
    tree_of,
    unsettled,
)
from support.fake_world import FakeWorld, running
from support.faulty_mirrors import Plan
from xharchive.demo.world import DemoWorld

__all__ = ["Figures", "Twin", "killed_archive", "undisturbed"]

AFTER_A_KILL = ("--on-unknown", "pay")
"""What a user adds to `get` or `resume` after a kill: calls that were under way are to be paid again."""

_TOKEN = "s3cret/t0ken+of=tests"
_LONGEST_RUN = 120.0  # seconds: nothing hangs
_PART_VERIFIED = 0.25  # of the kills: it takes another process each time
_PART_CAREFUL = 0.3  # of the runs that may still be killed: without a word about calls that were cut off
_HELD_BACK = 4  # the exit code of a run that left notes to their decision


@dataclass(frozen=True)
class Twin:
    """An undisturbed archive: its tree, exit code, seconds, calls, and the bytes that the CDN sent."""

    plan: Plan
    tree: Tree
    code: int
    seconds: float
    calls: Counter[str]
    served: int

    @property
    def needed(self) -> int:
        """The bytes of its originals: what a world without faults would have sent."""
        entries = (entry for found in self.tree.manifests.values() for entry in found["files"])
        return sum(entry["size"] for entry in entries if entry["role"] == "original")


@dataclass
class Figures:
    """What came of one archive, or of many added up."""

    archives: int = 0
    kills: int = 0
    kills_in_calls: int = 0
    calls: int = 0
    calls_too_many: int = 0
    unsent: int = 0
    bytes_again: int = 0
    waste: list[float] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)

    def add(self, other: "Figures") -> None:
        """Take over another archive's figures."""
        self.archives += other.archives
        self.kills += other.kills
        self.kills_in_calls += other.kills_in_calls
        self.calls += other.calls
        self.calls_too_many += other.calls_too_many
        self.unsent += other.unsent
        self.bytes_again += other.bytes_again
        self.waste += other.waste
        self.breaches += other.breaches


def undisturbed(world: DemoWorld, plan: Plan, archive: Path) -> Twin:
    """Archive a plan's notes without a kill, in a fresh world."""
    for note in plan.notes:
        for slot in world.notes[note].originals:
            world.original(note, slot)  # making the demo's media takes seconds, and is no part of the run
    with running(world, plan.script) as fake:
        began = time.monotonic()
        ran = _run(fake, archive, None, "get", *plan.notes, *plan.options)
        seconds = time.monotonic() - began
    assert ran.code in (0, 3), ran.errors
    return Twin(plan, tree_of(archive), ran.code, seconds, Counter(fake.calls_that_came), _served(fake))


def killed_archive(world: DemoWorld, twin: Twin, archive: Path, random: Random, most_kills: int) -> Figures:
    """Archive the twin's notes under at most so many kills; compare after each of them and at the end."""
    figures = Figures(archives=1)
    heard: list[dict[str, Any]] = []
    with running(world, twin.plan.script) as fake:
        while True:
            # Rather in the earlier half: what is done already is not done again, so later runs are shorter.
            moment = random.triangular(0, twin.seconds, 0.3 * twin.seconds)
            seconds = moment if figures.kills < most_kills else None
            careful = seconds is not None and random.random() < _PART_CAREFUL
            arguments = _arguments(twin, random, heard, careful=careful)
            cut_off, before = unsettled(archive), intents(archive)
            ran = _run(fake, archive, seconds, *arguments, *twin.plan.options)
            heard += ran.events
            if careful:
                figures.breaches += _paid_without_leave(cut_off, intents(archive) - before)
            figures.breaches += _told_the_token(ran)
            if ran.code == -signal.SIGKILL:
                figures.kills += 1
                figures.breaches += moment_breaches(archive, twin.tree, twin.plan.notes, heard)
                figures.breaches += _unannounced(archive, fake)
                known, figures.unsent = figures.unsent, unsettled(archive).total()
                figures.kills_in_calls += figures.unsent > known
                if random.random() < _PART_VERIFIED and _has_begun(heard):
                    figures.breaches += _not_verified(fake, archive)
            # `resume` counts only what was left to it: where notes are empty, `get` has the last word.
            elif careful and ran.code == _HELD_BACK:
                continue
            elif arguments[0] == "get" or twin.code == 0 or ran.code not in (0, 3):
                break
    if ran.code != twin.code:
        figures.breaches.append(Breach("exit", f"{ran.code} instead of {twin.code}: {ran.errors[-500:]}"))
    figures.breaches += tree_breaches(archive, twin.tree)
    figures.breaches += _unannounced(archive, fake)
    _account(figures, archive, fake, twin)
    figures.breaches += _archived_again(heard)
    figures.breaches += _not_verified(fake, archive)
    return figures


def _arguments(twin: Twin, random: Random, heard: list[dict[str, Any]], *, careful: bool) -> tuple[str, ...]:
    """`resume` or `get` again; only `get` while no run has said that it put the notes on record."""
    get = ("get", *twin.plan.notes)
    if not _has_begun(heard):
        return get
    return (*random.choice((get, ("resume",))), *(() if careful else AFTER_A_KILL))


def _paid_without_leave(cut_off: Counter[str], asked: Counter[str]) -> Iterator[Breach]:
    """A call that a kill interrupted may be billed: nobody asks again before the user says so."""
    for call in cut_off.keys() & asked.keys():
        yield Breach("paid", f"{call} was cut off, and asked again without leave")


def _has_begun(heard: list[dict[str, Any]]) -> bool:
    return any(event["event"] == "run_started" for event in heard)


def _archived_again(heard: list[dict[str, Any]]) -> Iterator[Breach]:
    """What one run said it archived, no other run fetches."""
    archived = Counter(
        f"{event['asset']} of {event['note']}" for event in heard if event["event"] == "asset_archived"
    )
    for asset, count in archived.items():
        if count > 1:
            yield Breach("again", f"{asset} was archived {count} times")


def _not_verified(fake: FakeWorld, archive: Path) -> Iterator[Breach]:
    """`verify` finds nothing wrong, be it in the middle of a note."""
    checked = _run(fake, archive, None, "verify")
    if checked.code:
        yield Breach("verify", checked.output[-500:] + checked.errors[-500:])


def _unannounced(archive: Path, fake: FakeWorld) -> Iterator[Breach]:
    """No call reaches the server before the ledger has it."""
    for call, count in (Counter(fake.calls_that_came) - intents(archive)).items():
        yield Breach("paid", f"{call} came {count} times more often than the ledger says")


def _account(figures: Figures, archive: Path, fake: FakeWorld, twin: Twin) -> None:
    """Hold every call against the twin's: one more is excused by one that a kill interrupted, no other."""
    came, lost = Counter(fake.calls_that_came), unsettled(archive)
    extra = came - twin.calls
    figures.calls = came.total()
    figures.calls_too_many = extra.total()
    figures.waste.append(_served(fake) / twin.served if twin.served else 1.0)
    figures.bytes_again = max(0, _served(fake) - twin.served)
    if extra.total() > figures.kills_in_calls * twin.plan.calls_at_once:
        told = f"{extra.total()} calls again, {figures.kills_in_calls} kills that fell into calls"
        figures.breaches.append(Breach("paid", told))
    for call, count in (extra - lost).items():
        figures.breaches.append(Breach("paid", f"{call} was paid {count} times more than kills excuse"))
    never_sent = intents(archive) - came
    for call, count in (never_sent - lost).items():
        figures.breaches.append(Breach("paid", f"{call} is {count} times on record, and no kill explains it"))
    figures.unsent = never_sent.total()


def _told_the_token(ran: "_Ran") -> Iterator[Breach]:
    if any(piece in (ran.output + ran.errors).encode() for piece in SECRET_PIECES):
        yield Breach("token", "in the output")


def _served(fake: FakeWorld) -> int:
    return sum(seen.sent_bytes for seen in fake.seen if seen.kind == "media")


@dataclass(frozen=True)
class _Ran:
    """How a process ended (its exit code, or the signal's number below 0), and what it said until then."""

    code: int
    output: str
    errors: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it said in whole lines: a kill may leave half of one."""
        lines = self.output.splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


def _run(fake: FakeWorld, archive: Path, seconds: float | None, *arguments: str) -> _Ran:
    """Run a command in a process of its own, and kill it when it still runs after so many seconds."""
    told, complained = archive.with_suffix(".out"), archive.with_suffix(".err")
    command = [sys.executable, "-P", "-m", "xharchive", *arguments, "-d", str(archive), "--json"]
    if arguments[0] != "verify":
        command += fake.options
    # Files, not pipes: nobody reads while the process runs, and a full pipe would hold it up.
    with told.open("wb") as out, complained.open("wb") as err:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=err,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "XHARCHIVE_TOKEN": _TOKEN},
        )
        try:
            code = process.wait(_LONGEST_RUN if seconds is None else seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
            assert seconds is not None, f"xharchive {arguments[0]} still ran after {_LONGEST_RUN} seconds"
    return _Ran(code, told.read_text("utf-8"), complained.read_text("utf-8"))
