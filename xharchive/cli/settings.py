"""The settings of a run: from options, else environment variables, and back into options."""

import argparse
import importlib.util
import json
import os
import re
import shlex
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from xharchive.api import Rate
from xharchive.cli.options import RUN_OPTIONS, rate_text
from xharchive.cli.parser import CommandParser
from xharchive.download import FetchOptions
from xharchive.errors import UsageError
from xharchive.host_allowlist import AllowList, is_local, parse_allowed, parse_overrides
from xharchive.http import MIN_RATE, TransportOptions
from xharchive.images import ConvertOptions, ImageFormat
from xharchive.models import NoteType
from xharchive.parsers import parse_endpoint_order
from xharchive.progress import ProgressOptions
from xharchive.proxies import Proxies, read_proxies
from xharchive.redaction import Secret
from xharchive.retry import RetryPolicy
from xharchive.run import ArchiveOptions
from xharchive.sources.requested_notes import NoteFilter
from xharchive.url_candidates import Preference

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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

_Options = TypeVar("_Options", bound="DataclassInstance")
_TOKEN = "XHARCHIVE_TOKEN"  # noqa: S105 - the variable's name, not its value
ALLOW_HOSTS = "XHARCHIVE_ALLOW_HOSTS"
VARIABLES = {"min_rate": "XHARCHIVE_MIN_RATE", "patience": "XHARCHIVE_PATIENCE"}
"""Environment variables that set an option if the user does not give it."""
_LONGEST_TOKEN = 4096
_LONGEST_PATIENCE = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_BYTE_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KM]?)", re.IGNORECASE)
_BYTES_IN = {"": 1, "K": 1024, "M": 1024 * 1024}
_LONGEST = 60_000  # characters; a line of the list of pending notes has 64 KiB


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The options of a run as the command line has them, each under the name of its option."""

    # where requests go, and with which token
    api_base: str
    allow_plain_http: bool
    allow_host: tuple[str, ...]
    resolve: tuple[str, ...]
    token_file: str | None
    proxy: str | None
    no_proxy: bool
    # which notes, assets and calls
    endpoints: str
    prefer: str
    image_format: str
    quality: int
    no_gallery: bool
    no_reresolve: bool
    trust_index: bool
    recheck_empty: bool
    strict_empty: bool
    # money
    dry_run: bool
    max_calls: int | None
    confirm_above: int | None
    on_unknown: str
    # speed and patience
    jobs: int
    per_host: int
    api_jobs: int
    api_rate: float | None
    api_timeout: float
    timeout: float
    min_rate: str | None
    patience: str | None
    retries: int
    retry_wait: float
    no_ranges: bool
    # output
    quiet: bool
    verbose: int
    json: bool
    # not every command has it
    resolve_links: bool = False


def from_arguments(kind: type[_Options], args: argparse.Namespace, **others: object) -> _Options:
    """Return a value with a field for each option; `others` are the fields that are no options.

    A list becomes a tuple. An option that the parser does not have keeps its default.
    """
    given: dict[str, Any] = vars(args) | others
    values = {field.name: given[field.name] for field in fields(kind) if field.name in given}
    return kind(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    )


def note_filter(args: argparse.Namespace) -> NoteFilter:
    """Return the filter in parsed arguments with --after, --before and --type.

    Raises:
        UsageError: the filter accepts no note.
    """
    return NoteFilter(args.after, args.before, NoteType(args.type) if args.type else None)


def archive_options(settings: RunSettings, environment: Mapping[str, str]) -> ArchiveOptions:
    """Return the settings of a run.

    Raises:
        UsageError: a setting is wrong, or the token is missing.
    """
    allowed = [environment.get(ALLOW_HOSTS, ""), *settings.allow_host]
    borders = AllowList(parse_allowed(allowed), parse_overrides(list(settings.resolve)))
    transport = TransportOptions(
        api_base=_api_base(settings, borders),
        token=_token(settings.token_file, environment),
        borders=borders,
        proxies=_proxies(settings, environment),
        stall=settings.timeout,
        min_rate=_min_rate(settings, environment),
        api_timeout=settings.api_timeout,
        jobs=settings.jobs,
        per_host=settings.per_host,
        api_jobs=settings.api_jobs,
    )
    return ArchiveOptions(
        transport=transport,
        convert=ConvertOptions(image_format=ImageFormat(settings.image_format), quality=settings.quality),
        fetch=FetchOptions(ranges=not settings.no_ranges, patience=_patience(settings, environment)),
        retry=RetryPolicy(settings.retries, settings.retry_wait),
        endpoints=parse_endpoint_order(settings.endpoints),
        prefer=Preference(settings.prefer),
        rate=None if settings.api_rate is None else Rate(settings.api_rate),
        max_calls=settings.max_calls,
        renew=not settings.no_reresolve,
        recheck_empty=settings.recheck_empty,
        report_each=settings.json or settings.verbose > 0,
        gallery=not settings.no_gallery,
    )


def progress_options(settings: RunSettings, options: ArchiveOptions) -> ProgressOptions:
    """Return how much to print."""
    return ProgressOptions(settings.quiet, settings.verbose, settings.json, options.transport.token)


def _token(file: str | None, environment: Mapping[str, str]) -> Secret:
    """Return the token from a private file, else from XHARCHIVE_TOKEN."""
    token = (_token_in(Path(file)) if file else environment.get(_TOKEN, "")).strip()
    if not token:
        raise UsageError(
            f"no API token: set {_TOKEN}, or put it into a file of mode 0600 and name it with --token-file "
            "(`xharchive demo` needs none)"
        )
    if len(token) > _LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("the API token has characters that a token cannot have; copy it again")
    return Secret(token)


def _token_in(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"--token-file {path}: others can read it; run: chmod 600 {path}")
        return path.read_text("utf-8-sig", errors="replace")
    except OSError as problem:
        raise UsageError(f"--token-file {path}: {problem.strerror}") from None


def _proxies(settings: RunSettings, environment: Mapping[str, str]) -> Proxies:
    proxies = read_proxies(settings.proxy, environment, off=settings.no_proxy)
    socks = next((proxy for proxy in proxies.all if proxy.is_socks), None)
    if socks is not None and importlib.util.find_spec("aiohttp_socks") is None:
        raise UsageError(
            f"the proxy {socks} needs a further library for SOCKS: pip install aiohttp-socks "
            "(or use no proxy: --no-proxy)"
        )
    return proxies


def _min_rate(settings: RunSettings, environment: Mapping[str, str]) -> float:
    """Return the least bytes per second of a download."""
    name, text = _given("min_rate", settings, environment)
    if text is None:
        return MIN_RATE
    found = _BYTE_RATE.fullmatch(text)
    if found is None:
        raise UsageError(f"{name}: expected bytes a second, as 500, 2K or 1M (0: any rate)")
    return float(found[1]) * _BYTES_IN[found[2].upper()]


def _patience(settings: RunSettings, environment: Mapping[str, str]) -> float | None:
    """Return the longest total wait for a file in seconds, None for the default."""
    name, text = _given("patience", settings, environment)
    if text is None:
        return None
    if not _SECONDS.fullmatch(text) or float(text) > _LONGEST_PATIENCE:
        raise UsageError(f"{name}: expected seconds from 0 to 86400, as 30")
    return float(text)


def _given(name: str, settings: RunSettings, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the option or the variable that sets a value, and the text there, None if neither does."""
    text: str | None = getattr(settings, name)
    variable = VARIABLES[name]
    return (_dashed(name), text) if text is not None else (variable, environment.get(variable) or None)


