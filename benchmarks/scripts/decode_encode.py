"""Turns HEICs into JPEGs (quality 92) on all cores. LIST OUT.

The memory settings are those of xharchive's own workers (`xharchive/images/pool.py`).
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pillow_heif
from PIL import Image

_KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}


def _ready() -> None:
    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def _convert(out: Path, path: str) -> None:
    with Image.open(path) as picture:
        picture.save(out / f"{Path(path).name}.jpg", quality=92, subsampling="4:2:0")


if __name__ == "__main__":
    if not os.environ.keys() >= _KEEP_FREED_MEMORY.keys():  # the allocator reads them when a program begins
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **_KEEP_FREED_MEMORY})  # noqa: S606
    spawned = get_context("forkserver")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=spawned, initializer=_ready) as pool:
        list(pool.map(partial(_convert, Path(sys.argv[2])), Path(sys.argv[1]).read_text().split()))
