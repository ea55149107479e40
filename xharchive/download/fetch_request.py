"""What is asked of the fetcher, and how it ends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from xharchive.archive_path import ArchivePath
from xharchive.download.file_checks import Proof
from xharchive.download.stream_to_file import Body
from xharchive.images import Picture, Small
from xharchive.manifest import Refusal
from xharchive.models import Asset, Candidate, NoteId

__all__ = ["Fetched", "Order", "Unfetched"]


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch and where to put it: `part` while it arrives, `derivative` for a converted picture.

    `begun`: an earlier run may have left something of the part. `small` says where a small version of what
    is converted goes, given the original's SHA-256; None where none is wanted.

    `held` is the SHA-256 of a file that an earlier run kept although it is not what the reply declares, "" if
    there is none: should a host give the same bytes again, no other is asked.
    """

    note: NoteId
    asset: Asset
    candidates: Sequence[Candidate]
    part: ArchivePath
    derivative: ArchivePath
    begun: bool = True
    small: Callable[[str], Small] | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A verified body in `order.part`, and what else is known of it.

    `upload` is the uploaded picture that lies at `unread_place(order.part)`: whole as a file, but no decoder
    here reads it. Then the body is what shows it, a lesser rendition. `host` and `url_path` name where
    the bytes came from, which a redirect may have changed.
    """

    candidate: Candidate
    host: str
    url_path: str
    body: Body
    proof: Proof
    picture: Picture | None
    at: datetime
    refused: tuple[Refusal, ...] = ()
    upload: "Fetched | None" = None


@dataclass(frozen=True, slots=True)
class Unfetched:
    """No candidate gave the asset: the word of the most telling failure, a sentence, what was tried.

    `expired`: the addresses that the reply gave are refused as past their time; a new reply may have better.
    `guessed`: the reply gave none, only a name that we made addresses of, and no host knows them.
    """

    reason: str
    detail: str
    tried: tuple[Refusal, ...]
    expired: bool = False
    guessed: bool = False
