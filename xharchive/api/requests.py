"""What is asked in a call, within which limits, and the errors of a question without an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xharchive.api.rate_limit import Rate
from xharchive.errors import NoteFailed, ReplyUnusable
from xharchive.replies import CutOff
from xharchive.retry import RetryPolicy

__all__ = ["CallOptions", "NoReply", "Question", "Unanswered"]


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How often to ask again, how many calls at once, and how many at all.

    `patience` is how many seconds an interrupted run waits for the answers of calls that are under way.
    `rate` keeps them apart, those of all stages of a run; None: they go out as fast as others come back.
    `max_calls` is the budget of the run, in calls sent; None: no limit. `spent` of it went to an earlier
    stage of the run; `refused` says why that stage may make no more calls, and neither may this one.
    `cut_off` names, as subject and endpoint, the calls of earlier runs that may have been billed and must not
    be made again.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    api_jobs: int = 3
    patience: float = 4.0
    rate: Rate | None = None
    max_calls: int | None = None
    spent: int = 0
    refused: str = ""
    cut_off: CutOff = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What one call asks: the endpoint's name and path, its parameters, and whom it is about.

    `about` stands in the ledger: a note's id, or the name of a listing's page. The reply is kept under the
    name `kept_as`. `identifier` says in words what the API may call not valid.
    """

    endpoint: str
    path: str
    parameters: Mapping[str, str]
    about: str
    kept_as: str
    identifier: str = "the note id"


class Unanswered(ReplyUnusable):
    """No usable answer from one endpoint after all retries; nothing was kept."""


class NoReply(NoteFailed):
    """The API's host sent no reply to a call; its other endpoints are not asked about the same."""
