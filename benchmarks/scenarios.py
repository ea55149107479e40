"""The races, as data: one row of the table a value."""

from dataclasses import dataclass

from benchmarks.arithmetic import Bound, Measure
from benchmarks.corpora.plan import Corpus, Group
from benchmarks.servers import Mode

__all__ = ["SCENARIOS", "Against", "Limit", "Scenario"]

_KB, _MB = 1000, 1_000_000
_AT_LEAST, _AT_MOST = Bound.AT_LEAST, Bound.AT_MOST


@dataclass(frozen=True, slots=True)
class Against:
    """A goal as a ratio to others' figures; of several the larger figure counts, that is, the slower one."""

    opponents: tuple[str, ...]
    measure: Measure
    bound: Bound
    limit: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A goal for our own figure alone; for each core of the machine `a_worker` is added to it."""

    measure: Measure
    limit: float
    a_worker: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One race: what is fetched, from where, how, and what shall come of it.

    `present` are tools that run along for the picture. Of those that are `judged` it is also said what they
    would make of our goals.
    """

    name: str
    work: str
    corpus: Corpus
    jobs: int
    goals: tuple[Against | Limit, ...]
    server: Mode = "raw"
    flags: tuple[str, ...] = ("--image-format", "keep", "--no-gallery")
    present: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    subject: str = "xharchive"

    @property
    def tools(self) -> tuple[str, ...]:
        """All that run in a round, we first."""
        named = [name for goal in self.goals if isinstance(goal, Against) for name in goal.opponents]
        return tuple(dict.fromkeys([self.subject, *named, *self.judged, *self.present]))


