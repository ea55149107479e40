"""Which of Pillow's formats a worker process loads: others cost time, and are code that no image needs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from image_samples import encoded, heic
from support.archive_paths import guarded

_SCRIPT = """
import json, sys
from xharchive.images.worker import handle_request
answer = handle_request(json.loads(sys.argv[1]))
loaded = {name[4:-11] for name in sys.modules if name.startswith("PIL.") and name.endswith("ImagePlugin")}
print(json.dumps([answer["verdict"], sorted(loaded)]))
"""
_PRELOADED = {"Bmp", "Gif", "Jpeg", "Ppm", "Png"}
"""Pillow loads these before its first image."""


def loaded_for(request: dict[str, Any]) -> set[str]:
    """Return the formats that a new process has loaded after a request that succeeds."""
    command = [sys.executable, "-P", "-c", _SCRIPT, json.dumps(request)]
    verdict, loaded = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert verdict == "decoded"
    return set(loaded)


@pytest.mark.parametrize(("target", "needed"), [("jpeg", set()), ("webp", {"WebP"}), ("avif", {"Avif"})])
def test_a_derivative_loads_its_own_format_only(tmp_path: Path, target: str, needed: set[str]) -> None:
    (tmp_path / "01.heic").write_bytes(heic())
    request = {
        "original": guarded(tmp_path / "01.heic").as_json(),
        "format": "heif",
        "derivative": guarded(tmp_path / f"01.{target}").as_json(),
        "target": target,
        "quality": 80,
        "max_pixels": 60_000_000,
        "thumbnail": None,
    }
    assert loaded_for(request) - _PRELOADED == needed


def test_a_thumbnail_loads_webp_only(tmp_path: Path) -> None:
    (tmp_path / "01.jpg").write_bytes(encoded("JPEG"))
    request = {
        "original": guarded(tmp_path / "01.jpg").as_json(),
        "format": "jpeg",
        "derivative": guarded(tmp_path / "01.webp").as_json(),
        "max_pixels": 60_000_000,
        "width": 32,
        "height": 32,
    }
    assert loaded_for(request) - _PRELOADED == {"WebP"}
