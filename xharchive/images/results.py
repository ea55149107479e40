"""Define what the pool and its workers share: results, and their JSON that crosses the process boundary."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.media import Format

READY = b"ready\n"
"""The first line that a worker writes, once its libraries are loaded."""

_FORMATS = {known.name: known for known in (media.JPEG, media.PNG, media.WEBP, media.AVIF)}


class DecodeStatus(StrEnum):
    """How the decode of an image ended."""

    DECODED = "decoded"
    UNREADABLE = "unreadable"
    """The decoder refused the bytes: the file is damaged, cut, or no image."""
    TOO_LARGE = "too-large"
    """The image needs more pixels or memory than the options allow. It was not decoded."""
    DIED = "died"
    """The worker crashed, was killed, or reached a time limit with this image."""


@dataclass(frozen=True, slots=True)
class Derivative:
    """An image file made from an original.

    Attributes:
        format: its media format.
        width: pixels, upright.
        height: pixels, upright.
        size: bytes.
        sha256: hexadecimal digest of the file.
        tool: names and versions of the libraries that made it.
        settings: the encoder's settings.
        lost: features of the original that the derivative lacks, as short stable words such as "alpha".
    """

    format: Format
    width: int
    height: int
    size: int
    sha256: str
    tool: str
    settings: str
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """The result of a full decode.

    Attributes:
        verdict: how the decode ended.
        detail: one short sentence without paths: why the image was not decoded, or why it has no derivative
            although the request asked for one. Else "".
        width: pixels, as shown; 0 unless the image was decoded or its size is the reason for the refusal.
        height: as `width`.
        derivative: the file that was made, or None.
        orientation: EXIF orientation, 1 to 8, that turns the decoded pixels upright. It is 1 for HEIF: the
            decoder turns the pixels.
    """

    verdict: DecodeStatus
    detail: str = ""
    width: int = 0
    height: int = 0
    derivative: Derivative | None = None
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class ThumbnailTarget:
    """The path of a thumbnail (WebP), and its largest width and height in pixels."""

    path: ArchivePath
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ThumbnailFolder:
    """A folder for thumbnails named by the SHA-256 of their original, and their largest size in pixels."""

    path: ArchivePath
    width: int
    height: int

    def target(self, sha256: str) -> ThumbnailTarget:
        """Return the path of an original's thumbnail, with its largest size."""
        return ThumbnailTarget(self.path / f"{sha256}.webp", self.width, self.height)


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The worker ended without a response. `reason` is a short sentence."""

    reason: str


class WorkBudget:
    """A time budget for any number of images. The wait for a free worker does not count.

    Attributes:
        seconds: the total, by the clock.
        left: the rest of it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.left = seconds

    def spend(self, seconds: float) -> None:
        """Subtract the seconds that a worker took."""
        self.left = max(0.0, self.left - seconds)

    @property
    def is_used_up(self) -> bool:
        """Whether no time is left."""
        return self.left <= 0


def short_reason(error: Exception) -> str:
    """Return a library's error as one short printable line, without memory addresses."""
    text = str(error)
    if not text or " at 0x" in text:
        return type(error).__name__
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line[:120].strip().rstrip(".")


def to_json(picture: DecodedImage) -> dict[str, Any]:
    """Return the result as JSON values."""
    values = asdict(picture)
    if picture.derivative is not None:
        values["derivative"]["format"] = picture.derivative.format.name
    return values


def from_json(values: dict[str, Any]) -> DecodedImage:
    """Read the result from JSON values. All values are checked, because a compromised worker is untrusted.

    Raises:
        ValueError, TypeError, KeyError: `to_json` cannot have made the values.
    """
    derivative = values["derivative"]
    return DecodedImage(
        verdict=DecodeStatus(values["verdict"]),
        detail=str(values["detail"])[:200],
        width=int(values["width"]),
        height=int(values["height"]),
        derivative=None if derivative is None else _derivative_from_json(derivative),
        orientation=int(values.get("orientation", 1)),
    )


def _derivative_from_json(values: dict[str, Any]) -> Derivative:
    return Derivative(
        format=_FORMATS[values["format"]],
        width=int(values["width"]),
        height=int(values["height"]),
        size=int(values["size"]),
        sha256=str(values["sha256"]),
        tool=str(values["tool"]),
        settings=str(values["settings"]),
        lost=tuple(str(word) for word in values["lost"]),
    )
