"""Check a downloaded file before it gets its final name (promise 1); describe a request and its results.

The checks are length, declared size and digest, first bytes, structure, and for pictures a full decode. A
transfer without an error is not proof: a body without Content-Length that is cut ends without any error
(docs/reliability.md#http-client).

A good file is then compared with the size that the reply declares: a host may serve a placeholder under the
right URL. Declared sizes are sometimes wrong, so a file that differs is not rejected at once. The fetcher
tries the other candidates, then archives the best file and marks it as doubtful.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.download.part_file import FileOrigin, PartFile
from xharchive.errors import CandidateFailed
from xharchive.images import DecodedImage, DecodeStatus, ThumbnailFolder
from xharchive.integrity import Structure, parse_structure
from xharchive.manifest import RefusedCandidate
from xharchive.media import AssetKind, Family, Format
from xharchive.models import Asset, Candidate, NoteId, Quality

NOT_AS_DECLARED = "not-as-declared"
"""The reason code of a file that differs from the declared size, in a refusal or with a missing asset."""
NOT_DECODED_HERE = "not decoded here"
"""Start of the `problem` of a picture that is sound as a file, but too large to decode here."""
CONTENT_REASONS = frozenset(
    ("size-differs", "md5-differs", "not-whole", "unproven", "no-picture", "no-sound")
)
"""The reason codes of a complete transfer whose bytes are not what they should be."""

_PICTURE_KINDS = frozenset((AssetKind.IMAGE, AssetKind.COVER))
_KINDS_WITH_VIDEO = frozenset((AssetKind.VIDEO, AssetKind.LIVE))
_KINDS_WITH_SOUND = frozenset((AssetKind.SOUND, AssetKind.MUSIC))
# Encoders pad and crop to whole blocks, and scaling rounds.
_SIDE_SLACK, _SIDE_TOLERANCE = 16, 0.03
_ROUNDING = 2
# The platform trims motions after it declared their length; short ones vary most.
_MIN_FRACTION, _MIN_FRACTION_OF_LONG, _LONG_MS = 0.2, 0.5, 5_000


@dataclass(frozen=True, slots=True)
class Body:
    """Describe a complete body on disk.

    Args:
        md5: "" if the reply declares none to compare with.
        found: Format that the first bytes show.
        length_proven: The transfer itself proved that it is complete: it had a length or was chunked.
        assembled: The bytes came in more than one response.
        origin: Where the bytes came from, after redirects.
    """

    size: int
    sha256: str
    md5: str
    found: Format
    length_proven: bool
    assembled: bool = False
    origin: FileOrigin = field(default_factory=FileOrigin)


@dataclass(frozen=True, slots=True)
class Proof:
    """List the checks that a file passed, and its properties.

    Args:
        checks: Names of the checks, as in the manifest.
        problem: Why no decoder could read a picture that is complete as a file; with `is_mismatch`, how the
            file differs from what the reply declares. "" if there is no problem.
        orientation: EXIF orientation, 1 to 8.
    """

    checks: tuple[str, ...]
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    problem: str = ""
    is_mismatch: bool = False
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Name an asset to fetch, its candidates and its temporary files.

    Args:
        part: Path of the file during download.
        derivative: Path of the converted picture.
        begun: An earlier run may have left a part file.
        small: Where to put the thumbnail of the original; None for no thumbnail.
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
        at: End of the download.
        upload: The uploaded picture at `undecoded_path(part)`, a complete file that no decoder here reads.
            Then the verified file is a lesser rendition that shows it.
    """

    candidate: Candidate
    body: Body
    proof: Proof
    picture: DecodedImage | None
    at: datetime
    refused: tuple[RefusedCandidate, ...] = ()
    upload: "FetchResult | None" = None

    @property
    def content_size(self) -> int:
        """The amount of content: the pixels of a picture, the milliseconds of a video."""
        is_picture = self.body.found.family is Family.PICTURE
        return self.proof.width * self.proof.height if is_picture else self.proof.duration_ms

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


@dataclass(frozen=True, slots=True)
class CheckedBody:
    """Describe a file that passed all checks but the decode."""

    body: Body
    checks: tuple[str, ...]
    structure: Structure


def check_file(
    request: FetchRequest, candidate: Candidate, file: PartFile, found: Format, *, length_proven: bool
) -> CheckedBody:
    """Run all checks that need no decoder; remove an old derivative, so that a new one has room. Blocking.

    Raises:
        CandidateFailed: A check failed; the reason is one of `CONTENT_REASONS`.
        ArchiveError: A file cannot be read or removed.
    """
    md5 = file.md5.hexdigest() if file.md5 is not None else ""
    body = Body(file.size, file.sha256.hexdigest(), md5, found, length_proven, file.assembled, file.origin)
    with translate_os_errors("making room for a derivative"):
        request.derivative.unlink(missing_ok=True)
    structure, checks = check_structure(request.part, body, check_declared(body, candidate))
    check_content(structure, body, request.asset.slot.kind)
    return CheckedBody(body, checks, structure)


