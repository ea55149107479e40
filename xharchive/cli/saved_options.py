"""The options of a run that are kept with its unfinished notes, and that `resume` goes on with.

An archive may come from somebody else, so what is kept in it is foreign input: it is read by the parser of
the command line, and only the options named here are used of it. Those that decide where requests go are
never used, because the token goes there too: `resume` stops and says what to add to the command.
"""

import argparse
import json
import shlex
from collections.abc import Iterable, Mapping
from typing import NoReturn

from xharchive.cli.options import add_run_options, rate_text
from xharchive.errors import UsageError
from xharchive.sanitize import one_line

__all__ = [
    "ONCE",
    "PLACES",
    "RESULT",
    "SECRET",
    "kept_text",
    "leave_open",
    "options_text",
    "resume_command",
    "with_kept",
]

RESULT = (
    *("endpoints", "image_format", "quality", "prefer", "no_gallery"),
    *("resolve_links", "api_rate", "api_timeout"),
    *("retries", "retry_wait", "patience", "timeout", "min_rate"),
)
"""What shapes the notes, what is paid for them, and how patient the run is: kept, and used again."""
PLACES = ("api_base", "allow_plain_http", "allow_host", "resolve")
"""Where requests go: kept, but only compared with what the user says."""
ONCE = (
    *("token_file", "max_calls", "confirm_above", "on_unknown", "no_reresolve"),
    *("trust_index", "strict_empty"),
    *("jobs", "per_host", "api_jobs", "no_ranges", "no_proxy"),
)
"""What concerns one run: not kept, but printed with the command that goes on with it."""
SECRET = ("proxy",)
"""What may hold a password: neither kept nor printed."""

_ALLOW_HOSTS = "XHARCHIVE_ALLOW_HOSTS"
_OTHERWISE = {"min_rate": "XHARCHIVE_MIN_RATE", "patience": "XHARCHIVE_PATIENCE"}
"""Where the values of options come from that the user does not give."""
_LONGEST = 60_000  # characters; a line of the list of pending notes has 64 KiB
_LONGEST_SHOWN = 1000


class _Parser(argparse.ArgumentParser):
    """Reads options, and raises where argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _parser() -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resolve-links", action="store_true")
    add_run_options(parser)
    return parser


def leave_open(parser: argparse.ArgumentParser) -> None:
    """Have a parser say None for each option that is kept and that the user did not give."""
    parser.set_defaults(**dict.fromkeys((*RESULT, *PLACES)))


def kept_text(args: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """Return the options of a run as they are kept: a JSON array of command-line words.

    Raises:
        UsageError: they are too many.
    """
    text = json.dumps(_words(args, (*RESULT, *PLACES), environment), separators=(",", ":"))
    if len(text) > _LONGEST:
        raise UsageError(
            f"the options have more than {_LONGEST} characters, too many to be kept; shorten them"
        )
    return text


def resume_command(args: argparse.Namespace, environment: Mapping[str, str], *, with_result: bool) -> str:
    """Return the command that goes on with a run, to be pasted into a shell.

    Args:
        with_result: name also those options that are kept and used again, which are then used for all notes.
    """
    names = (*RESULT, *PLACES, *ONCE) if with_result else (*PLACES, *ONCE)
    directory = getattr(args, "directory", None)
    where = ["-d", directory] if directory else []
    return shlex.join(["xharchive", "resume", *where, *_words(args, names, environment)])


def options_text(args: argparse.Namespace, environment: Mapping[str, str]) -> str:
    """Return for people which options that are kept differ from the defaults."""
    return shlex.join(_words(args, RESULT, environment)) or "the default options"


def with_kept(
    args: argparse.Namespace, kept: str | None, environment: Mapping[str, str]
) -> argparse.Namespace:
    """Return the arguments of `resume` for notes that were asked for with the kept options.

    What the user or the environment says counts, then what is kept, then the default.

    Raises:
        UsageError: what is kept is not valid, or requests would go elsewhere than the user says.
    """
    asked = _parsed(kept)
    completed = argparse.Namespace(**vars(args))
    for name in RESULT:
        if getattr(args, name) is None and not environment.get(_OTHERWISE.get(name, "")):
            setattr(completed, name, getattr(asked, name))
    if not args.dry_run:
        _check_places(args, asked, environment)
    defaults = _parsed(None)
    for name in PLACES:
        if getattr(args, name) is None:
            setattr(completed, name, getattr(defaults, name))
    return completed


def _parsed(kept: str | None) -> argparse.Namespace:
    try:
        words = json.loads(kept or "[]")
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
        f"the options kept with unfinished notes are not valid ({why}); to use only those that you give: "
        "xharchive resume --no-kept-options"
    )


def _check_places(
    args: argparse.Namespace, asked: argparse.Namespace, environment: Mapping[str, str]
) -> None:
    """Check that the user says where requests go, if the unfinished notes were asked for elsewhere.

    Raises:
        UsageError: the user does not.
    """
    missing = [name for name in PLACES if getattr(args, name) is None]
    if environment.get(_ALLOW_HOSTS) and "allow_host" in missing:
        missing.remove("allow_host")
    words = _words(asked, missing, {})
    if not words or words == ["--allow-plain-http"]:  # which means nothing without an address
        return
    command = f"{resume_command(args, environment, with_result=True)} {shlex.join(words)}"
    if len(command) > _LONGEST_SHOWN:
        command = f"xharchive resume with {', '.join(sorted({word for word in words if word[:2] == '--'}))}"
    raise UsageError(
        "unfinished notes were asked for at another address, which is not taken from the archive, because "
        f"your token would be sent there; if you know and trust it, run: {one_line(command)}"
    )


def _words(args: argparse.Namespace, names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Return the options that are not the default as command-line words, those of the environment too."""
    defaults = vars(_parsed(None))
    words: list[str] = []
    for name in names:
        value = getattr(args, name, None)
        if value is None:
            value = environment.get(_OTHERWISE.get(name, "")) or None
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
