"""What a corpus holds, as data, and how it shrinks for a quick look. Pure."""

import random
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from hashlib import sha256

from benchmarks.arithmetic import scaled
from benchmarks.corpora.filling import Kind

__all__ = ["Corpus", "Group", "Planned"]


@dataclass(frozen=True, slots=True)
class Group:
    """Some files of one kind.

    Sizes are bytes, spread evenly from `smallest` to `largest`; 0 leaves a file as large as its picture
    makes it. `pixels` are (width, height): what the decode check has to decode. With `grain` the picture is
    full of noise, as a photograph is, instead of flat as a drawing.
    """

    kind: Kind
    count: int
    smallest: int = 0
    largest: int = 0
    pixels: tuple[int, int] = (480, 640)
    grain: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """One file to make: its number in the corpus, its group, its size."""

    number: int
    group: Group
    size: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """A named set of notes: every movie is a note of its own, pictures are dealt out over the others."""

    name: str
    notes: int
    groups: tuple[Group, ...]

    def scaled(self, scale: float) -> "Corpus":
        """Return the corpus with `scale` times the bytes: fewer files first, then smaller ones."""
        groups = []
        for group in self.groups:
            count, part = scaled(group.count, scale)
            groups.append(
                replace(
                    group, count=count, smallest=int(group.smallest * part), largest=int(group.largest * part)
                )
            )
        return replace(self, notes=max(1, round(self.notes * scale)), groups=tuple(groups))

    @property
    def digest(self) -> str:
        """Eight digits that change with anything that changes the bytes."""
        return sha256(repr(astuple(self)).encode()).hexdigest()[:8]

    def files(self) -> Iterator[Planned]:
        """Yield the files in an order that mixes the sizes, the same at every call."""
        choose = random.Random(self.digest)  # noqa: S311 - a plan, not a secret
        number = 0
        for group in self.groups:
            steps = max(group.count - 1, 1)
            sizes = [
                group.smallest + (group.largest - group.smallest) * at // steps for at in range(group.count)
            ]
            choose.shuffle(sizes)
            for size in sizes:
                yield Planned(number, group, size // 2 * 2)
                number += 1
