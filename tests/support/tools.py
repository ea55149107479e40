"""Programs that only some tests need: `@pytest.mark.needs("ffprobe")`.

A test whose program is missing is skipped with the reason. With `XHARCHIVE_REQUIRE_TOOLS=1` it fails, so that
CI notices; with `XHARCHIVE_WITHOUT_TOOLS=1` nothing is used even where it is installed.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache

__all__ = ["chromium", "missing"]

_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@cache
def missing(program: str) -> str:
    """Return why a program cannot be used on this machine, "" if it can."""
    if os.environ.get("XHARCHIVE_WITHOUT_TOOLS") == "1":
        return f"{program} is left to `make test-tools`"
    return _CHECKS.get(program, _not_on_path)(program)


def chromium() -> str | None:
    """Return the browser that `XHARCHIVE_CHROMIUM` names, or the first on the PATH."""
    named = os.environ.get("XHARCHIVE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)


def _not_on_path(program: str) -> str:
    return "" if shutil.which(program) else f"{program} is not installed"


def _no_chromium(program: str) -> str:
    if chromium():
        return ""
    return f"no {program}: none of {', '.join(_CHROMIUM_NAMES)} on the PATH, XHARCHIVE_CHROMIUM is not set"


def _cannot_trace(program: str) -> str:
    if reason := _not_on_path(program):
        return reason
    tried = subprocess.run([program, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"{program} may not trace processes here: {tried.stderr.strip()[:200]}" if tried.returncode else ""


_CHECKS: dict[str, Callable[[str], str]] = {"chromium": _no_chromium, "strace": _cannot_trace}
