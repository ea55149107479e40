"""What a body must prove before it gets its final name (promise 1).

Length, declared size and digest, first bytes, structure, and for pictures a full decode. "No exception" is
not "complete": a body that was cut without a Content-Length arrives without any error
(docs/reliability.md#http-client).
"""

from dataclasses import dataclass

from xharchive.archive_path import ArchivePath
from xharchive.disk import ours
from xharchive.download.stream_to_file import Body
from xharchive.errors import CandidateFailed
from xharchive.images import Picture, Verdict
from xharchive.integrity import Structure, examine
from xharchive.media import AssetKind
from xharchive.models import Candidate

__all__ = [
    "NOT_DECODED_HERE",
    "Checked",
    "Proof",
    "Rejected",
    "check_content",
    "check_declared",
    "check_file",
    "check_picture",
    "check_structure",
]


NOT_DECODED_HERE = "not decoded here"
"""How the problem of a picture begins that is sound as a file, and only too large for us to decode."""


_SEEN = frozenset((AssetKind.VIDEO, AssetKind.LIVE))
_HEARD = frozenset((AssetKind.SOUND, AssetKind.MUSIC))


@dataclass(frozen=True, slots=True)
class Proof:
    """What was verified, in the manifest's words, and what the file says of itself.

    `problem` is not empty for a picture that is whole as a file and that no decoder here could read. With
    `misfit` it says instead how the file differs from what the reply declares.
    """

    checks: tuple[str, ...]
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    problem: str = ""
    misfit: bool = False
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that is what the reply declares and whole by its own structure; the checks by name."""

    body: Body
    checks: tuple[str, ...]
    structure: Structure


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that arrived and is not what it should be."""

    body: Body
    problem: CandidateFailed


def check_file(path: ArchivePath, candidate: Candidate, body: Body, kind: AssetKind) -> Checked | Rejected:
    """Check a file that arrived for an asset of this kind, without a decoder. Blocking: call it off the loop.

    Raises:
        ArchiveError: the file cannot be read.
    """
    try:
        structure, checks = check_structure(path, body, check_declared(body, candidate))
        check_content(structure, body, kind)
    except CandidateFailed as problem:
        return Rejected(body, problem)
    return Checked(body, checks, structure)


def check_declared(body: Body, candidate: Candidate) -> tuple[str, ...]:
    """Compare with what the reply declares for exactly this file; return the checks that were made.

    Raises:
        CandidateFailed: the size or the MD5 differs.
    """
    checks = ["length"] if body.announced else []
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
    """Walk the file's own structure; return it and the checks so far. Blocking: call it off the loop.

    Raises:
        CandidateFailed: the structure shows that bytes are missing, or nothing at all proves that none are.
        ArchiveError: the file cannot be read.
    """
    with ours(f"reading {path.name}"), path.open() as file:
        structure = examine(file, body.found)
    # Some writers leave the end mark out. Then the announced length has to prove that the file arrived.
    only_the_end = structure.lacks_end_mark and "length" in checks
    if not (structure.whole or only_the_end):
        raise CandidateFailed("not-whole", f"the {body.found.name} file is not whole: {structure.problem}")
    if not checks and not structure.proves_length:
        raise CandidateFailed("unproven", "nothing tells whether the whole file arrived")
    return structure, (*checks, "structure")


def check_content(structure: Structure, body: Body, kind: AssetKind) -> None:
    """Check that a film has pictures and a sound has sound: a container can be whole without a sample.

    Raises:
        CandidateFailed: it has none.
    """
    name = body.found.name
    if kind in _SEEN and not structure.has_pictures:
        raise CandidateFailed("no-picture", f"the {name} file has no picture track with samples")
    if kind in _HEARD and not structure.has_sound:
        raise CandidateFailed("no-sound", f"the {name} file has no sound track with samples")


def check_picture(picture: Picture, checks: tuple[str, ...], *, lacks_end_mark: bool = False) -> Proof:
    """Judge a decode: a picture that no decoder reads may still be whole as a file; the proof says why.

    Raises:
        CandidateFailed: the file lacks its end mark, and as the decoder says, more than that.
    """
    if lacks_end_mark and picture.verdict is Verdict.UNREADABLE:
        raise CandidateFailed("not-whole", f"the file has no end mark, and {picture.detail}")
    if picture.verdict is Verdict.DECODED:
        sides = picture.width, picture.height
        return Proof((*checks, "decoded"), *sides, orientation=picture.orientation)
    problem = picture.detail
    if picture.verdict is Verdict.TOO_LARGE:
        problem = f"{NOT_DECODED_HERE}: {problem}"
    return Proof(checks, picture.width, picture.height, problem=problem)
