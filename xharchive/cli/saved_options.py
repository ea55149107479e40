"""Saves the options of a run with its unfinished notes, and reads them again for `resume`.

An archive may come from another person, so saved options are untrusted input: the parser of the command line
reads them, and only the options in `SAVED` are used. Options that decide where requests go are never used,
because the token goes there too: `resume` stops and prints what to add to the command.
"""

import argparse
import json
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from xharchive.cli.help import CommandParser
from xharchive.cli.options import add_resolve_links, add_run_options
from xharchive.cli.selection_options import rate_text
from xharchive.errors import UsageError
from xharchive.sanitize import one_line

if TYPE_CHECKING:
    from xharchive.config import RunSettings

SAVED = (
    *("endpoints", "image_format", "quality", "prefer", "no_gallery"),
    *("resolve_links", "api_rate", "api_timeout"),
    *("retries", "retry_wait", "patience", "timeout", "min_rate"),
)
"""Options that shape the notes, the calls and the waits: saved, and used again."""
DESTINATIONS = ("api_base", "allow_plain_http", "allow_host", "resolve")
"""Options that decide where requests go: saved, but only compared with the options of the user."""
ONE_RUN = (
    *("token_file", "max_calls", "confirm_above", "on_unknown", "no_reresolve"),
    *("trust_index", "strict_empty"),
    *("jobs", "per_host", "api_jobs", "no_ranges", "no_proxy"),
)
"""Options that concern one run: not saved, but printed in the command that continues it."""
SECRET = ("proxy",)
"""Options that may contain a password: neither saved nor printed."""

_ALLOW_HOSTS = "XHARCHIVE_ALLOW_HOSTS"
_VARIABLES = {"min_rate": "XHARCHIVE_MIN_RATE", "patience": "XHARCHIVE_PATIENCE"}
"""Environment variables that set an option if the user does not give it."""
_LONGEST = 60_000  # characters; a line of the list of pending notes has 64 KiB
_LONGEST_SHOWN = 1000


class _Parser(CommandParser):
    """Parser that raises UsageError instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(add_help=False)
    add_resolve_links(parser, "short links")
    add_run_options(parser)
    return parser.parse_args(words)


def default_to_none(parser: argparse.ArgumentParser) -> None:
    """Make a parser return None for each saved option that the user does not give."""
    parser.set_defaults(**dict.fromkeys((*SAVED, *DESTINATIONS)))


def settings_given(args: argparse.Namespace) -> "tuple[RunSettings, frozenset[str]]":
    """Return the settings of a parser with `default_to_none`, and which of the saved options were given."""
    from xharchive.config import RunSettings, from_arguments

    given = {name: value for name, value in vars(args).items() if value is not None}
    names = frozenset(given).intersection((*SAVED, *DESTINATIONS))
    return from_arguments(RunSettings, argparse.Namespace(**vars(_parse([])) | given)), names


def saved_text(settings: "RunSettings", environment: Mapping[str, str]) -> str:
    """Return the saved form of the options of a run: a JSON array of command-line words.

    Raises:
        UsageError: the text is too long.
    """
    text = json.dumps(_as_words(settings, (*SAVED, *DESTINATIONS), environment), separators=(",", ":"))
    if len(text) > _LONGEST:
        raise UsageError(
            f"the options have more than {_LONGEST} characters, too many to be saved; shorten them"
        )
    return text


def resume_command(
    directory: str, settings: "RunSettings", environment: Mapping[str, str], *, include_saved: bool
) -> str:
    """Return the command that continues a run, quoted for a shell.

    Args:
        directory: the folder of the archive.
        settings: the options of the run.
        environment: environment variables.
        include_saved: name the options of `SAVED` too, which then apply to all notes.
    """
    names = (*SAVED, *DESTINATIONS, *ONE_RUN) if include_saved else (*DESTINATIONS, *ONE_RUN)
    words = _as_words(settings, names, environment)
    return shlex.join(["xharchive", "resume", "-d", directory, *words])


def options_text(settings: "RunSettings", environment: Mapping[str, str]) -> str:
    """Return the saved options that differ from the defaults, for people."""
    return shlex.join(_as_words(settings, SAVED, environment)) or "the default options"


def with_saved(
    directory: str,
    settings: "RunSettings",
    given: Collection[str],
    saved: str | None,
    environment: Mapping[str, str],
) -> "RunSettings":
    """Return the settings of `resume` for notes with these saved options.

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
    return replace(
        settings,
        **{
            name: getattr(asked, name)
            for name in SAVED
            if name not in given and not environment.get(_VARIABLES.get(name, ""))
        },
    )


def _saved_settings(saved: str | None) -> "RunSettings":
    from xharchive.config import RunSettings, from_arguments

    try:
        words = json.loads(saved or "[]")
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(_not_valid("they are not a list of words"))
    try:
        return from_arguments(RunSettings, _parse(words))
    except UsageError as problem:
        raise UsageError(_not_valid(one_line(str(problem))[:_LONGEST_SHOWN])) from None


def _not_valid(why: str) -> str:
    return (
        f"the options saved with unfinished notes are not valid ({why}); to use only those that you give: "
        "xharchive resume --no-kept-options"
    )


def _check_destinations(
    directory: str,
    settings: "RunSettings",
    given: Collection[str],
    asked: "RunSettings",
    environment: Mapping[str, str],
) -> None:
    """Check that the user names the addresses of the saved options, if they are not the default ones."""
    missing = [name for name in DESTINATIONS if name not in given]
    if environment.get(_ALLOW_HOSTS) and "allow_host" in missing:
        missing.remove("allow_host")
    words = _as_words(asked, missing, {})
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


def _as_words(settings: "RunSettings", names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Return the options, with those of the environment, that differ from the defaults, as words."""
    defaults = _saved_settings(None)
    words: list[str] = []
    for name in names:
        value = getattr(settings, name)
        if value is None:
            value = environment.get(_VARIABLES.get(name, "")) or None
        if name == "allow_host":
            hosts = [environment.get(_ALLOW_HOSTS, ""), *value]
            value = tuple(host for text in hosts for host in text.split(",") if host.strip())
        if value is not None and value != getattr(defaults, name):
            words += _option(name, value)
    return words


def _option(name: str, value: object) -> list[str]:
    option = "--" + name.replace("_", "-")
    if value is True:
        return [option]
    if value is False:
        return []
    if isinstance(value, tuple):
        return [word for item in value for word in (option, str(item).strip())]
    if name == "api_rate" and isinstance(value, float):
        return [option, rate_text(value)]
    return [option, str(value).removesuffix(".0") if isinstance(value, float) else str(value)]
