"""What a run waited for, told from who had work at which time; the clock is the test's."""

from collections.abc import Mapping

import pytest

from xharchive.bottleneck import Bottleneck, Machine, Stage, Usage

API, NETWORK, CPU, DISK = Stage
PLACES = {API: 2, NETWORK: 4, CPU: 2, DISK: 2}


class Played:
    """A run that is played: at each step every stage has so much work for so many seconds."""

    def __init__(self) -> None:
        self.now = 100.0
        self.bounds = Bottleneck(PLACES, Machine(cores=2, writers=2), lambda: self.now)
        self._work: dict[Stage, int] = dict.fromkeys(Stage, 0)

    def step(self, seconds: float, **work: int) -> None:
        """Let stages have work for so long; who is not named has none."""
        for stage in Stage:
            wanted = work.get(stage.value, 0)
            self.bounds.counter_of(stage)(wanted - self._work[stage])
            self._work[stage] = wanted
        self.now += seconds

    def shares(self, use: Usage | None = None) -> Mapping[str, float]:
        self.step(0)
        self.bounds.sample(use or Usage())
        return {name: share for name, share in self.bounds.shares().items() if share}


@pytest.fixture
def played() -> Played:
    """A run that has not begun."""
    return Played()


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("work", [1, 9])
def test_a_stage_that_alone_has_work_is_what_the_run_waits_for(
    played: Played, stage: Stage, work: int
) -> None:
    """However much it has."""
    played.step(10, **{stage.value: work})
    assert played.shares() == {stage: 1}


def test_where_nobody_has_work_nothing_is_said_to_have_been_waited_for(played: Played) -> None:
    """Beginning and end are the rest."""
    played.step(1)
    played.step(3, network=1)
    assert played.shares() == {"other": 0.25, NETWORK: 0.75}


def test_a_run_without_time_has_no_shares(played: Played) -> None:
    """Nothing is divided by nothing."""
    assert played.shares() == {}


def test_stages_with_room_wait_for_the_first_that_has_work(played: Played) -> None:
    """Three transfers of four, a decoder of two: more would be done if the API gave more."""
    played.step(10, api=1, network=3, cpu=1, disk=1)
    assert played.shares() == {API: 1}


def test_a_full_stage_that_gets_room_again_kept_up(played: Played) -> None:
    """A note's pictures fill the decoders at every tick of the API, and are through before the next."""
    for _ in range(10):
        played.step(0.9, api=1, network=4, cpu=8)
        played.step(0.1, api=1, network=1, cpu=1)
    assert played.shares() == {API: 1}


def test_a_full_stage_that_outlasts_those_before_it_was_the_limit_all_the_while(played: Played) -> None:
    """The decoders never had room; the API and the network were through long before."""
    played.step(1, api=1)
    played.step(3, api=1, cpu=50)
    played.step(3, network=4, cpu=90)
    played.step(3, cpu=60)
    assert played.shares() == {API: 0.1, CPU: 0.9}


def test_who_is_held_up_by_a_full_stage_is_not_the_limit(played: Played) -> None:
    """The look-ahead lets no note in while the queue of assets is deep: the run waited for the network."""
    for _ in range(5):
        played.step(0.5, api=1, network=30)
        played.step(0.5, network=30)
    played.step(5, api=1)
    assert played.shares() == {API: 0.5, NETWORK: 0.5}


def test_of_three_contestants_each_is_judged_by_those_before_it(played: Played) -> None:
    """Network and decoders were full; the decoders kept up, the network outlasted the API."""
    played.step(4, api=1, network=9, cpu=9)
    played.step(1, api=1, network=9, cpu=1)
    played.step(5, network=9, cpu=1)
    assert played.shares() == {NETWORK: 1}


def test_commits_that_pile_up_mean_the_disk(played: Played) -> None:
    """Transfers go on while commits wait for the disk, and end before them."""
    played.step(5, network=4, disk=30)
    played.step(5, disk=30)
    assert played.shares() == {DISK: 1}


def test_lulls_decide_nothing(played: Played) -> None:
    """Between two notes nobody asks for a few milliseconds: the API is not held up by that."""
    for _ in range(99):
        played.step(0.985, api=1, network=4)
        played.step(0.015, network=4)
    played.step(1, api=1)
    assert played.shares()[API] > 0.98


def test_changes_in_quick_succession_count_as_one(played: Played) -> None:
    """Thousands of changes a second cost a look at the clock each, and lose no time."""
    for _ in range(500):
        played.step(0.001, network=1)
        played.step(0.001, network=4)
    assert played.shares() == {NETWORK: 1}


@pytest.mark.parametrize(
    ("use", "bound"),
    [
        (Usage(loop=1, process=2, writers=2), NETWORK),
        (Usage(loop=9.5, process=10, writers=2), CPU),  # the event loop's thread has no room
        (Usage(loop=7, process=18.5, writers=10), CPU),  # neither core has
        (Usage(loop=1, process=2, writers=19), DISK),  # the writers have none, and do not compute
        (Usage(loop=1, process=15, writers=19), CPU),  # they hash all the time
    ],
)
def test_slow_transfers_have_a_reason_on_either_side(played: Played, use: Usage, bound: Stage) -> None:
    """Ten seconds of four transfers, judged by what the machine did meanwhile."""
    played.step(10, network=4)
    assert played.shares(use) == {bound: 1}


def test_decoders_count_where_the_cores_are_counted(played: Played) -> None:
    """One of two cores decodes, the other receives: the machine is full, although no stage is."""
    played.step(10, network=4, cpu=1)
    assert played.shares(Usage(loop=8, process=9, writers=1)) == {CPU: 1}


def test_one_transfer_keeps_one_writer_busy(played: Played) -> None:
    """A single video on a slow disk waits for one writer; the other has nothing to do."""
    played.step(10, network=1)
    assert played.shares(Usage(loop=1, process=2, writers=9.8)) == {DISK: 1}


def test_each_look_judges_its_own_time(played: Played) -> None:
    """A slow network for six seconds, a slow disk for four; what no transfer ran in does not count."""
    played.step(6, network=4)
    played.bounds.sample(Usage(loop=1, process=1, writers=1))
    played.step(4, network=4)
    played.bounds.sample(Usage(loop=1.5, process=1.5, writers=8.9))
    played.step(10, api=1)
    assert played.shares(Usage(loop=11, process=19, writers=9)) == {API: 0.5, NETWORK: 0.3, DISK: 0.2}