def _api_base(settings: RunSettings, borders: AllowList) -> str:
    base = str(settings.api_base).rstrip("/")
    if not _is_base(base):
        raise UsageError("--api-base: expected an address as https://api.justoneapi.com")
    if _is_unencrypted(base, borders) and not settings.allow_plain_http:
        raise UsageError(
            f"--api-base {base}: over plain http the token travels in clear; "
            "use https, or accept it with --allow-plain-http"
        )
    return base


def _is_base(base: str) -> bool:
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return False
    bare = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and bare


def plain_http_warning(options: ArchiveOptions) -> str:
    """Return a warning if the token will travel unencrypted, else ""."""
    transport = options.transport
    if not _is_unencrypted(transport.api_base, transport.borders):
        return ""
    host = urlsplit(transport.api_base).hostname
    return f"the token travels in clear to {host}: everyone on the way can read and use it"


def _is_unencrypted(base: str, borders: AllowList) -> bool:
    parts = urlsplit(base)
    moved = borders.exact_override(parts.hostname or "")
    if moved is not None:
        return not is_local(moved.address)
    return parts.scheme == "http" and not is_local(parts.hostname or "")


def saved_text(settings: RunSettings, environment: Mapping[str, str]) -> str:
    """Return the saved form of the options of a run: a JSON array of command-line words.

    Raises:
        UsageError: the text is too long.
    """
    text = json.dumps(as_words(settings, (*SAVED, *DESTINATIONS), environment), separators=(",", ":"))
    if len(text) > _LONGEST:
        raise UsageError(
            f"the options have more than {_LONGEST} characters, too many to be saved; shorten them"
        )
    return text


def resume_command(
    directory: str, settings: RunSettings, environment: Mapping[str, str], *, include_saved: bool
) -> str:
    """Return the command that continues a run, quoted for a shell.

    `include_saved`: name the options of `SAVED` too, which then apply to all notes.
    """
    names = (*SAVED, *DESTINATIONS, *ONE_RUN) if include_saved else (*DESTINATIONS, *ONE_RUN)
    words = as_words(settings, names, environment)
    return shlex.join(["xharchive", "resume", "-d", directory, *words])


@cache
def default_settings() -> RunSettings:
    """Return the options of a run that names none."""
    parser = CommandParser()
    parser.add_options(RUN_OPTIONS)
    return from_arguments(RunSettings, parser.parse_args([]))


def as_words(settings: RunSettings, names: Iterable[str], environment: Mapping[str, str]) -> list[str]:
    """Return the options, with those of the environment, that differ from the defaults, as words."""
    defaults = default_settings()
    words: list[str] = []
    for name in names:
        value = getattr(settings, name)
        if name in VARIABLES:
            value = _given(name, settings, environment)[1]
        elif name == "allow_host":
            hosts = [environment.get(ALLOW_HOSTS, ""), *value]
            value = tuple(host for text in hosts for host in text.split(",") if host.strip())
        if value is not None and value != getattr(defaults, name):
            words += _option(name, value)
    return words


def _option(name: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [_dashed(name)] if value else []
    if isinstance(value, tuple):
        return [word for item in value for word in (_dashed(name), str(item).strip())]
    if name == "api_rate" and isinstance(value, float):
        return [_dashed(name), rate_text(value)]
    return [_dashed(name), str(value).removesuffix(".0") if isinstance(value, float) else str(value)]


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")
