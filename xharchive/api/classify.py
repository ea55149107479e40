"""What a call came to: the reply it brought, its bill, and what to do next. Pure."""

from dataclasses import dataclass, replace

from xharchive.errors import BadAnswer, ConnectionFailed, Forbidden, NetworkError
from xharchive.http import Answer
from xharchive.parsers import Envelope
from xharchive.replies import Billed
from xharchive.status_codes import Action, Meaning, meaning_of_code, meaning_of_status

__all__ = ["Judged", "judge", "judge_trouble"]


@dataclass(frozen=True, slots=True)
class Judged:
    """How one call ended: the answer, its envelope if it has one, and what to make of it.

    `sent` is False if the request never left this machine.
    """

    meaning: Meaning
    answer: Answer | None = None
    envelope: Envelope | None = None
    sent: bool = True

    @property
    def replied(self) -> bool:
        """Whether this is a reply of the API: an envelope, or a status with a meaning of the API's own."""
        return self.envelope is not None or (self.answer is not None and self.billed is Billed.NO)

    @property
    def code(self) -> int | None:
        """The vendor's code, None without an envelope."""
        return self.envelope.code if self.envelope else None

    @property
    def status(self) -> int | None:
        """The HTTP status, None without an answer."""
        return self.answer.status if self.answer else None

    @property
    def billed(self) -> Billed:
        """Whether the call costs money."""
        return Billed(self.meaning.billed)

    @property
    def asked_wait(self) -> float:
        """The seconds that the API asks to wait; 0 if it does not ask."""
        return (self.answer and self.answer.retry_after) or 0.0


def judge(answer: Answer, envelope: Envelope | None, identifier: str) -> Judged:
    """Return what an answer means: by its envelope, or by its status where there is none.

    `identifier` says in words what the call asked for, as `meaning_of_code` wants it.
    """
    if envelope is None:
        return Judged(meaning_of_status(answer.status, identifier), answer)
    meaning = meaning_of_code(envelope.code, identifier)
    if meaning.action in (Action.READ, Action.STOP):
        return Judged(meaning, answer, envelope)
    said = f" (code {envelope.code}{': ' + envelope.message[:120] if envelope.message else ''})"
    return Judged(replace(meaning, words=meaning.words + said), answer, envelope)


def judge_trouble(problem: NetworkError) -> Judged:
    """Return what it means that no answer arrived.

    Whatever was sent may have been billed, so it is repeated once at most.
    """
    words = str(problem)
    if isinstance(problem, Forbidden):  # a certificate that is not valid: the request was not sent
        return Judged(Meaning(Action.FAIL, "no", words), sent=False)
    if isinstance(problem, BadAnswer):
        return Judged(Meaning(Action.FAIL, "unknown", words))
    if isinstance(problem, ConnectionFailed) and not problem.sent:
        return Judged(Meaning(Action.RETRY, "no", words), sent=False)
    return Judged(Meaning(Action.RETRY_ONCE, "unknown", words))
