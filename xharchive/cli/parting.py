"""The last sentence of a command that ended early, safe to print whatever it is about."""

import argparse
import os
import shlex
import sys
from contextlib import suppress
from typing import NoReturn

from xharchive.errors import ExitCode
from xharchive.naming import printable
from xharchive.redaction import Secret, redact

__all__ = ["ended_early", "leave_at_once", "say"]


def ended_early(args: argparse.Namespace, code: ExitCode) -> str:
    """Return what an interrupted or terminated command says: what stays, and how to go on."""
    how = "interrupted" if code is ExitCode.INTERRUPTED else "terminated"
    directory = getattr(args, "directory", None)
    where = f" -d {shlex.quote(directory)}" if directory else ""
    return f"xharchive: {how}; what is finished stays. Go on with: xharchive resume{where}"


def say(args: argparse.Namespace, text: str) -> None:
    """Print lines for people to standard error, without the token and without what a terminal might obey."""
    sys.stderr.write(_safe(args, text) + "\n")


def leave_at_once(args: argparse.Namespace, code: ExitCode) -> NoReturn:
    """Say how to go on, and end the process this moment: no thread, no connection and no child is waited for.

    Called from a signal's handler, in the middle of anything. The archive is made for worse.
    """
    try:
        with suppress(OSError):
            os.write(2, f"\n{_safe(args, ended_early(args, code))}\n".encode())
        with suppress(OSError, RuntimeError, ValueError):  # the stream may be at work, or gone
            sys.stdout.flush()
    finally:
        os._exit(code)


def _safe(args: argparse.Namespace, text: str) -> str:
    secrets = [Secret(os.environ.get("XHARCHIVE_TOKEN", "").strip())]
    if isinstance(used := getattr(args, "secret", None), Secret):
        secrets.append(used)
    return "\n".join(printable(line) for line in redact(text, *secrets).split("\n"))