def check_declared(body: Body, candidate: Candidate) -> tuple[str, ...]:
    """Compare a body with the declared size and MD5, and return the names of the checks that were made."""
    checks = ["length"] if body.length_proven else []
    if candidate.size:
        if candidate.size != body.size:
            raise CandidateFailed(
                "size-differs", f"the reply declares {candidate.size} bytes, {body.size} arrived"
            )
        checks.append("declared-size")
    if candidate.md5:
        if candidate.md5 != body.md5:
            raise CandidateFailed("md5-differs", "the bytes are not those whose MD5 the reply declares")
        checks.append("md5")
    return tuple(checks)


def check_structure(
    path: ArchivePath, body: Body, checks: tuple[str, ...]
) -> tuple[Structure, tuple[str, ...]]:
    """Check that the file is complete; return its structure, and `checks` with the name of this check."""
    with translate_os_errors(f"reading {path.name}"), path.open() as file:
        structure = parse_structure(file, body.found)
    # Some encoders omit the end mark. Then the length of the transfer must prove that the file is complete.
    lacks_only_end_mark = structure.lacks_end_marker and "length" in checks
    if not (structure.whole or lacks_only_end_mark):
        raise CandidateFailed("not-whole", f"the {body.found.name} file is not whole: {structure.problem}")
    if not checks and not structure.proves_length:
        raise CandidateFailed("unproven", "nothing tells whether the whole file arrived")
    return structure, (*checks, "structure")


def check_content(structure: Structure, body: Body, kind: AssetKind) -> None:
    """Check that a video has pictures and a sound file has sound. A complete container can be empty."""
    name = body.found.name
    if kind in _KINDS_WITH_VIDEO and not structure.has_video:
        raise CandidateFailed("no-picture", f"the {name} file has no picture track with samples")
    if kind in _KINDS_WITH_SOUND and not structure.has_audio:
        raise CandidateFailed("no-sound", f"the {name} file has no sound track with samples")


def check_picture(picture: DecodedImage, checks: tuple[str, ...], *, lacks_end_marker: bool = False) -> Proof:
    """Judge the result of a decode. A picture that no decoder reads may still be a complete file.

    Raises:
        CandidateFailed: The file lacks its end mark, and the decoder reports more missing bytes.
    """
    if lacks_end_marker and picture.verdict is DecodeStatus.UNREADABLE:
        raise CandidateFailed("not-whole", f"the file has no end mark, and {picture.detail}")
    if picture.verdict is DecodeStatus.DECODED:
        sides = picture.width, picture.height
        return Proof((*checks, "decoded"), *sides, orientation=picture.orientation)
    problem = picture.detail
    if picture.verdict is DecodeStatus.TOO_LARGE:
        problem = f"{NOT_DECODED_HERE}: {problem}"
    return Proof(checks, picture.width, picture.height, problem=problem)


def mismatch(asset: Asset, candidate: Candidate, width: int, height: int, duration_ms: int) -> str:
    """Return a sentence on how a file differs from what the reply declares, or "" if it fits.

    Compares only what both sides state; 0 means unknown. An uploaded picture must have at least the declared
    sides. A transcode must have their ratio. Width and height may be swapped, because pictures may be
    rotated. A video must not be far shorter than the shortest declared duration. Its sides are not compared:
    renditions and uploads are rotated and cropped, and no reply says so.
    """
    kind = asset.slot.kind
    if kind in _KINDS_WITH_VIDEO:
        lengths = [length for length in (asset.duration_ms, candidate.duration_ms) if length]
        shortest = min(lengths, default=0)
        fraction = _MIN_FRACTION_OF_LONG if shortest - duration_ms > _LONG_MS else _MIN_FRACTION
        if 0 < duration_ms < shortest * fraction:
            declared, found = max(lengths) / 1000, duration_ms / 1000
            return f"the reply declares {declared:.1f} s, this is {found:.1f} s"
    if not (kind in _PICTURE_KINDS and width and height and asset.width and asset.height):
        return ""
    fits = _has_sides if candidate.quality is Quality.ORIGINAL else same_shape
    if fits((width, height), (asset.width, asset.height)):
        return ""
    return f"the reply declares {asset.width}x{asset.height}, this is {width}x{height}"


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes have the same ratio of width to height, possibly rotated."""
    return any(_same_ratio(*one, sides) for sides in (other, other[::-1]))


def _has_sides(found: tuple[int, int], declared: tuple[int, int]) -> bool:
    """Return whether a picture has at least the declared sides, sorted because it may be rotated."""
    pairs = zip(sorted(found), sorted(declared), strict=True)
    return all(side >= wanted - max(_SIDE_SLACK, wanted * _SIDE_TOLERANCE) for side, wanted in pairs)


def _same_ratio(width: int, height: int, other: tuple[int, int]) -> bool:
    pairs = ((height, width * other[1] / other[0]), (width, height * other[0] / other[1]))
    return any(abs(side - scaled) <= max(_ROUNDING, side * _SIDE_TOLERANCE) for side, scaled in pairs)
