"""Saves the options of a run with its unfinished notes, and reads them again for `resume`.

An archive may come from another person, so saved options are untrusted input: the parser of the command line
reads them, and only the options in `SAVED` are used. Options that decide where requests go are never used,
because the token goes there too: `resume` stops and prints what to add to the command.
"""

import argparse
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import NoReturn

from xharchive.cli.help import CommandParser
from xharchive.cli.option_values import rate_text
from xharchive.cli.options import add_resolve_links, add_run_options
from xharchive.errors import UsageError
from xharchive.sanitize import one_line

__all__ = [
    "DESTINATIONS",
    "ONE_RUN",
    "SAVED",
    "SECRET",
    "default_to_none",
    "options_text",
    "resume_command",
    "saved_text",
    "with_saved",
]

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


def _parser() -> _Parser:
    parser = _Parser(add_help=False)
    add_resolve_links(parser, "short links")
    add_run_options(parser)
    return parser


def default_to_none(parser: argparse.ArgumentParser) -> None:
    """Make a parser return None for each saved option that the user does not give."""
    parser.set_defaults(**dict.fromkeys((*SAVED, *DESTINATIONS)))


def saved_text(args: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """Return the saved form of the options of a run: a JSON array of command-line words.

    Raises:
        UsageError: the text is too long.
    """
    text = json.dumps(_as_words(args, (*SAVED, *DESTINATIONS), environment), separators=(",", ":"))
    if len(text) > _LONGEST:
        raise UsageError(
            f"the options have more than {_LONGEST} characters, too many to be saved; shorten them"
        )
    return text


def resume_command(args: argparse.Namespace, environment: Mapping[str, str], *, include_saved: bool) -> str:
    """Return the command that continues a run, quoted for a shell.

    Args:
        args: the options of the run.
        environment: environment variables.
        include_saved: name the options of `SAVED` too, which then apply to all notes.
    """
    names = (*SAVED, *DESTINATIONS, *ONE_RUN) if include_saved else (*DESTINATIONS, *ONE_RUN)
    directory = getattr(args, "directory", None)
    where = ["-d", directory] if directory else []
    return shlex.join(["xharchive", "resume", *where, *_as_words(args, names, environment)])


def options_text(args: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """Return the saved options that differ from the defaults, for people."""
    return shlex.join(_as_words(args, SAVED, environment)) or "the default options"


def with_saved(
    args: argparse.Namespace, saved: str | None, environment: Mapping[str, str]
) -> argparse.Namespace:
    """Return the arguments of `resume` for notes with these saved options.

    Options of the user and the environment come first, then the saved ones, then the defaults.

    Args:
        args: the arguments of `resume`; None for each saved option that the user did not give.
        saved: the saved text; None for none.
        environment: environment variables.

    Raises:
        UsageError: the saved options are not valid, or would send requests to another address.
    """
    asked = _parse(saved)
    completed = argparse.Namespace(**vars(args))
    for name in SAVED:
        if getattr(args, name) is None and not environment.get(_VARIABLES.get(name, "")):
            setattr(completed, name, getattr(asked, name))
    if not args.dry_run:
        _check_destinations(args, asked, environment)
    defaults = _parse(None)
    for name in DESTINATIONS:
        if getattr(args, name) is None:
            setattr(completed, name, getattr(defaults, name))
    return completed


def _parse(saved: str | None) -> argparse.Namespace:
    try:
        words = json.loads(saved or "[]")
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UsageError(_not_valid("they are not a list of words"))
    try:
        return _parser().parse_args(words)
    except UsageError as problem:
        raise UsageError(_not_valid(one_line(str(problem))[:_LONGEST_SHOWN])) from None


def _not_valid(why: str) -> str:
    return (
        f"the options saved with unfinished notes are not valid ({why}); to use only those that you give: "
        "xharchive resume --no-kept-options"
    )


def _check_destinations(
    args: argparse.Namespace, asked: argparse.Namespace, environment: Mapping[str, str]
) -> None:
    """Check that the user names the addresses of the saved options, if they are not the default ones.

    Raises:
        UsageError: the user does not name them.
    """
    missing = [name for name in DESTINATIONS if getattr(args, name) is None]
    if environment.get(_ALLOW_HOSTS) and "allow_host" in missing:
        missing.remove("allow_host")
    words = _as_words(asked, missing, {})
    if not words or words == ["--allow-plain-http"]:  # has no effect without an address
        return
    command = f"{resume_command(args, environment, include_saved=True)} {shlex.join(words)}"
    if len(command) > _LONGEST_SHOWN:
        command = f"xharchive resume with {', '.join(sorted({word for word in words if word[:2] == '--'}))}"
    raise UsageError(
        "unfinished notes were asked for at another address, which is not taken from the archive, because "
        f"your token would be sent there; if you know and trust it, run: {one_line(command)}"
    )


def _as_words(args: argparse.Namespace, names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Return the options, with those of the environment, that differ from the defaults, as words."""
    defaults = vars(_parse(None))
    words: list[str] = []
    for name in names:
        value = getattr(args, name, None)
        if value is None:
            value = environment.get(_VARIABLES.get(name, "")) or None
        if name == "allow_host":
            hosts = [environment.get(_ALLOW_HOSTS, ""), *(value or [])]
            value = [host for text in hosts for host in text.split(",") if host.strip()]
        if value is not None and value != defaults[name]:
            words += _option(name, value)
    return words


def _option(name: str, value: object) -> list[str]:
    option = "--" + name.replace("_", "-")
    if value is True:
        return [option]
    if value is False:
        return []
    if isinstance(value, list):
        return [word for item in value for word in (option, str(item).strip())]
    if name == "api_rate" and isinstance(value, float):
        return [option, rate_text(value)]
    return [option, str(value).removesuffix(".0") if isinstance(value, float) else str(value)]
