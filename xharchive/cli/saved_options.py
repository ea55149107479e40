"""The options that earlier runs saved with their unfinished notes, read again for `resume`.

An archive may come from another person, so saved options are untrusted input: the parser of the command line
reads them, and only the options in `SAVED` are used. Options that decide where requests go are never used,
because the token goes there too: `resume` stops and prints what to add to the command.
"""

import argparse
import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import NoReturn

from xharchive.cli.options import RUN_OPTIONS, resolve_links
from xharchive.cli.parser import CommandParser
from xharchive.cli.settings import (
    ALLOW_HOSTS,
    DESTINATIONS,
    SAVED,
    VARIABLES,
    RunSettings,
    as_words,
    default_settings,
    from_arguments,
    resume_command,
)
from xharchive.errors import UsageError
from xharchive.sanitize import one_line

_LONGEST_SHOWN = 1000


def settings_given(args: argparse.Namespace) -> tuple[RunSettings, frozenset[str]]:
    """Return the settings of arguments without defaults, and which of the saved options were given."""
    settings = from_arguments(RunSettings, argparse.Namespace(**asdict(default_settings()) | vars(args)))
    return settings, frozenset(vars(args)).intersection((*SAVED, *DESTINATIONS))


def options_text(settings: RunSettings, environment: Mapping[str, str]) -> str:
    """Return the saved options that differ from the defaults, for people."""
    return shlex.join(as_words(settings, SAVED, environment)) or "the default options"


def with_saved(
    directory: str,
    settings: RunSettings,
    given: Collection[str],
    saved: str | None,
    environment: Mapping[str, str],
) -> RunSettings:
    """Return the settings of `resume` for notes that were asked for with saved options.

    Options of the user and the environment come first, then the saved ones, then the defaults.

    Args:
        directory: the folder of the archive, for the message.
        settings: the settings of `resume`.
        given: the names of the options that the user gave.
        saved: the saved text; None for none.
        environment: environment variables.

    Raises:
        UsageError: the saved options are not valid, or would send requests to another address.
    """
    asked = _saved_settings(saved)
    if not settings.dry_run:
        _check_destinations(directory, settings, given, asked, environment)
    own = {name for name in SAVED if name in given or environment.get(VARIABLES.get(name, ""))}
    return replace(settings, **{name: getattr(asked, name) for name in SAVED if name not in own})


def _saved_settings(saved: str | None) -> RunSettings:
    why = "they are not a list of words"
    try:
        words = json.loads(saved or "[]")
    except (ValueError, RecursionError):
        words = None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        parser = _SavedOptionsParser()
        parser.add_options((resolve_links("short links"), *RUN_OPTIONS))
        try:
            return from_arguments(RunSettings, parser.parse_args(words))
        except UsageError as problem:
            why = one_line(str(problem))[:_LONGEST_SHOWN]
    raise UsageError(
        f"the options saved with unfinished notes are not valid ({why}); to use only those that you give: "
        "xharchive resume --no-kept-options"
    )


def _check_destinations(
    directory: str,
    settings: RunSettings,
    given: Collection[str],
    asked: RunSettings,
    environment: Mapping[str, str],
) -> None:
    """Check that the user names the addresses of the saved options, if they are not the default ones."""
    missing = [name for name in DESTINATIONS if name not in given]
    if environment.get(ALLOW_HOSTS) and "allow_host" in missing:
        missing.remove("allow_host")
    words = as_words(asked, missing, {})
    if not words or words == ["--allow-plain-http"]:  # has no effect without an address
        return
    continued = resume_command(directory, settings, environment, include_saved=True)
    command = f"{continued} {shlex.join(words)}"
    if len(command) > _LONGEST_SHOWN:
        command = f"xharchive resume with {', '.join(sorted({word for word in words if word[:2] == '--'}))}"
    raise UsageError(
        "unfinished notes were asked for at another address, which is not taken from the archive, because "
        f"your token would be sent there; if you know and trust it, run: {one_line(command)}"
    )


class _SavedOptionsParser(CommandParser):
    """Parser that raises UsageError instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)
