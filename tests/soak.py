"""`make soak`: hundreds of kills at random moments, and whether promises 2 and 3 hold through all of them.

Prints a line an archive and the figures at the end. Exit code 1 if any promise broke; the broken archives
are kept. The seed settles plans and fractions; what a moment falls on is the machine's, so a breach may take
several runs of its archive to come again.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from statistics import mean
from threading import Lock

from support.faulty_mirrors import draw_plan
from support.kill_loop import Figures, Twin, killed_archive, undisturbed

from xharchive.demo.world import DemoWorld

_ARCHIVES_A_PLAN = 4
_FEWEST_KILLS, _MOST_KILLS = 4, 12
_SIDE_BY_SIDE = 2


class Soak:
    """Takes one plan after another, two at a time, until there were enough kills."""

    def __init__(self, kills: int, seed: int, folder: Path) -> None:
        self._kills = kills
        self._seed = seed
        self._folder = folder
        self._world = DemoWorld()
        self._numbers = count(1)
        self._began = time.monotonic()
        self._telling = Lock()
        self._wasted: list[float] = []
        self._quick = Figures()
        self._one_at_once = Figures()
        self.figures = Figures()

    def run(self) -> None:
        """Kill until it is enough."""
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:
            for done in [threads.submit(self._plans) for _ in range(_SIDE_BY_SIDE)]:
                done.result()

    def _plans(self) -> None:
        while self._left() > 0:
            number = next(self._numbers)
            random = Random(f"{self._seed}/{number}")  # noqa: S311 - to be had again, not secret
            plan = draw_plan(random, tuple(self._world.notes))
            folder = self._folder / str(number)
            folder.mkdir()
            twin = undisturbed(self._world, plan, folder / "twin")
            with self._telling:
                self._wasted.append(twin.served / twin.needed if twin.needed else 1.0)
            broken = 0
            for place in range(_ARCHIVES_A_PLAN):
                if self._left() > 0:
                    broken += self._archive(f"{number}.{place + 1}", twin, folder / str(place + 1), random)
            if not broken:
                shutil.rmtree(folder)

    def _left(self) -> int:
        return self._kills - self.figures.kills

    def _archive(self, name: str, twin: Twin, archive: Path, random: Random) -> int:
        """Go through one archive and tell of it; return how many promises it broke."""
        most = random.randint(_FEWEST_KILLS, _MOST_KILLS)
        one = killed_archive(self._world, twin, archive, random, most)
        with self._telling:
            self.figures.add(one)
            if twin.plan.calls_are_quick:
                self._quick.add(one)
            if twin.plan.calls_at_once == 1:
                self._one_at_once.add(one)
            _say(
                f"archive {name}: {len(twin.plan.notes)} notes, {one.kills} kills, "
                f"{one.kills_in_calls} in calls, {one.calls_too_many} calls again, waste {one.waste[0]:.2f}; "
                f"{self.figures.kills} of {self._kills} kills after {time.monotonic() - self._began:.0f} s"
            )
            for breach in one.breaches:
                _say(f"  BROKEN {breach.kind}: {breach.detail}")
            if one.breaches:
                _say(f"  kept in {archive}; {twin.plan}")
        return len(one.breaches)

    def report(self) -> None:
        """Print the figures."""
        total = self.figures
        kinds = Counter(breach.kind for breach in total.breaches)
        _say(f"kills            {total.kills} in {total.archives} archives; {total.kills_in_calls} in calls")
        _say(f"corrupt files    {kinds['corrupt']}")
        _say(f"lying manifests  {kinds['lying']}")
        _say(f"lost notes       {kinds['lost']}")
        _say(f"API calls        {total.calls}, of these {total.calls_too_many} again that a kill interrupted")
        one = self._one_at_once
        _say(f"  one at once    {one.calls_too_many} again, {one.kills_in_calls} kills fell into a call")
        _say(f"  quick API      {self._quick.calls_too_many} again in {self._quick.kills} kills")
        _say(f"  without excuse {kinds['paid']}; on record and never sent: {total.unsent}")
        _say(f"bytes served     {mean(total.waste):.2f} of the undisturbed, {max(total.waste):.2f} at worst")
        _say(f"  by the kills   {total.bytes_again / max(1, total.kills) / 1024:.0f} KiB again a kill")
        _say(f"  undisturbed    {mean(self._wasted):.2f} of those needed: the faults' part")
        _say(f"seconds          {time.monotonic() - self._began:.0f}, seed {self._seed}")
        _say(f"broken promises  {kinds.total()} {dict(kinds) or ''}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Soak; return the exit code."""
    parser = argparse.ArgumentParser(description="kill archives at random moments")
    parser.add_argument("--kills", type=int, default=500, help="how many kills (default: 500)")
    parser.add_argument("--seed", type=int, default=1, help="of plans and moments (default: 1)")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="xharchive-soak-"))
    soak = Soak(arguments.kills, arguments.seed, folder)
    soak.run()
    soak.report()
    if soak.figures.breaches:
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
