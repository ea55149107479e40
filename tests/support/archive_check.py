"""What an archive must be at any moment, also after a kill, and what it must be at its end.

Looks from outside: at the files, never through the store's own code, except that manifests are read by the
published reader. A breach is told by a word and a sentence; no breach, no news.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from support.command import ledger
from xharchive import manifest

__all__ = [
    "SECRET_PIECES",
    "Breach",
    "Tree",
    "intents",
    "moment_breaches",
    "tree_breaches",
    "tree_of",
    "unsettled",
]

SECRET_PIECES = (b"s3cret", b"t0ken")
"""Pieces of the tests' token that survive every encoding of its punctuation."""

_STATE = ".xharchive"


class Breach(NamedTuple):
    """A broken promise: `kind` is corrupt, lying, lost, paid, again, left, token, differs, verify or exit."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Tree:
    """An archive's note folders: SHA-256 and mtime of every file by path, manifests without their chances.

    `state` has the names of what lies in the state folder.
    """

    files: dict[str, tuple[str, int]]
    manifests: dict[str, dict[str, Any]]
    state: frozenset[str]


def tree_of(archive: Path) -> Tree:
    """Read an archive that is at rest."""
    files: dict[str, tuple[str, int]] = {}
    manifests: dict[str, dict[str, Any]] = {}
    for path in _published(archive):
        name = path.relative_to(archive).as_posix()
        if path.name == "manifest.json":
            manifests[name] = _without_chances(json.loads(path.read_bytes()))
        elif _tells_of_gaps(path):
            files[name] = ("", path.stat().st_mtime_ns)  # it tells of the gaps, whose details are chances
        else:
            # Replies get the time of their copying, originals and derivatives that of the note.
            mtime = 0 if path.parent.name == "replies" else path.stat().st_mtime_ns
            files[name] = (_sha256(path), mtime)
    state = frozenset(path.relative_to(archive / _STATE).as_posix() for path in (archive / _STATE).rglob("*"))
    return Tree(files, manifests, state)


def _published(archive: Path) -> Iterator[Path]:
    for folder in sorted(archive.iterdir()) if archive.is_dir() else ():
        if folder.name != _STATE:
            yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _tells_of_gaps(path: Path) -> bool:
    """Whether it is the text of a partial note, to its end."""
    text = path.read_text("utf-8") if path.name == "note.md" else ""
    return "\n- missing: " in text and text.endswith(")\n")


def _without_chances(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what two undisturbed runs in one world may tell differently as well.

    Times of the run; and which mirror gave a file, which others had refused it before, and in which words a
    gap is described: faults heal by the number of requests, hosts rest after failures, and both depend on
    what else is on the way at that moment. Path, bytes, quality and checks of a file may not differ.
    """
    kept: dict[str, Any] = json.loads(json.dumps(data))
    del kept["archived"]
    for entry in kept["files"]:
        if entry["role"] == "original":
            del entry["fetched"], entry["refused"], entry["source"]["host"]
    for gap in kept["gaps"]:
        del gap["tried"], gap["detail"]
    return kept


def moment_breaches(
    archive: Path, right: Tree, asked: tuple[str, ...], heard: list[dict[str, Any]]
) -> list[Breach]:
    """Return what is wrong with an archive whose run was killed, whenever that was.

    `right` is the tree that it shall become, `asked` the notes, `heard` the events that the killed runs told.
    """
    return [
        *_corrupt(archive, right),
        *_lying(archive),
        *_lost(archive, asked, heard),
    ]


def _corrupt(archive: Path, right: Tree) -> Iterator[Breach]:
    """A file under its final name is whole, also before the manifest names it."""
    for path in _published(archive):
        name = path.relative_to(archive).as_posix()
        expected = right.files.get(name)
        if name in right.manifests or name.endswith(".tmp"):
            continue  # manifests are looked at by their content; a temporary name promises nothing
        if _tells_of_gaps(path):
            continue  # as long as a call waits for the user's decision, its note is partial
        if expected is None:
            yield Breach("corrupt", f"{name} is not a file of the undisturbed archive")
        elif expected[0] and _sha256(path) != expected[0]:
            yield Breach("corrupt", f"{name} differs from the undisturbed archive's")


