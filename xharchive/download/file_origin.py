"""Name the origin of a file's bytes, in the form in which the manifest stores it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from xharchive.redaction import without_signatures

_MAX_HOST_LENGTH = 255
_MAX_PATH_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """Hold the host and the path of a URL, without query and signatures."""

    host: str = ""
    path: str = ""

    def as_json(self) -> list[str]:
        """Return the form that `parse_origin` reads."""
        return [self.host, self.path]


def origin_of_url(url: str) -> FileOrigin:
    """Return the origin that a URL names, with the path cut at 2,000 characters."""
    parts = urlsplit(url)
    return FileOrigin(parts.hostname or "", without_signatures(parts.path)[:_MAX_PATH_LENGTH])


def parse_origin(value: object) -> FileOrigin | None:
    """Return the origin in a record of a part file, None if it is not valid in a manifest."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    host, path = value
    if not (_is_line(host, _MAX_HOST_LENGTH) and _is_line(path, _MAX_PATH_LENGTH)) or "?" in path:
        return None
    return FileOrigin(host, without_signatures(path))


def _is_line(value: object, longest: int) -> bool:
    return isinstance(value, str) and value.isprintable() and len(value) <= longest
