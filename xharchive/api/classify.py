"""Classify how a call ended: the reply, its bill, and the next step. Pure functions."""

from dataclasses import dataclass, replace

from xharchive.api.ledger import Billed
from xharchive.api.status_codes import Action, Meaning, meaning_of_code, meaning_of_status
from xharchive.errors import BadResponse, ConnectionFailed, NetworkError, NotAllowed
from xharchive.http import ApiResponse
from xharchive.parsers import Envelope

_MAX_MESSAGE = 120  # characters of the vendor's message that an error repeats


@dataclass(frozen=True, slots=True)
class CallResult:
    """The end of one call.

    `response` and `envelope` are None if none arrived. `sent` is False if the request never left this
    machine.
    """

    meaning: Meaning
    response: ApiResponse | None = None
    envelope: Envelope | None = None
    sent: bool = True

    @property
    def has_reply(self) -> bool:
        """Whether the API replied, and not a proxy: its own JSON, or a status of docs/api.md#codes."""
        return self.envelope is not None or (self.response is not None and self.billed is Billed.NO)

    @property
    def code(self) -> int | None:
        """The vendor's code, None without an envelope."""
        return self.envelope.code if self.envelope else None

    @property
    def status(self) -> int | None:
        """The HTTP status, None without a response."""
        return self.response.status if self.response else None

    @property
    def billed(self) -> Billed:
        """Whether the call costs money."""
        return Billed(self.meaning.billed)

    @property
    def retry_after(self) -> float:
        """The seconds that the API asks to wait; 0 if it does not ask."""
        return (self.response and self.response.retry_after) or 0.0


def classify_response(response: ApiResponse, envelope: Envelope | None, identifier: str) -> CallResult:
    """Classify a response by its envelope, or by its HTTP status if it has none.

    Args:
        response: the HTTP response.
        envelope: the parsed body; None if the body is no envelope.
        identifier: describes the requested object, such as "the note id", for error messages.
    """
    if envelope is None:
        return CallResult(meaning_of_status(response.status, identifier), response)
    meaning = meaning_of_code(envelope.code, identifier)
    if meaning.action in (Action.READ, Action.STOP):
        return CallResult(meaning, response, envelope)
    message = f": {envelope.message[:_MAX_MESSAGE]}" if envelope.message else ""
    text = f"{meaning.text} (code {envelope.code}{message})"
    return CallResult(replace(meaning, text=text), response, envelope)


def classify_error(error: NetworkError) -> CallResult:
    """Classify a call without a response.

    A sent request may have been billed, so the next step is one retry at most.
    """
    text = str(error)
    if isinstance(error, NotAllowed):  # an invalid certificate: the request was not sent
        return CallResult(Meaning(Action.FAIL, "no", text), sent=False)
    if isinstance(error, BadResponse):
        return CallResult(Meaning(Action.FAIL, "unknown", text))
    if isinstance(error, ConnectionFailed) and not error.sent:
        return CallResult(Meaning(Action.RETRY, "no", text), sent=False)
    return CallResult(Meaning(Action.RETRY_ONCE, "unknown", text))
