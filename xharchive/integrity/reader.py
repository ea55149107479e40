"""Read exact byte ranges of a file for the structure checks, and define their result and their error."""

from dataclasses import dataclass
from typing import BinaryIO, Literal

_WINDOW_BYTES = 1 << 18
_MAX_READS = 1_000_000
_MAX_ELEMENTS = 100_000


@dataclass(frozen=True, slots=True)
class Structure:
    """The result of a structure check.

    Attributes:
        whole: no bytes are missing, as far as the structure shows.
        problem: a few words if the file is not whole, else "".
        width: pixels; of an image as stored (before its orientation), of a video as shown; 0 if unknown.
        height: as `width`.
        duration_ms: milliseconds; 0 if unknown.
        codecs: codec names as the file gives them, such as `avc1` in an MP4; empty if unknown.
        proves_length: the check of this format notices any missing byte at the end.
        has_video: a video track has samples. Always False for an image format.
        has_audio: an audio track has samples. Always False for an image format.
        lacks_end_marker: perhaps only the end marker is missing, which a decoder can tell.
    """

    whole: bool
    problem: str = ""
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    codecs: tuple[str, ...] = ()
    proves_length: bool = True
    has_video: bool = False
    has_audio: bool = False
    lacks_end_marker: bool = False


class StructureError(Exception):
    """The structure is damaged or cut. The text is the problem in a few words."""


class FileReader:
    """Reads exact byte ranges of a file, buffered, so that small reads are cheap.

    The number of reads and of elements is limited per file: a check of a hostile file ends soon. All methods
    raise StructureError where the file ends early or a limit is reached.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self._reads_left = _MAX_READS
        self._elements_left = _MAX_ELEMENTS
        self._start = 0
        self._window = b""

    def read_at(self, at: int, length: int) -> bytes:
        """Return exactly `length` bytes from offset `at`."""
        if at + length > self.size:
            raise StructureError("the file ends too early")
        self._reads_left -= 1
        if self._reads_left < 0:
            raise StructureError("the file has too many parts")
        if not self._start <= at <= at + length <= self._start + len(self._window):
            self._file.seek(at)
            self._start, self._window = at, self._file.read(max(length, _WINDOW_BYTES))
        return self._window[at - self._start : at - self._start + length]

    def read_uint(self, at: int, length: int, order: Literal["big", "little"] = "big") -> int:
        """Return `length` bytes from offset `at` as an unsigned number."""
        return int.from_bytes(self.read_at(at, length), order)

    def count_element(self) -> None:
        """Count one chunk, block or segment."""
        self._elements_left -= 1
        if self._elements_left < 0:
            raise StructureError("the file has too many parts")

    def expect(self, at: int, signature: bytes) -> None:
        """Raise StructureError unless the file has these bytes at offset `at`."""
        if self.read_at(at, len(signature)) != signature:
            raise StructureError("the first bytes are another format's")