_MIXED = Corpus(
    "mixed",
    100,
    (
        Group("jpeg", 450, 200 * _KB, 3 * _MB),
        Group("webp", 450, 200 * _KB, 3 * _MB),
        Group("mp4", 20, 30 * _MB, 30 * _MB),
    ),
)
_PHOTOS = Corpus(
    "photos",
    100,
    (Group("jpeg", 900, 0, 3 * _MB, (1440, 1920), grain=True), Group("mp4", 20, 30 * _MB, 30 * _MB)),
)
_SMALL = Corpus("small", 120, (Group("jpeg", 2000, 300 * _KB, 300 * _KB),))
_BIG = Corpus(
    "big", 4, (Group("jpeg", 4, 300 * _KB, 300 * _KB), Group("mp4", 4, 500 * _MB, 500 * _MB, (288, 384)))
)
_SHORTER = Corpus(
    "shorter", 40, (Group("jpeg", 40, 300 * _KB, 300 * _KB), Group("mp4", 40, 50 * _MB, 50 * _MB, (288, 384)))
)
_FAR = Corpus(
    "far", 100, (Group("jpeg", 1150, 200 * _KB, 3 * _MB), Group("mp4", 24, 10 * _MB, 10 * _MB, (288, 384)))
)
_FILMS = Corpus(
    "films", 8, (Group("jpeg", 8, 100 * _KB, 100 * _KB), Group("mp4", 8, 30 * _MB, 30 * _MB, (288, 384)))
)
_HEICS = Corpus(
    "heics",
    50,
    (
        Group("heic", 400, pixels=(1440, 1080), grain=True),
        Group("heic", 25, pixels=(4032, 3024)),
        Group("heic", 20, pixels=(5712, 4284)),
    ),
)
_LARGE_HEICS = Corpus(
    "large-heics", 45, (Group("heic", 25, pixels=(4032, 3024)), Group("heic", 20, pixels=(5712, 4284)))
)
_GRAINY_HEICS = Corpus(
    "grainy-heics",
    45,
    (
        Group("heic", 25, pixels=(4032, 3024), grain=True),
        Group("heic", 20, pixels=(5712, 4284), grain=True),
    ),
)
_SCARCE = Corpus(
    "scarce",
    120,
    (
        Group("heic", 30, pixels=(4032, 3024)),
        Group("jpeg", 340, 200 * _KB, 1 * _MB),
        Group("mp4", 20, 10 * _MB, 10 * _MB, (288, 384)),
    ),
)
_FLOORS = ("floor, no decode", "floor", "floor, aiohttp", "floor, one process")
_VARIANTS = ("xharchive, with the gallery", "xharchive, no uvloop")
_CONVERTED = ("--image-format", "jpeg", "--no-gallery")

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "mixed",
        "100 notes, 900 images of 0.2–3 MB, 20 videos of 30 MB, -j 16, raw",
        _MIXED,
        16,
        (
            Against(("aria2c",), Measure.SPEED, _AT_LEAST, 1.2),
            Against(("aria2c",), Measure.CPU, _AT_MOST, 1.1),
            Against(("curl",), Measure.SPEED, _AT_LEAST, 0.55),
            Limit(Measure.MEMORY, 100),
        ),
        present=(*_VARIANTS, "wget2", "httpx + aiofiles"),
        judged=_FLOORS,
    ),
    Scenario(
        "photos",
        "as mixed, but each image is a photograph of 2.8 MP: the decode check has full work",
        _PHOTOS,
        16,
        (Against(("aria2c",), Measure.SPEED, _AT_LEAST, 1.2),),
    ),
    Scenario(
        "small",
        "2,000 images of 300 KB, -j 16, raw",
        _SMALL,
        16,
        (
            Against(("aria2c",), Measure.SPEED, _AT_LEAST, 0.75),
            Against(("gallery-dl",), Measure.SPEED, _AT_LEAST, 2.0),
        ),
        present=(*_VARIANTS, "curl", "httpx + aiofiles"),
        judged=_FLOORS,
    ),
    Scenario(
        "big",
        "4 videos of 500 MB, -j 4, raw",
        _BIG,
        4,
        (Against(("aria2c",), Measure.SPEED, _AT_LEAST, 0.9), Limit(Measure.MEMORY, 100)),
        present=("curl",),
    ),
    Scenario(
        "shorter",
        "40 videos of 50 MB, -j 4, raw: memory beside that of row big",
        _SHORTER,
        4,
        (Limit(Measure.MEMORY, 100),),
    ),
    Scenario(
        "far",
        "1,150 images and 24 videos of 10 MB, 80 ms away, 2 MB/s a connection, -j 32",
        _FAR,
        32,
        (
            Against(("aria2c",), Measure.SPEED, _AT_LEAST, 0.97),
            Against(("curl",), Measure.SPEED, _AT_LEAST, 0.97),
        ),
        "far",
    ),
    Scenario(
        "ranges",
        "8 videos of 30 MB, far, ranges over idle slots: 16 connections (-j 16) against aria2c -j4",
        _FILMS,
        4,
        (
            Against(("aria2c",), Measure.SPEED, _AT_LEAST, 3.0),
            Against(("aria2c -x4 -s4",), Measure.SPEED, _AT_LEAST, 0.95),
        ),
        "far",
        # Our -j counts connections, helpers among them; aria2c's counts files, of four connections each.
        flags=("--image-format", "keep", "--no-gallery", "-j", "16", "--per-host", "16"),
        present=("xharchive --no-ranges",),
        judged=("xharchive -j 4",),
    ),
    Scenario(
        "convert",
        "400 web-sized HEICs and 45 of 12–24 MP, converted",
        _HEICS,
        16,
        (
            Against(("decode + encode", "aria2c"), Measure.WALL, _AT_MOST, 1.10),
            Limit(Measure.MEMORY, 100),
            Limit(Measure.TREE_MEMORY, 100, a_worker=250),
        ),
        flags=_CONVERTED,
    ),
    Scenario(
        "thumbnails",
        "45 notes of one HEIC of 12–24 MP, converted, with the gallery",
        _LARGE_HEICS,
        16,
        (Against(("xharchive --no-gallery",), Measure.CPU, _AT_MOST, 1.10),),
        flags=_CONVERTED[:2],
    ),
    Scenario(
        "grainy",
        "as thumbnails, but full of grain: each picture takes three times as long to decode",
        _GRAINY_HEICS,
        16,
        (Against(("xharchive --no-gallery",), Measure.CPU, _AT_MOST, 1.10),),
        flags=_CONVERTED[:2],
    ),
    Scenario(
        "ailing",
        "as far, a third of the addresses dead and one host at a tenth of the rate",
        _FAR,
        32,
        (Against(("xharchive, healthy",), Measure.WALL, _AT_MOST, 1.15),),
        "ailing",
    ),
    Scenario(
        "api",
        "120 notes at --api-rate 6/s: 30 HEICs of 12 MP, converted, 340 images, 20 videos of 10 MB, far",
        _SCARCE,
        16,
        (Against(("calls alone",), Measure.WALL, _AT_MOST, 1.10),),
        "far",
        flags=(*_CONVERTED, "--api-rate", "6/s"),
    ),
)
