"""The gallery's templates and static files, which are data of the package."""

import hashlib
from importlib import resources
from importlib.resources.abc import Traversable

# A page may load only files of the archive. `'self'` alone does not match file:// URLs.
POLICY = (
    "default-src 'none'; "
    + "; ".join(f"{kind} 'self' file:" for kind in ("img-src", "media-src", "style-src", "script-src"))
    + "; base-uri 'none'; form-action 'none'"
)
"""The Content-Security-Policy of the pages: no inline scripts, and no network access."""


def static_files() -> dict[str, bytes]:
    """Return the static files of the folder `gallery` by their names."""
    return {file.name: file.read_bytes() for file in _files("static")}


def templates() -> dict[str, str]:
    """Return the sources of the templates by their names."""
    return {file.name: file.read_text("utf-8") for file in _files("templates")}


def python_source(module: str) -> str:
    """Return the source of a module of the gallery by its file name."""
    return resources.files("xharchive.gallery").joinpath(module).read_text("utf-8")


def _files(folder: str) -> list[Traversable]:
    package = resources.files("xharchive.gallery").joinpath(folder)
    return sorted((file for file in package.iterdir() if file.is_file()), key=lambda file: file.name)


def _version() -> str:
    digest = hashlib.sha256(POLICY.encode())
    for file in (*_files("templates"), *_files("static")):
        digest.update(f"\0{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


# Changes with templates, static files and policy. A gallery of another version is written again.
VERSION = _version()
