"""Turns options and environment variables into the settings of a run. Options come first."""

import argparse
import importlib.util
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from xharchive.api import Rate
from xharchive.download import FetchOptions
from xharchive.errors import UsageError
from xharchive.host_allowlist import AllowList, is_local, parse_allowed, parse_overrides
from xharchive.http import MIN_RATE, TransportOptions
from xharchive.images import ConvertOptions, ImageFormat
from xharchive.parsers import parse_endpoint_order
from xharchive.progress import ProgressOptions
from xharchive.proxies import Proxies, read_proxies
from xharchive.redaction import Secret
from xharchive.retry import RetryPolicy
from xharchive.run import ArchiveOptions
from xharchive.url_candidates import Preference

__all__ = ["archive_options", "plain_http_warning", "progress_options", "read_token"]

_TOKEN = "XHARCHIVE_TOKEN"  # noqa: S105 - the variable's name, not its value
_ALLOW_HOSTS = "XHARCHIVE_ALLOW_HOSTS"
_LONGEST_TOKEN = 4096
_MIN_RATE = "XHARCHIVE_MIN_RATE"
_PATIENCE = "XHARCHIVE_PATIENCE"
_LONGEST_PATIENCE = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_BYTE_RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KM]?)", re.IGNORECASE)
_BYTES_IN = {"": 1, "K": 1024, "M": 1024 * 1024}


def archive_options(args: argparse.Namespace, environment: Mapping[str, str]) -> ArchiveOptions:
    """Return the settings of a run.

    Raises:
        UsageError: a setting is wrong, or the token is missing.
    """
    allowed = [environment.get(_ALLOW_HOSTS, ""), *args.allow_host]
    borders = AllowList(parse_allowed(allowed), parse_overrides(args.resolve))
    transport = TransportOptions(
        api_base=_api_base(args, borders),
        token=read_token(args.token_file, environment),
        borders=borders,
        proxies=_proxies(args, environment),
        stall=args.timeout,
        min_rate=_min_rate(args.min_rate, environment),
        api_timeout=args.api_timeout,
        jobs=args.jobs,
        per_host=args.per_host,
        api_jobs=args.api_jobs,
    )
    return ArchiveOptions(
        transport=transport,
        convert=ConvertOptions(image_format=ImageFormat(args.image_format), quality=args.quality),
        fetch=FetchOptions(ranges=not args.no_ranges, patience=_patience(args.patience, environment)),
        retry=RetryPolicy(args.retries, args.retry_wait),
        endpoints=parse_endpoint_order(args.endpoints),
        prefer=Preference(args.prefer),
        rate=None if args.api_rate is None else Rate(args.api_rate),
        max_calls=args.max_calls,
        renew=not args.no_reresolve,
        recheck_empty=args.recheck_empty,
        gallery=not args.no_gallery,
    )


def progress_options(args: argparse.Namespace, secret: Secret) -> ProgressOptions:
    """Return how much to print."""
    return ProgressOptions(args.quiet, args.verbose, args.json, secret)


def read_token(file: str | None, environment: Mapping[str, str]) -> Secret:
    """Return the token from a private file, else from XHARCHIVE_TOKEN.

    Raises:
        UsageError: the token is missing or malformed, or other users can read the file.
    """
    text = _token_in(Path(file)) if file else environment.get(_TOKEN, "")
    token = text.strip()
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


def _proxies(args: argparse.Namespace, environment: Mapping[str, str]) -> Proxies:
    """Return the proxies of a run.

    Raises:
        UsageError: an address is malformed, or is a SOCKS proxy and aiohttp-socks is not installed.
    """
    proxies = read_proxies(args.proxy, environment, off=args.no_proxy)
    socks = next((proxy for proxy in proxies.all if proxy.is_socks), None)
    if socks is not None and importlib.util.find_spec("aiohttp_socks") is None:
        raise UsageError(
            f"the proxy {socks} needs a further library for SOCKS: pip install aiohttp-socks "
            "(or use no proxy: --no-proxy)"
        )
    return proxies


def _min_rate(option: str | None, environment: Mapping[str, str]) -> float:
    """Return the least bytes per second of a download: --min-rate, else XHARCHIVE_MIN_RATE, else the default.

    Raises:
        UsageError: the rate is malformed.
    """
    name, text = (
        ("--min-rate", option) if option is not None else (_MIN_RATE, environment.get(_MIN_RATE) or None)
    )
    if text is None:
        return MIN_RATE
    found = _BYTE_RATE.fullmatch(text)
    if found is None:
        raise UsageError(f"{name}: expected bytes a second, as 500, 2K or 1M (0: any rate)")
    return float(found[1]) * _BYTES_IN[found[2].upper()]


def _patience(option: str | None, environment: Mapping[str, str]) -> float | None:
    """Return the longest total wait for a file in seconds: --patience, else XHARCHIVE_PATIENCE, else None.

    Raises:
        UsageError: the value is no number of seconds from 0 to a day.
    """
    name, text = (
        ("--patience", option) if option is not None else (_PATIENCE, environment.get(_PATIENCE) or None)
    )
    if text is None:
        return None
    if not _SECONDS.fullmatch(text) or float(text) > _LONGEST_PATIENCE:
        raise UsageError(f"{name}: expected seconds from 0 to 86400, as 30")
    return float(text)


def _api_base(args: argparse.Namespace, borders: AllowList) -> str:
    base = str(args.api_base).rstrip("/")
    if not _is_base(base):
        raise UsageError("--api-base: expected an address as https://api.justoneapi.com")
    if _is_unencrypted(base, borders) and not args.allow_plain_http:
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
