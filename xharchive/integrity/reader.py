"""How the structure checks read: exact spans of a file, and the one way they give up."""

from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Broken", "EndMarkMissing", "Source", "Structure", "number"]

_WINDOW = 1 << 18
_MOST_READS = 1_000_000
_MOST_PARTS = 100_000


@dataclass(frozen=True, slots=True)
class Structure:
    """What the bytes' outer structure says.

    `problem` is empty when the file is whole, a few words otherwise. Width and height are pixels, of pictures
    as stored (without their orientation), of films as shown; the duration is milliseconds, `codecs` are the
    sample entries' four letters or the like; 0 and empty where the format does not tell cheaply.
    `proves_length`: a file of this kind that was cut would have shown it.

    `has_pictures` and `has_sound` are about films and sounds: whether a track of that kind has samples. A
    picture format says False for both. `lacks_end_mark`: the file is not whole, but nothing except the mark
    that ends a picture seems to be missing; a decoder can tell whether that is so.
    """

    whole: bool
    problem: str = ""
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    codecs: tuple[str, ...] = ()
    proves_length: bool = True
    has_pictures: bool = False
    has_sound: bool = False
    lacks_end_mark: bool = False


class Broken(Exception):
    """The structure ends here; the text is the problem in a few words."""


class EndMarkMissing(Broken):
    """The file ends where a picture's end mark should stand; `width` and `height` are known by then."""

    def __init__(self, problem: str, width: int, height: int) -> None:
        super().__init__(problem)
        self.width = width
        self.height = height


class Source:
    """A file of known size, read in exact spans through a window, so that small steps stay cheap.

    Reads and parts are bounded for the whole file, so that no walk over a hostile file takes long.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self._reads_left = _MOST_READS
        self._parts_left = _MOST_PARTS
        self._start = 0
        self._window = b""

    def span(self, at: int, length: int) -> bytes:
        """Return exactly `length` bytes from offset `at`.

        Raises:
            Broken: the file ends before, or has too many parts.
        """
        if at + length > self.size:
            raise Broken("the file ends too early")
        self._reads_left -= 1
        if self._reads_left < 0:
            raise Broken("the file has too many parts")
        if not self._start <= at <= at + length <= self._start + len(self._window):
            self._file.seek(at)
            self._start, self._window = at, self._file.read(max(length, _WINDOW))
        return self._window[at - self._start : at - self._start + length]

    def count_part(self, problem: str = "the file has too many parts") -> None:
        """Count one box, chunk or segment that was walked; the same one counts again in every walk.

        Raises:
            Broken: with this problem, when the file has more parts than a plausible one.
        """
        self._parts_left -= 1
        if self._parts_left < 0:
            raise Broken(problem)

    def expect(self, at: int, mark: bytes) -> None:
        """Check that the file has these bytes at offset `at`.

        Raises:
            Broken: it has not.
        """
        if self.span(at, len(mark)) != mark:
            raise Broken("the first bytes are another format's")

    def number(self, at: int, length: int) -> int:
        """Return `length` bytes as an unsigned big-endian number."""
        return int.from_bytes(self.span(at, length), "big")


def number(data: bytes, at: int, length: int) -> int:
    """Return `length` bytes of `data` as an unsigned big-endian number.

    Raises:
        Broken: the data end before.
    """
    if at + length > len(data):
        raise Broken("a table ends too early")
    return int.from_bytes(data[at : at + length], "big")
