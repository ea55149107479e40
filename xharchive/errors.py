"""Every deliberate error, with what its catcher does next.

    XharchiveError
    ├── UsageError            ABORT  wrong input or settings                           exit 2
    ├── Refused               ABORT  token, permission, quota, balance or budget       exit 4
    ├── ArchiveError          ABORT  the local disk or archive: full, locked, damaged  exit 5
    │   └── PermissionDenied      SKIP   this user may not read or write one file or folder
    ├── NetworkError                 raised by `http`; the stage that sent the request decides
    │   ├── ConnectionFailed  RETRY  no connection, or it broke before a response
    │   │   └── ProxyFailed   RETRY  the proxy cannot be used, whatever the target
    │   ├── IncompleteBody           NEXT   the body ended too early
    │   ├── Stalled           NEXT   no data within the time-out
    │   │   └── BelowMinimumRate     NEXT   the body came more slowly than the minimum rate
    │   ├── BadResponse         NEXT   a response that breaks HTTP or our limits
    │   │   └── ReplyTooLarge NEXT   a reply larger than our limit
    │   └── NotAllowed         NEXT   a host, address or redirect outside the allow-list
    ├── CandidateFailed       NEXT   this URL does not give the asset; the next one may
    ├── ReplyUnusable         NEXT   this endpoint does not have the note; the next one may
    └── NoteFailed            SKIP   this note failed; the run continues

RETRY: the same target again after a wait. NEXT: the next candidate or endpoint. SKIP: give this asset or note
up and continue. ABORT: end the run, because everything later would fail too.

The drawing is the rule for those who write an `except`; `tests/unit/test_errors.py` compares its tree and its
exit codes with the classes.
"""

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the program (docs/architecture.md#exit-codes)."""

    OK = 0
    BUG = 1
    USAGE = 2
    INCOMPLETE = 3
    REFUSED = 4
    ARCHIVE = 5
    INTERRUPTED = 130
    TERMINATED = 143


class XharchiveError(Exception):
    """The root of all deliberate errors. Its text is one sentence for the user and holds no secret."""

    exit_code = ExitCode.BUG


class Terminated(BaseException):
    """SIGTERM arrived. A BaseException, as KeyboardInterrupt is, so that `except Exception` lets it pass."""


class UsageError(XharchiveError):
    """The input or a setting is wrong. The program sent, paid and wrote nothing."""

    exit_code = ExitCode.USAGE


class Refused(XharchiveError):
    """The API refuses further calls for this token, or the budget is spent. Files and replies stay."""

    exit_code = ExitCode.REFUSED


class ArchiveError(XharchiveError):
    """The archive on the local disk cannot be used, or is damaged."""

    exit_code = ExitCode.ARCHIVE


class PermissionDenied(ArchiveError):
    """This user may not read or write one file or folder of the archive. Others may be accessible."""


class NetworkError(XharchiveError):
    """A fault between this program and a server. The text never has the query of a URL."""

    exit_code = ExitCode.INCOMPLETE


class ConnectionFailed(NetworkError):
    """There is no connection, or it broke before a response.

    `sent`: the request may have arrived, so a call may have been billed.
    """

    def __init__(self, detail: str, *, sent: bool = False) -> None:
        super().__init__(detail)
        self.sent = sent


class ProxyFailed(ConnectionFailed):
    """The proxy cannot be used, whatever the target. The request was not sent."""


class IncompleteBody(NetworkError):
    """The body ended before its declared end."""


class Stalled(NetworkError):
    """The response, or more of its body, did not come within the time-out."""


class BelowMinimumRate(Stalled):
    """The body came more slowly than the minimum rate."""


class BadResponse(NetworkError):
    """The response breaks HTTP, or is larger than our limit."""


class ReplyTooLarge(BadResponse):
    """A reply of the API is larger than our limit. `beginning` has its first bytes, up to the limit."""

    def __init__(self, detail: str, beginning: bytes) -> None:
        super().__init__(detail)
        self.beginning = beginning


class NotAllowed(NetworkError):
    """A host, address or redirect is outside the allow-list. The request was not sent."""


class CandidateFailed(XharchiveError):
    """One URL did not give the asset. `reason` is a short stable word; the text has the details."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ReplyUnusable(XharchiveError):
    """A reply has no usable note. `reason` is a short stable word; the text has the details."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class NoteFailed(XharchiveError):
    """One note failed in this run. `reason` is a short stable word; the text has the details."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def first_error(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return one error of a TaskGroup: the first deliberate one (`XharchiveError`), else the first one."""
    flat = list(_flat(errors))
    return next((error for error in flat if isinstance(error, XharchiveError)), flat[0])


def _flat(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _flat(inner)
    else:
        yield error
