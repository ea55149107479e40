"""Names and texts in UTF-8 whatever the locale says (decision 0027).

An archive must have the same names from a cron job and from a terminal, and a title may hold any character.
"""

import argparse
import locale
import os
import sys
from typing import TextIO

__all__ = ["restart_in_utf8_mode", "terminal_encoding", "text_of_argument"]


def restart_in_utf8_mode() -> None:
    """Replace this process by the same command in Python's UTF-8 mode, if file names are not UTF-8 yet.

    Windows and macOS always name files in UTF-8, and so does Linux in a UTF-8 locale: nothing happens there.

    Raises:
        OSError: Python cannot be started again.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding() == "utf-8":
        return
    # `-X` and not PYTHONUTF8: it works under `-I` and `-E` too, and programs started from here do not get it.
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell is wanted


def terminal_encoding(stream: TextIO) -> str | None:
    """Return the encoding for a stream that is a terminal, None for any other and where UTF-8 will do.

    A terminal shows what its locale says, also in UTF-8 mode; files and pipes get UTF-8. An ASCII locale
    mostly means that nothing was set up, as in a container.
    """
    if not sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ or not stream.isatty():
        return None
    named = locale.getencoding()
    return None if named in _ASCII else named


_ASCII = frozenset(("ANSI_X3.4-1968", "US-ASCII", "646"))


def text_of_argument(argument: str) -> str:
    """Return the text of a command-line argument whose bytes are UTF-8 or in the encoding of the locale.

    For words, not for paths: a path is the bytes that were typed. UTF-8 comes first, since few texts in
    another encoding are valid UTF-8 by chance.

    Raises:
        ArgumentTypeError: it is neither: a search for something else would cost a call.
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
