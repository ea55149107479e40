"""`make bench-tools`: installs what the benchmarks run against, or says what is missing and how to get it."""

import os
import shutil
import subprocess
import sys

from benchmarks.runners.contract import TOOLS
from benchmarks.servers.nginx import find_nginx

_PACKAGES = {"nginx": "nginx-light", "aria2c": "aria2", "curl": "curl", "wget2": "wget2"}
_PYTHON = ("gallery-dl", "httpx", "aiofiles")


def main() -> int:
    """Install; return 1 if something is still missing."""
    wanted = _missing()
    if wanted and shutil.which("apt-get") and os.geteuid() == 0:
        packages = [_PACKAGES[name] for name in wanted]
        _run("apt-get", "update", "-qq")
        # Only the programs: the package would start an nginx of its own.
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, environment=quiet)
    if not (TOOLS / "gallery-dl").exists() or not (TOOLS / "httpx").exists():
        _run(sys.executable, "-m", "venv", str(TOOLS.parent))
        _run(str(TOOLS / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *_PYTHON)
    still = _missing()
    for name in still:
        sys.stderr.write(f"{name} is missing: install the package {_PACKAGES[name]}\n")
    return 1 if still else 0


def _missing() -> list[str]:
    there = {"nginx": find_nginx()}
    return [name for name in _PACKAGES if not (there.get(name) or shutil.which(name))]


def _run(*command: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, check=False, env=environment)  # noqa: S603 - the commands above
    if done.returncode:
        sys.stderr.write(f"this failed: {' '.join(command)}\n")


if __name__ == "__main__":
    sys.exit(main())