def _lying(archive: Path) -> Iterator[Breach]:
    """Every manifest can be read, and every file and reply that it names is there with its SHA-256."""
    for path in archive.glob("*/manifest.json"):
        try:
            read = manifest.parse(path.read_bytes())
        except manifest.ManifestError as problem:
            yield Breach("lying", f"{path.parent.name}/manifest.json cannot be read: {problem}")
            continue
        if manifest.to_json(read) != path.read_text("utf-8"):
            yield Breach("lying", f"{path.parent.name}/manifest.json is not as it was written")
        named = [(entry.path, entry.sha256) for entry in read.files]
        named += [(reply.path, reply.sha256) for reply in read.replies]
        for name, digest in named:
            found = path.parent / name
            if not found.is_file() or _sha256(found) != digest:
                yield Breach("lying", f"{path.parent.name}/{name} is not there as its manifest says")


def _lost(archive: Path, asked: tuple[str, ...], heard: list[dict[str, Any]]) -> Iterator[Breach]:
    """What a run says is so: once it began, every note is on record; what it called archived is there."""
    there = {path.parent.name[-24:] for path in archive.glob("*/manifest.json")}
    if any(event["event"] == "run_started" for event in heard):
        wanted = archive / _STATE / "wanted.txt"
        recorded = set(wanted.read_text("ascii").split()) if wanted.exists() else set()
        for note in asked:
            if note not in there | recorded:
                yield Breach("lost", f"{note} is neither archived nor on the list of wanted notes")
    for event in heard:
        if event["event"] == "note_finished" and event["outcome"] != "failed" and event["note"] not in there:
            yield Breach(
                "lost", f"{event['note']} was called {event['outcome']}, and its manifest is not there"
            )


def tree_breaches(archive: Path, right: Tree) -> list[Breach]:
    """Return how an archive at rest differs from the undisturbed one, and where the token lies in it."""
    found = tree_of(archive)
    breaches = [
        Breach("differs", f"{name}: {found.files.get(name)} instead of {right.files.get(name)}")
        for name in sorted(found.files.keys() | right.files.keys())
        if found.files.get(name) != right.files.get(name)
    ]
    breaches += [
        Breach("differs", f"{name}: {_difference(found.manifests.get(name), right.manifests.get(name))}")
        for name in sorted(found.manifests.keys() | right.manifests.keys())
        if found.manifests.get(name) != right.manifests.get(name)
    ]
    breaches += [Breach("left", f"{_STATE}/{name}") for name in sorted(found.state - right.state)]
    for path in archive.rglob("*"):
        if path.is_file() and any(piece in path.read_bytes() for piece in SECRET_PIECES):
            breaches.append(Breach("token", path.relative_to(archive).as_posix()))
    return breaches


def _difference(found: Any, right: Any, at: str = "") -> str:
    """Say where two manifests part first."""
    if isinstance(found, dict) and isinstance(right, dict) and found.keys() == right.keys():
        name = next(name for name in found if found[name] != right[name])
        return _difference(found[name], right[name], f"{at}.{name}")
    if isinstance(found, list) and isinstance(right, list) and len(found) == len(right):
        place = next(place for place in range(len(found)) if found[place] != right[place])
        return _difference(found[place], right[place], f"{at}[{place}]")
    return f"{at}: {found!r} instead of {right!r}"[:500]


def intents(archive: Path) -> Counter[str]:
    """Count the calls that the ledger says were about to be sent, as "v1 <note id>"."""
    return Counter(
        f"{line['endpoint']} {line['note']}" for line in ledger(archive) if line["event"] == "intent"
    )


def unsettled(archive: Path) -> Counter[str]:
    """Count the calls that were interrupted: not sent yet, under way, or answered and not settled."""
    lines = ledger(archive)
    settled = {line["call"] for line in lines if line["event"] == "outcome"}
    return Counter(
        f"{line['endpoint']} {line['note']}"
        for line in lines
        if line["event"] == "intent" and line["call"] not in settled
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
