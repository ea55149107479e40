"""The address that the bytes of a file came from, in the form in which the manifest names it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from xharchive.redaction import unsigned

__all__ = ["Place", "place_of", "read_place"]

_LONGEST_HOST = 255
_LONGEST_PATH = 2_000


@dataclass(frozen=True, slots=True)
class Place:
    """A host and a path without its query and without signatures."""

    host: str = ""
    path: str = ""

    def as_json(self) -> list[str]:
        """Return what `read_place` reads."""
        return [self.host, self.path]


def place_of(url: str) -> Place:
    """Return the place that a URL names, its path cut at 2,000 characters."""
    parts = urlsplit(url)
    return Place(parts.hostname or "", unsigned(parts.path)[:_LONGEST_PATH])


def read_place(value: object) -> Place | None:
    """Return the place in a record of a part file, None if there is none that a manifest may hold."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    host, path = value
    if not (_is_line(host, _LONGEST_HOST) and _is_line(path, _LONGEST_PATH)) or "?" in path:
        return None
    return Place(host, unsigned(path))


def _is_line(value: object, longest: int) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= longest
