"""Check a downloaded file before it gets its final name (promise 1).

The checks are length, declared size and digest, first bytes, structure, and for pictures a full decode. A
transfer without an error is not proof: a body without Content-Length that is cut ends without any error
(docs/reliability.md#http-client).
"""

from dataclasses import dataclass

from xharchive.archive_path import ArchivePath, translate_os_errors
from xharchive.download.stream_to_file import Body
from xharchive.errors import CandidateFailed
from xharchive.images import DecodedImage, DecodeStatus
from xharchive.integrity import Structure, parse_structure
from xharchive.media import AssetKind
from xharchive.models import Candidate

NOT_DECODED_HERE = "not decoded here"
"""Start of the `problem` of a picture that is sound as a file, but too large to decode here."""


_KINDS_WITH_VIDEO = frozenset((AssetKind.VIDEO, AssetKind.LIVE))
_KINDS_WITH_SOUND = frozenset((AssetKind.SOUND, AssetKind.MUSIC))


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
class CheckedBody:
    """Describe a file that passed all checks but the decode."""

    body: Body
    checks: tuple[str, ...]
    structure: Structure


@dataclass(frozen=True, slots=True)
class Rejected:
    """Describe a file that failed a check."""

    body: Body
    problem: CandidateFailed


def check_file(
    path: ArchivePath, candidate: Candidate, body: Body, kind: AssetKind
) -> CheckedBody | Rejected:
    """Run all checks that need no decoder on the file of one candidate. Blocking: call it in a thread.

    Raises:
        ArchiveError: The file cannot be read.
    """
    try:
        structure, checks = check_structure(path, body, check_declared(body, candidate))
        check_content(structure, body, kind)
    except CandidateFailed as problem:
        return Rejected(body, problem)
    return CheckedBody(body, checks, structure)


def check_declared(body: Body, candidate: Candidate) -> tuple[str, ...]:
    """Compare a body with the size and MD5 that the reply declares for this file.

    Returns:
        The names of the checks that were made.

    Raises:
        CandidateFailed: The size or the MD5 differs.
    """
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
    """Check the structure of a file. Blocking: call it in a thread.

    Returns:
        The structure, and `checks` with the name of this check appended.

    Raises:
        CandidateFailed: Bytes are missing, or nothing proves that the file is complete.
        ArchiveError: The file cannot be read.
    """
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
    """Check that a video has pictures and a sound file has sound. A complete container can be empty.

    Raises:
        CandidateFailed: The track or its samples are missing.
    """
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
