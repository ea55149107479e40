"""What a worker tells about a picture: values, and the JSON form in which they cross the process border."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from xharchive import media
from xharchive.archive_path import ArchivePath
from xharchive.media import Format

__all__ = ["Derivative", "Picture", "Small", "Verdict", "from_json", "not_decoded", "to_json"]

_FORMATS = {known.name: known for known in (media.JPEG, media.PNG, media.WEBP, media.AVIF)}


class Verdict(StrEnum):
    """What came of decoding a picture in full."""

    DECODED = "decoded"
    UNREADABLE = "unreadable"
    """The decoder refused the bytes: the file is damaged, cut, or no picture."""
    TOO_LARGE = "too-large"
    """More pixels or more memory than the options allow; nothing was decoded."""
    DIED = "died"
    """The worker crashed, was killed, or ran into a time limit on this picture."""


@dataclass(frozen=True, slots=True)
class Derivative:
    """A picture file made from an original.

    Width and height are pixels as shown (upright), `size` is bytes. `tool` and `settings` say how it was
    made, `lost` names what the original has and this file has not, as short stable words.
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
class Picture:
    """What a full decode told. Numbers are 0 unless the verdict is DECODED (or the size is the reason).

    `detail` is one short sentence without paths: why there is no decode, or why there is no derivative
    although one was asked for. Width and height are as shown: `orientation`, EXIF's number, is how the
    decoded pixels are turned for that. A HEIF's pixels are upright when they are decoded.
    """

    verdict: Verdict
    detail: str = ""
    width: int = 0
    height: int = 0
    derivative: Derivative | None = None
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class Small:
    """Where a small WebP of a picture goes, and the box that it has to fit into, in pixels."""

    path: ArchivePath
    width: int
    height: int


def not_decoded(verdict: Verdict, detail: str, width: int = 0, height: int = 0) -> Picture:
    """Return the picture of a file whose pixels stay unknown."""
    return Picture(verdict, detail, width, height)


def to_json(picture: Picture) -> dict[str, Any]:
    """Return the picture as plain JSON values; formats are named."""
    values = asdict(picture)
    if picture.derivative is not None:
        values["derivative"]["format"] = picture.derivative.format.name
    return values


def from_json(values: dict[str, Any]) -> Picture:
    """Read back what `to_json` made; every value is checked, for a broken worker may say anything.

    Raises:
        ValueError, TypeError, KeyError: the values are not of `to_json`'s making.
    """
    made = values["derivative"]
    return Picture(
        verdict=Verdict(values["verdict"]),
        detail=str(values["detail"])[:200],
        width=int(values["width"]),
        height=int(values["height"]),
        derivative=None if made is None else _derivative(made),
        orientation=int(values.get("orientation", 1)),
    )


def _derivative(values: dict[str, Any]) -> Derivative:
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
