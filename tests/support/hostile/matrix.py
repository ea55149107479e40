"""Which prepared archives meet which verbs.

Some 40 archives meet every verb, each of the others meets one. With `XHARCHIVE_HOSTILE=few`, as in
`make test`, the 40 meet the verbs that read the most; with `every` all meet all, with `get,gallery` all meet
these.
"""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence

import pytest

from support.hostile.catalogs import CATALOGS
from support.hostile.galleries import GALLERIES, PAGES
from support.hostile.gallery_databases import GALLERY_DATABASES
from support.hostile.notes import FOLDERS, MANIFESTS
from support.hostile.sqlite_files import Builder
from support.hostile.state_files import LISTS, WORK
from support.hostile.verbs import EVERY_VERB, LISTING_VERBS, Verb

__all__ = ["EVERY_ARCHIVE", "over"]

_WITH_EVERY_VERB = frozenset(
    (
        *("catalog row in '..'", "catalog row and record name a key", "catalog of blobs", "catalog of views"),
        *("catalog of giant numbers", "catalog with triggers", "catalog with a heavy generated column"),
        *(
            "catalog: link to a copy",
            "catalog: fifo",
            "catalog: pipes beside",
            "catalog: super-journal outside",
        ),
        *("gallery database of absolute ids", "gallery database of scripts in cards"),
        *("gallery database: view of notes", "gallery database: super-journal outside"),
        *("wanted.txt: line of 1 GiB", "wanted.txt: fifo", "wanted.txt: link", "ledger.jsonl: line of 1 GiB"),
        *("ledger.jsonl: fifo", "ledger of odd lines", "holder.json: fifo", "state folder: link"),
        *("record names a file behind a link", "record of 100 MB", "record: fifo"),
        *("kept reply: fifo", "kept reply of 1 GiB", "work folder: link"),
        *(
            "manifest: fifo",
            "manifest: link",
            "manifest of 1 GiB",
            "manifest of 100 MB",
            "manifest of scripts",
        ),
        *(
            "manifest of giant numbers",
            "manifest of wrong types inside",
            "manifest names 'sub/authorized_keys'",
        ),
        *("subtitle of 3 GiB", "note folder: link", "note folder named 'http:127.0.0.1:PORT'"),
        *("modules of Python's names", "gallery: link", "screen through a link", "index.html: fifo"),
    )
)

_FEW = frozenset(("get", "gallery"))
_ASKED_FOR = frozenset(filter(None, os.environ.get("XHARCHIVE_HOSTILE", "").split(",")))

EVERY_ARCHIVE: Mapping[str, Builder] = {
    name: build
    for group in (CATALOGS, GALLERY_DATABASES, LISTS, WORK, MANIFESTS, FOLDERS, GALLERIES, PAGES)
    for name, build in group.items()
}


def over(archives: Mapping[str, Builder]) -> pytest.MarkDecorator:
    """Return what makes a test one for each archive and verb that are to meet."""
    pairs = [pytest.param(build, verb, id=f"{name} - {verb}") for name, build, verb in _pairs(archives)]
    return pytest.mark.parametrize(("build", "verb"), pairs)


def _pairs(archives: Mapping[str, Builder]) -> Iterator[tuple[str, Builder, Verb]]:
    for name, build in archives.items():
        for verb in _verbs(name, archives):
            yield name, build, verb


def _verbs(name: str, archives: Mapping[str, Builder]) -> Sequence[Verb]:
    verbs = EVERY_VERB + LISTING_VERBS if archives is LISTS else EVERY_VERB
    if "few" in _ASKED_FOR and name in _WITH_EVERY_VERB:
        return [verb for verb in verbs if verb.name in _FEW]
    if _ASKED_FOR and not _ASKED_FOR & {"every", "few"}:
        return [verb for verb in verbs if verb.name in _ASKED_FOR]
    if "every" in _ASKED_FOR or name in _WITH_EVERY_VERB:
        return verbs
    # Not the same verb for all, and the same one on every machine.
    return [verbs[zlib.crc32(name.encode()) % len(verbs)]]


assert EVERY_ARCHIVE.keys() >= _WITH_EVERY_VERB, _WITH_EVERY_VERB - EVERY_ARCHIVE.keys()
