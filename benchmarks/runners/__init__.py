"""The tools that run against each other, one file each; what they have in common stands in `contract`."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.runners.aria2c import Aria2c
from benchmarks.runners.calls_alone import CallsAlone
from benchmarks.runners.contract import Job, Runner
from benchmarks.runners.curl import Curl
from benchmarks.runners.decode_encode import DecodeEncode
from benchmarks.runners.floor import Floor
from benchmarks.runners.gallery_dl import GalleryDl
from benchmarks.runners.httpx_aiofiles import HttpxAiofiles
from benchmarks.runners.wget2 import Wget2
from benchmarks.runners.xharchive import Xharchive

__all__ = ["RUNNERS", "Job", "Runner"]

_ALL: tuple[Runner, ...] = (
    Xharchive(),
    Xharchive("xharchive --no-gallery", flags=("--no-gallery",)),
    Xharchive("xharchive, with the gallery", drops=("--no-gallery",)),
    Xharchive("xharchive, no uvloop", hides="uvloop"),
    Xharchive("xharchive, healthy", server="far"),
    Xharchive("xharchive -j 4", flags=("-j", "4")),
    Xharchive("xharchive --no-ranges", flags=("--no-ranges",)),
    Aria2c(),
    Aria2c("aria2c -x4 -s4", connections=4),
    Curl(),
    Wget2(),
    GalleryDl(),
    HttpxAiofiles(),
    DecodeEncode(),
    Floor("floor", "sockets"),
    Floor("floor, no decode", "undecoded"),
    Floor("floor, aiohttp", "aiohttp"),
    Floor("floor, one process", "one"),
    CallsAlone(),
)

RUNNERS: Mapping[str, Runner] = MappingProxyType({runner.name: runner for runner in _ALL})
"""The tools by the names that scenarios give them."""
