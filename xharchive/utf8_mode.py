"""Use UTF-8 for names and texts, whatever the locale says (decision 0027).

A cron job and a terminal must give the files of an archive the same names, and a title may have any
character.
"""

import argparse
import locale
import os
import sys
from typing import TextIO


def restart_in_utf8_mode() -> None:
    """Start the same command again in Python's UTF-8 mode, in this process, unless file names are UTF-8.

    They are UTF-8 on Windows and macOS, and on Linux in a UTF-8 locale.

    Raises:
        OSError: Python cannot be started again.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    # `-X` works with `-I` and `-E`, and child processes do not inherit it, unlike PYTHONUTF8.
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - without a shell


def terminal_encoding(stream: TextIO) -> str | None:
    """Return the encoding of a terminal if it is not UTF-8. Return None for UTF-8, and for a file or pipe.

    A terminal uses the encoding of its locale, also in UTF-8 mode. An ASCII locale counts as UTF-8, because
    it mostly means that no locale is set, as in a container.
    """
    if not sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ or not stream.isatty():
        return None
    named = locale.getencoding()
    return None if named in _ASCII else named


_ASCII = frozenset(("ANSI_X3.4-1968", "US-ASCII", "646"))


def text_of_argument(argument: str) -> str:
    """Return the text of a command-line argument in UTF-8 or in the encoding of the locale.

    For words, not for paths: a path is the bytes that the user typed. UTF-8 comes first, because few texts in
    another encoding are valid UTF-8.

    Raises:
        ArgumentTypeError: the argument has neither encoding. A search for a wrong text would cost a call.
    """
    try:
        argument.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(argument)
        try:
            return raw.decode(locale.getencoding())
        except (UnicodeDecodeError, LookupError):
            raise argparse.ArgumentTypeError(
                "it is neither UTF-8 nor in the encoding of the locale; was it typed or pasted whole?"
            ) from None
    return argument
