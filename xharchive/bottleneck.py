"""What a run waited for: API, network, CPU or disk. Pure arithmetic over who had work at which time.

The four are stages, one behind the other: notes are asked for, fetched, decoded, committed. Each is told how
much work it has; time is added up only when one becomes idle, active or full.

While one stage alone has work, the run waits for it. While several have, it waits for the first of them: the
ones behind have room and would do more if more came. But one that is full may be the true limit, and whether
it is shows only later. If it has room again while stages before it are still at work, it kept up with them,
and the time was theirs. If they end first, or are held up, it was the limit all the while. Until then that
time is contested.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

__all__ = ["OTHER", "Bound", "Bounds", "Machine", "Use"]


class Bound(StrEnum):
    """What a run can wait for, in the order of its stages."""

    API = "api"
    NETWORK = "network"
    CPU = "cpu"
    DISK = "disk"


OTHER = "other"
"""The share of the time in which no stage had work: beginning and end, the pages of the gallery."""

_STAGES = tuple(Bound)
_TRANSFERS, _DECODERS = _STAGES.index(Bound.NETWORK), _STAGES.index(Bound.CPU)
_IDLE, _ACTIVE, _FULL = range(3)
_GRAIN = 0.01  # seconds; changes in quicker succession count as one: a run may have thousands a second
_LULL = 0.02  # seconds; shorter ones, as between two notes, decide nothing
_ALL = 0.9  # of what there is counts as all of it
_Contested = tuple[Bound, ...]  # by all of them, in their order; () is nobody's


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is: CPU cores, and threads that hash and write."""

    cores: int
    writers: int


@dataclass(frozen=True, slots=True)
class Use:
    """Seconds used so far: CPU of the event loop's thread, CPU of this process, time of the writers' jobs."""

    loop: float = 0.0
    process: float = 0.0
    writers: float = 0.0


class Bounds:
    """Adds up what a run waits for. `places` is how much of its work a stage can do at once.

    Transfers may be slow because this machine is: `look`, called every second or so, finds that out. What
    other programs take from the machine cannot be told from a slow network.
    """

    def __init__(
        self, places: Mapping[Bound, int], machine: Machine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._places = [places[stage] for stage in _STAGES]
        self._machine = machine
        self._clock = clock
        self._counts = [0] * len(_STAGES)
        self._levels = [_IDLE] * len(_STAGES)
        self._seconds: defaultdict[_Contested, float] = defaultdict(float)
        self._added = self._looked = clock()  # when that was last done
        self._verdicts: list[tuple[bool | None, float]] = [(None, self._added)] * len(_STAGES)
        self._use = Use()
        # Since the last look: seconds of transfers, of writers that could serve them, of decoding cores.
        self._transferring = self._writable = self._decoding = 0.0
        self._transfers: defaultdict[Bound, float] = defaultdict(float)

    def stage(self, stage: Bound) -> Callable[[int], None]:
        """Return what is to be told of work that comes to a stage (1) and that is through with it (-1)."""
        return partial(self._count, _STAGES.index(stage))

    def _count(self, at: int, by: int) -> None:
        count = self._counts[at] + by
        level = _IDLE if not count else _ACTIVE if count < self._places[at] else _FULL
        if level != self._levels[at]:
            now = self._clock()
            if now - self._added >= _GRAIN:
                self._add_up(now)
            self._levels[at] = level
        self._counts[at] = count

    def _add_up(self, now: float) -> None:
        """Add the time since that was last done to those who have work."""
        levels, began = self._levels, self._added
        passed, self._added = now - began, now
        first = next((at for at, level in enumerate(levels) if level), None)
        contested = tuple(stage for at, stage in enumerate(_STAGES) if at == first or levels[at] == _FULL)
        self._seconds[contested] += passed
        if levels[_TRANSFERS]:
            self._transferring += passed
            self._writable += passed * min(self._counts[_TRANSFERS], self._machine.writers)
        self._decoding += passed * self._places[_DECODERS] * levels[_DECODERS] / _FULL  # if active, half
        for at, level in enumerate(levels):
            verdict = _verdict(level, has_work_before=first is not None and first < at)
            known, since = self._verdicts[at]
            if verdict is not known:
                since = began
                self._verdicts[at] = verdict, since
            if verdict is not None and now - since >= _LULL:
                self._settle(_STAGES[at], is_the_limit=verdict)

    def _settle(self, stage: Bound, *, is_the_limit: bool) -> None:
        for contested in [key for key in self._seconds if stage in key[1:]]:
            at = contested.index(stage)
            left = contested[at:] if is_the_limit else contested[:at] + contested[at + 1 :]
            self._seconds[left] += self._seconds.pop(contested)

    def look(self, use: Use) -> None:
        """Judge, by what was used since the last look, why transfers took as long as they did."""
        now = self._clock()
        self._add_up(now)
        loop, process = use.loop - self._use.loop, use.process - self._use.process
        writers = use.writers - self._use.writers
        passed = now - self._looked
        bound = Bound.NETWORK
        if loop >= _ALL * passed or process + self._decoding >= _ALL * passed * self._machine.cores:
            bound = Bound.CPU
        elif writers >= _ALL * self._writable:
            # Busy writers that use little CPU wait for the disk; else they hash as fast as they can.
            bound = Bound.DISK if process - loop < writers / 2 else Bound.CPU
        self._transfers[bound] += self._transferring
        self._use, self._looked = use, now
        self._transferring = self._writable = self._decoding = 0.0

    def shares(self) -> dict[str, float]:
        """Return which part of the time until the last look was spent waiting for what, in thousandths."""
        shares = dict.fromkeys([*_STAGES, OTHER], 0.0)
        total = sum(self._seconds.values()) or 1.0
        for contested, seconds in self._seconds.items():
            shares[contested[-1] if contested else OTHER] += seconds / total
        transfers, shares[Bound.NETWORK] = shares[Bound.NETWORK], 0.0
        for bound, seconds in self._transfers.items():
            shares[bound] += transfers * seconds / (sum(self._transfers.values()) or 1.0)
        return {str(name): round(share, 3) for name, share in shares.items()}


def _verdict(level: int, *, has_work_before: bool) -> bool | None:
    """Whether a stage is the limit of those before it (True) or keeps up with them; None: not known yet."""
    if has_work_before:
        return None if level == _FULL else False
    return True if level else None
