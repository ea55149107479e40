"""Define the request to fetch an asset, and its two results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from xharchive.archive_path import ArchivePath
from xharchive.download.file_checks import Proof
from xharchive.download.stream_to_file import Body
from xharchive.images import DecodedImage, DecodeStatus, ThumbnailFolder
from xharchive.manifest import RefusedCandidate
from xharchive.models import Asset, Candidate, NoteId


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Name an asset to fetch, its candidates and its temporary files.

    Args:
        part: Path of the file during download.
        derivative: Path of the converted picture.
        begun: An earlier run may have left a part file.
        small: Folder for a thumbnail; None for no thumbnail.
        held: SHA-256 of the doubtful file that an earlier run archived, "" if there is none. If a host sends
            the same bytes again, the fetcher stops.
    """

    note: NoteId
    asset: Asset
    candidates: Sequence[Candidate]
    part: ArchivePath
    derivative: ArchivePath
    begun: bool = True
    small: ThumbnailFolder | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class FetchResult:
    """Describe a verified file at `part` of the request.

    Args:
        host: Host that sent the bytes, after redirects.
        url_path: Path that the bytes came from, after redirects, without query and signature.
        at: End of the download.
        upload: The uploaded picture at `undecoded_path(part)`, a complete file that no decoder here reads.
            Then the verified file is a lesser rendition that shows it.
    """

    candidate: Candidate
    host: str
    url_path: str
    body: Body
    proof: Proof
    picture: DecodedImage | None
    at: datetime
    refused: tuple[RefusedCandidate, ...] = ()
    upload: "FetchResult | None" = None

    @property
    def is_acceptable(self) -> bool:
        """Whether no other candidate need be tried.

        A picture that is too large to decode here, or that crashed a decoder, is accepted. Its file is
        complete, and an original is worth more than a smaller rendition.
        """
        accepted_undecoded = (DecodeStatus.TOO_LARGE, DecodeStatus.DIED)
        return not self.proof.problem or (
            self.picture is not None and self.picture.verdict in accepted_undecoded
        )


@dataclass(frozen=True, slots=True)
class FetchFailure:
    """Explain why no candidate gave the asset.

    Args:
        reason: Code of the most informative failure.
        detail: The same as a sentence.
        expired: The hosts refuse all URLs of the reply as expired. A new reply may have better ones.
        guessed: The reply gave no URL, only a name to derive URLs from, and no host knows these.
    """

    reason: str
    detail: str
    tried: tuple[RefusedCandidate, ...]
    expired: bool = False
    guessed: bool = False
