"""Every deliberate error, by what its catcher does next.

    XharchiveError
    ├── UsageError            ABORT  wrong input or settings                        exit 2
    ├── Refused               ABORT  token, permission, quota, balance, budget      exit 4
    ├── ArchiveError          ABORT  the local disk or archive: full, locked, broken  exit 5
    │   └── NotPermitted      SKIP   this user may not read or write one file or folder
    ├── NetworkError                 raised by transport; the stage that asked gives it its meaning
    │   ├── ConnectionFailed  RETRY  no connection, or it broke before an answer
    │   │   └── ProxyFailed   RETRY  the proxy cannot be used, whatever the target
    │   ├── BodyCut           NEXT   the answer began and did not arrive whole
    │   ├── Stalled           NEXT   nothing came for as long as the time-out allows
    │   │   └── TooLittle     NEXT   the body came, but at less than the least rate
    │   ├── BadAnswer         NEXT   an answer that breaks HTTP or our limits
    │   │   └── ReplyTooLarge NEXT   a reply of the API that is larger than we accept
    │   └── Forbidden         NEXT   an address or redirect that our borders refuse
    ├── CandidateFailed       NEXT   this URL does not give the asset; the next one may
    ├── ReplyUnusable         NEXT   this endpoint does not know the note; the next one may
    └── NoteFailed            SKIP   this note is given up, the run goes on

RETRY: the same place again after a wait. NEXT: the next candidate or endpoint. SKIP: give this asset or note
up and go on. ABORT: everything later would fail too.
"""

from enum import Enum, IntEnum

__all__ = [
    "ArchiveError",
    "BadAnswer",
    "BodyCut",
    "CandidateFailed",
    "ConnectionFailed",
    "ExitCode",
    "Forbidden",
    "NetworkError",
    "NotPermitted",
    "NoteFailed",
    "ProxyFailed",
    "Recovery",
    "Refused",
    "ReplyTooLarge",
    "ReplyUnusable",
    "Stalled",
    "Terminated",
    "TooLittle",
    "UsageError",
    "XharchiveError",
]


class Recovery(Enum):
    """What the catcher of an error does next."""

    RETRY = "retry"
    NEXT = "next"
    SKIP = "skip"
    ABORT = "abort"


class ExitCode(IntEnum):
    """The exit codes: docs/architecture.md#exit-codes."""

    OK = 0
    BUG = 1
    USAGE = 2
    INCOMPLETE = 3
    REFUSED = 4
    ARCHIVE = 5
    INTERRUPTED = 130
    TERMINATED = 143


class XharchiveError(Exception):
    """The root of all deliberate errors; its text is one sentence for the user, without secrets."""

    recovery = Recovery.ABORT
    exit_code = ExitCode.BUG


class Terminated(BaseException):
    """SIGTERM came; like KeyboardInterrupt, no ordinary handler may swallow it."""


class UsageError(XharchiveError):
    """The input or a setting is wrong; nothing was asked, paid or written."""

    exit_code = ExitCode.USAGE


class Refused(XharchiveError):
    """The API will not serve this token (any more): stop paying, keep what is there."""

    exit_code = ExitCode.REFUSED


class ArchiveError(XharchiveError):
    """The archive on the local disk cannot be used or is damaged."""

    exit_code = ExitCode.ARCHIVE


class NotPermitted(ArchiveError):
    """This user may not read or write a file or folder of the archive; others may be open to them."""

    recovery = Recovery.SKIP


class NetworkError(XharchiveError):
    """Something between us and a server; never carries a URL's query."""

    recovery = Recovery.NEXT
    exit_code = ExitCode.INCOMPLETE


class ConnectionFailed(NetworkError):
    """No connection, or it broke before an answer; `sent` if the request may have arrived."""

    recovery = Recovery.RETRY

    def __init__(self, detail: str, *, sent: bool = False) -> None:
        super().__init__(detail)
        self.sent = sent


class ProxyFailed(ConnectionFailed):
    """The proxy cannot be used, whatever the target; nothing was sent."""


class BodyCut(NetworkError):
    """The body ended before it was whole."""


class Stalled(NetworkError):
    """The answer or its body did not come within the time-out."""


class TooLittle(Stalled):
    """A body brought fewer bytes than the least rate demands."""


class BadAnswer(NetworkError):
    """An answer that breaks HTTP, or is larger than we accept."""


class ReplyTooLarge(BadAnswer):
    """A reply of the API that is larger than we accept; `beginning` is as much of it as we do."""

    def __init__(self, detail: str, beginning: bytes) -> None:
        super().__init__(detail)
        self.beginning = beginning


class Forbidden(NetworkError):
    """A host, address or redirect outside the allowed borders; nothing was sent there."""


class CandidateFailed(XharchiveError):
    """One URL did not give the asset. `reason` is a short stable word, the text says more."""

    recovery = Recovery.NEXT
    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class ReplyUnusable(XharchiveError):
    """A reply that holds no usable note. `reason` is a short stable word, the text says more."""

    recovery = Recovery.NEXT
    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class NoteFailed(XharchiveError):
    """One note is given up in this run. `reason` is a short stable word, the text says more."""

    recovery = Recovery.SKIP
    exit_code = ExitCode.INCOMPLETE

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
