"""Every deliberate error, with what its catcher does next.

    XharchiveError
    ├── UsageError            ABORT  wrong input or settings; nothing was sent or paid  exit 2
    ├── Refused               ABORT  token, permission, quota, balance or budget        exit 4
    ├── ArchiveError          ABORT  the local disk or archive: full, locked, damaged   exit 5
    │   └── PermissionDenied  SKIP   this user may not read or write one file or folder
    ├── NetworkError                 raised by `http`; the stage that sent the request decides
    │   ├── ConnectionFailed  RETRY  no connection, or it broke before a response
    │   │   └── ProxyFailed   RETRY  the proxy cannot be used, whatever the target
    │   ├── IncompleteBody    NEXT   the body ended before its declared end
    │   ├── Stalled           NEXT   no data within the time-out
    │   │   └── BelowMinimumRate  NEXT  the body came more slowly than the minimum rate
    │   ├── BadResponse       NEXT   a response that breaks HTTP or our limits
    │   │   └── ReplyTooLarge NEXT   a reply larger than our limit
    │   └── NotAllowed        NEXT   a host, address or redirect outside the allow-list; nothing was sent
    └── Failure                      one thing failed, for a reason
        ├── CandidateFailed   NEXT   this URL does not give the asset; the next one may
        ├── ReplyUnusable     NEXT   this endpoint does not have the note; the next one may
        └── NoteFailed        SKIP   this note failed; the run continues

RETRY: the same target again after a wait. NEXT: the next candidate or endpoint. SKIP: give this asset or note
up and continue. ABORT: end the run, because everything later would fail too.

The drawing is the rule for those who write an `except`; `tests/unit/test_errors.py` compares its tree and its
exit codes with the classes. The text of an error is one sentence for the user. It holds no secret and no
query of a URL.
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


class Terminated(BaseException):
    """SIGTERM arrived. A BaseException, as KeyboardInterrupt is, so that `except Exception` lets it pass."""


class XharchiveError(Exception):
    exit_code = ExitCode.BUG


class UsageError(XharchiveError):
    exit_code = ExitCode.USAGE


class Refused(XharchiveError):
    exit_code = ExitCode.REFUSED


class ArchiveError(XharchiveError):
    exit_code = ExitCode.ARCHIVE


class PermissionDenied(ArchiveError):
    pass


class NetworkError(XharchiveError):
    exit_code = ExitCode.INCOMPLETE


class ConnectionFailed(NetworkError):
    """`sent`: the request may have arrived, so a call may have been billed."""

    def __init__(self, detail: str, *, sent: bool = False) -> None:
        super().__init__(detail)
        self.sent = sent


class ProxyFailed(ConnectionFailed):
    pass


class IncompleteBody(NetworkError):
    pass


class Stalled(NetworkError):
    pass


class BelowMinimumRate(Stalled):
    pass


class BadResponse(NetworkError):
    pass


class ReplyTooLarge(BadResponse):
    """`beginning` has the first bytes of the reply, up to the limit."""

    def __init__(self, detail: str, beginning: bytes) -> None:
        super().__init__(detail)
        self.beginning = beginning


class NotAllowed(NetworkError):
    pass


class Failure(XharchiveError):
    """`reason` is a short stable word; the text has the details."""

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class CandidateFailed(Failure):
    pass


class ReplyUnusable(Failure):
    pass


class NoteFailed(Failure):
    pass


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
