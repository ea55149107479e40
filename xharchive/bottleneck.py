"""Find the bottleneck of a run: API, network, CPU or disk. Pure arithmetic, without I/O.

Work passes four stages in order: notes are resolved, downloaded, decoded, committed. Each stage counts its
work. A stage is idle, active, or full (all its capacity is in use).

While one stage has work, the run waits for it. While several have work, the run waits for the first of them,
because the later ones have free capacity. A later stage that is full may be the true bottleneck; only later
work shows it. If it has free capacity again while earlier stages still have work, it kept up with them, and
the time counts for them. If the earlier stages run out of work first, it was the bottleneck. Until that is
known, the time is contested.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

__all__ = ["OTHER", "Bottleneck", "Machine", "Stage", "Usage"]


class Stage(StrEnum):
    """The stages of a run, in the order of the work."""

    API = "api"
    NETWORK = "network"
    CPU = "cpu"
    DISK = "disk"


OTHER = "other"
"""The name of the time in which no stage had work: the start, the end, and the gallery."""

_STAGES = tuple(Stage)
_TRANSFERS, _DECODERS = _STAGES.index(Stage.NETWORK), _STAGES.index(Stage.CPU)
_IDLE, _ACTIVE, _FULL = range(3)
_RESOLUTION = 0.01  # seconds; faster changes count as one, because a run may have thousands a second
_SHORT_PAUSE = 0.02  # seconds; a shorter pause, as between two notes, decides nothing
_NEARLY_ALL = 0.9  # a use above this part counts as full use
_Contested = tuple[Stage, ...]  # the stages that a time may belong to, in order; () is the time of no stage


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine: its CPU cores, and the number of threads that hash and write."""

    cores: int
    writers: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds so far: CPU of the event loop's thread, CPU of this process, busy time of the writers."""

    loop: float = 0.0
    process: float = 0.0
    writers: float = 0.0


class Bottleneck:
    """Add up the time of a run by bottleneck.

    Transfers may be slow because this machine is busy. `sample`, called about once a second, detects that.
    Load of other programs looks like a slow network.

    Args:
        capacity: how much work each stage can do at once.
        machine: the machine.
        clock: returns seconds.
    """

    def __init__(
        self, capacity: Mapping[Stage, int], machine: Machine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity = [capacity[stage] for stage in _STAGES]
        self._machine = machine
        self._clock = clock
        self._counts = [0] * len(_STAGES)
        self._levels = [_IDLE] * len(_STAGES)
        self._seconds: defaultdict[_Contested, float] = defaultdict(float)
        self._accumulated_at = self._sampled_at = clock()
        self._verdicts: list[tuple[bool | None, float]] = [(None, self._accumulated_at)] * len(_STAGES)
        self._use = Usage()
        # Since the last sample: seconds of transfers, of writers that could serve them, of decoding cores.
        self._transfer_seconds = self._writer_seconds = self._decode_seconds = 0.0
        self._transfers_bound_by: defaultdict[Stage, float] = defaultdict(float)

    def counter_of(self, stage: Stage) -> Callable[[int], None]:
        """Return the counter of a stage, to be called with 1 when work arrives and with -1 when it ends."""
        return partial(self._count, _STAGES.index(stage))

    def _count(self, at: int, by: int) -> None:
        count = self._counts[at] + by
        level = _IDLE if not count else _ACTIVE if count < self._capacity[at] else _FULL
        if level != self._levels[at]:
            now = self._clock()
            if now - self._accumulated_at >= _RESOLUTION:
                self._accumulate(now)
            self._levels[at] = level
        self._counts[at] = count

    def _accumulate(self, now: float) -> None:
        """Add the time since the last call to the stages that have work."""
        levels, began = self._levels, self._accumulated_at
        passed, self._accumulated_at = now - began, now
        first = next((at for at, level in enumerate(levels) if level), None)
        contested = tuple(stage for at, stage in enumerate(_STAGES) if at == first or levels[at] == _FULL)
        self._seconds[contested] += passed
        if levels[_TRANSFERS]:
            self._transfer_seconds += passed
            self._writer_seconds += passed * min(self._counts[_TRANSFERS], self._machine.writers)
        # An active stage counts as half full.
        self._decode_seconds += passed * self._capacity[_DECODERS] * levels[_DECODERS] / _FULL
        for at, level in enumerate(levels):
            verdict = _verdict(level, has_work_before=first is not None and first < at)
            known, since = self._verdicts[at]
            if verdict is not known:
                since = began
                self._verdicts[at] = verdict, since
            if verdict is not None and now - since >= _SHORT_PAUSE:
                self._decide_contested(_STAGES[at], is_the_limit=verdict)

    def _decide_contested(self, stage: Stage, *, is_the_limit: bool) -> None:
        for contested in [key for key in self._seconds if stage in key[1:]]:
            at = contested.index(stage)
            remaining = contested[at:] if is_the_limit else contested[:at] + contested[at + 1 :]
            self._seconds[remaining] += self._seconds.pop(contested)

    def sample(self, use: Usage) -> None:
        """Find the bottleneck of transfers since the last sample, by the use of CPU and writers.

        Args:
            use: the seconds so far.
        """
        now = self._clock()
        self._accumulate(now)
        loop, process = use.loop - self._use.loop, use.process - self._use.process
        writers = use.writers - self._use.writers
        passed = now - self._sampled_at
        bound = Stage.NETWORK
        if (
            loop >= _NEARLY_ALL * passed
            or process + self._decode_seconds >= _NEARLY_ALL * passed * self._machine.cores
        ):
            bound = Stage.CPU
        elif writers >= _NEARLY_ALL * self._writer_seconds:
            # Busy writers that use little CPU wait for the disk. Others are limited by hashing.
            bound = Stage.DISK if process - loop < writers / 2 else Stage.CPU
        self._transfers_bound_by[bound] += self._transfer_seconds
        self._use, self._sampled_at = use, now
        self._transfer_seconds = self._writer_seconds = self._decode_seconds = 0.0

    def shares(self) -> dict[str, float]:
        """Return the part of the time until the last sample (0 to 1, in thousandths) by bottleneck."""
        shares = dict.fromkeys([*_STAGES, OTHER], 0.0)
        total = sum(self._seconds.values()) or 1.0
        for contested, seconds in self._seconds.items():
            shares[contested[-1] if contested else OTHER] += seconds / total
        transfers, shares[Stage.NETWORK] = shares[Stage.NETWORK], 0.0
        for bound, seconds in self._transfers_bound_by.items():
            shares[bound] += transfers * seconds / (sum(self._transfers_bound_by.values()) or 1.0)
        return {str(name): round(share, 3) for name, share in shares.items()}


def _verdict(level: int, *, has_work_before: bool) -> bool | None:
    """Whether a stage limits those before it (True) or keeps up with them (False); None if still unknown."""
    if has_work_before:
        return None if level == _FULL else False
    return True if level else None
