"""The budget of a run: calls that were sent count, attempts that never left do not."""

import asyncio

import pytest

from xharchive.api.call_limits import Budget
from xharchive.errors import Refused


async def test_without_a_limit_nothing_is_refused() -> None:
    """All calls are counted all the same."""
    budget = Budget(None, 3)
    for _ in range(5):
        await budget.reserve()
        budget.release(sent=True)
    assert (budget.spent, budget.is_spent) == (8, False)


async def test_calls_of_earlier_stages_count() -> None:
    """A listing's pages, for instance."""
    with pytest.raises(Refused, match="the budget of 2 API calls"):
        await Budget(2, 2).reserve()


@pytest.mark.parametrize("sent", [True, False])
async def test_the_last_call_under_way_decides_about_the_next(sent: bool) -> None:
    """Who comes meanwhile waits: refused if the call was sent, admitted if it never left."""
    budget = Budget(1)
    await budget.reserve()
    waiting = asyncio.create_task(budget.reserve())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    budget.release(sent=sent)
    if sent:
        with pytest.raises(Refused):
            await waiting
    else:
        await waiting
    assert budget.spent == sent
