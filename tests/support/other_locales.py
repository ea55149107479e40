"""Locales that are not UTF-8, made with localedef where the system has none."""

import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["locale_environment"]


def locale_environment(folder: Path, language: str, charmap: str) -> dict[str, str]:
    """Make a locale in a folder and return the environment variables that select it.

    Skips the test where localedef or its sources are missing.
    """
    program = shutil.which("localedef")
    if program is None:
        pytest.skip("needs localedef, to make a locale that is not UTF-8")
    name = f"{language}.{charmap}"
    command = [program, "-i", language, "-f", charmap, str(folder / name)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (folder / name).is_dir():
        pytest.skip(f"localedef cannot make {name}: {made.stderr.strip()[:200]}")
    return {"LOCPATH": str(folder), "LC_ALL": name}
