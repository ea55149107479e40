"""Every verb of the command line, as the matrix runs it over a prepared archive."""

from dataclasses import dataclass

from support.hostile.good_archive import PENDING, STILL, VIDEO
from xharchive.demo.demo_listings import AUTHOR, EVERYTHING, TOPIC, short_link

__all__ = ["EVERY_VERB", "LISTING_VERBS", "Verb"]


@dataclass(frozen=True)
class Verb:
    """A command without the archive's folder.

    `asks`: it takes the options that lead to the world. `makes_pages`: whenever it ends well, the gallery's
    pages are the program's own.
    """

    name: str
    arguments: tuple[str, ...]
    asks: bool = False
    makes_pages: bool = False

    def __str__(self) -> str:
        return self.name


EVERY_VERB = (
    Verb("get", ("get", PENDING, STILL, VIDEO), asks=True, makes_pages=True),
    Verb("get-trust-index", ("get", "--trust-index", "--no-gallery", PENDING, STILL, VIDEO), asks=True),
    Verb("resume", ("resume", "--no-gallery"), asks=True),
    Verb("search", ("search", EVERYTHING, "--limit", "2"), asks=True),
    Verb("status", ("status",)),
    Verb("ls", ("ls",)),
    Verb("find", ("find", "汤圆")),
    Verb("show", ("show", STILL)),
    Verb("open", ("open", "--print", STILL)),
    Verb("verify", ("verify",)),
    Verb("cost", ("cost",)),
    Verb("reparse", ("reparse",)),
    Verb("reindex", ("reindex",)),
    Verb("gallery", ("gallery",), makes_pages=True),
    Verb("gallery-rebuild", ("gallery", "--rebuild"), makes_pages=True),
    Verb("preview", ("preview",)),
)
LISTING_VERBS = (
    Verb("author", ("author", AUTHOR, "--limit", "2"), asks=True),
    Verb("topic", ("topic", TOPIC, "--limit", "2"), asks=True),
    Verb("feed", ("feed",), asks=True),
    Verb("get-short-link", ("get", "--no-gallery", short_link(PENDING)), asks=True),
)
"""They touch the archive's own folder only, as `search` does."""
