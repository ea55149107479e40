"""The options of the commands, as data, and the readers of their values. Imports only what help needs."""

import argparse
import locale
import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from xharchive.cli.parser import Option, Options, option

DEFAULT_DIRECTORY = "archive"
_MOST = 1_000_000_000  # notes, pages or calls
_CHINA = timezone(timedelta(hours=8))
_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])")
_SECONDS_IN = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DAY = 86_400  # seconds


def user_path(text: str) -> str:
    """Return a path with a leading `~` expanded, as a shell does."""
    return os.path.expanduser(text)  # noqa: PTH111 - keeps a `~name` of no user as it is


def text_of_argument(argument: str) -> str:
    """Return the text of a command-line argument in UTF-8 or in the encoding of the locale (decision 0027).

    For words, not for paths: a path is the bytes that the user typed. UTF-8 comes first, because few texts in
    another encoding are valid UTF-8. A text in neither is refused: to search for a wrong text costs a call.
    """
    try:
        argument.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(argument).decode(locale.getencoding())
        except (UnicodeDecodeError, LookupError):
            raise argparse.ArgumentTypeError(
                "it is neither UTF-8 nor in the encoding of the locale; was it typed or pasted whole?"
            ) from None
    return argument


def number(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least} to {most}, not {text}")
        return value

    read.__name__ = "number"  # argparse names it in "invalid number value"
    return read


def rate(text: str) -> float:
    """Return the seconds between two calls at a rate such as 2/s, 30/m or 500/h."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            "expected a number of calls per second, minute or hour, as 2/s, 30/m or 500/h"
        )
    return _SECONDS_IN[found[2]] / int(found[1])


def rate_text(interval: float) -> str:
    """Return the rate of calls that are `interval` seconds apart, in the form that `rate` reads."""
    for unit, length in _SECONDS_IN.items():
        calls = round(length / interval)
        if calls and abs(calls * interval - length) < 1e-6 * length:
            return f"{calls}/{unit}"
    return f"{max(1, int(_SECONDS_IN['h'] / interval))}/h"


def price(text: str) -> float:
    """Return the price of a call, in any currency."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a price, not {text}")
    return value


def seconds(text: str) -> float:
    """Return a number of seconds from 0 to a day."""
    value = float(text)
    if not 0 <= value <= _DAY:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to {_DAY}, not {text}")
    return value


def _positive_seconds(text: str) -> float:
    value = seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("expected more than 0 seconds")
    return value


def _day(text: str) -> datetime:
    """Return the start of a day in China, the time zone of the platform."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=_CHINA)


_FOUND = f"XHARCHIVE_DIR, else the archive around the current folder, else ./{DEFAULT_DIRECTORY}"


def directory(default: str = "") -> Option:
    """Return -d/--directory. Without a default, `find_directory` finds the folder."""
    text = f"folder of the archive (default: {f'./{default}' if default else _FOUND})"
    brief = f"archive (default: XHARCHIVE_DIR, else ./{DEFAULT_DIRECTORY})"
    return option("archive: -d, --directory DIR", text, brief=brief, type=user_path, default=default or None)


DIRECTORY = directory()
JSON_OBJECT = option("output: --json", "print one JSON object on standard output")
TYPE = option("selection: --type", "only notes of this type", brief=True, choices=("image", "video"))
DAYS = (
    option(
        "selection: --after DATE",
        "only notes published on this day (YYYY-MM-DD) or later",
        brief="only notes published on this day or later",
        type=_day,
    ),
    option(
        "selection: --before DATE",
        "only notes published before this day (YYYY-MM-DD)",
        brief="only notes published before this day",
        type=_day,
    ),
)


def limit(text: str) -> Option:
    """Return --limit, with its text in the help."""
    return option("selection: --limit N", text, brief=True, type=number(1, _MOST))


def resolve_links(links: str) -> Option:
    """Return --resolve-links; `links` says in its help what it is about and what it costs."""
    return option("money: --resolve-links", f"ask the API about {links}")


def listing_options(pages: int | None) -> Options:
    """Return the options that all listings share; `pages`: how many to read by default, None means all."""
    many = f"read at most N pages (default: {pages or 'all'}"
    return (
        TYPE,
        limit("stop after N notes"),
        option(
            "selection: --pages N",
            f"{many}; with --limit: as many as it needs)",
            brief=f"{many})",
            type=number(1, _MOST),
        ),
        *DAYS,
        option("output: --ids", "print an id per line instead of JSON lines", brief=True),
        option("archive: --get", "archive the notes too, into the folder of -d", brief=True),
        option(
            "money: --anew", "pay for all pages again, from the first; do not continue an unfinished listing"
        ),
        DIRECTORY,
        *RUN_OPTIONS,
    )


OUTPUT = (
    option("output: -q, --quiet", "print problems only", brief=True),
    option(
        "output: -v, --verbose",
        "print each API call and each refused address too",
        brief="print each API call and each refused address",
        action="count",
        default=0,
    ),
    option(
        "output: --json", "print events as JSON lines on standard output", brief="print events as JSON lines"
    ),
    option("output: --no-gallery", "do not refresh the gallery at the end (later: xharchive gallery)"),
)
RUN_OPTIONS: Options = (
    option(
        "archive: --trust-index",
        "do not check the files of notes that the index lists as finished. Faster for large archives "
        "and slow disks, but deleted or changed files go unnoticed",
    ),
    option("archive: --recheck-empty", "ask the API again about notes that it did not have"),
    option(
        "archive: --strict-empty",
        "exit with code 3 also for notes that an earlier run found empty (default: only for those that "
        "this run finds empty)",
    ),
    option(
        "money: --dry-run",
        "print what is archived and what a run would pay; send nothing",
        brief="print what a run would do and pay; send nothing",
    ),
    option(
        "money: --max-calls N",
        "stop before call N+1 of this run, with exit code 4 (0: use saved replies only). Attempts that "
        "never left this machine do not count",
        brief="stop before call N+1 of this run",
        type=number(0, _MOST),
    ),
    option(
        "money: --confirm-above N",
        "ask before a run that needs more than N calls, not counting retries and calls for new "
        "addresses; without a terminal, stop with exit code 4",
        brief="ask before a run that needs more than N calls",
        type=number(0, _MOST),
    ),
    option(
        "money: --on-unknown ACTION",
        "what to do about a call that an interruption cut off and that may have been billed: ask, pay "
        "(again), or skip (default: ask; without a terminal: skip, with exit code 4)",
        choices=("ask", "pay", "skip"),
        default="ask",
    ),
    option(
        "money: --no-reresolve",
        "never pay for new media addresses when those of a note have expired (default: at most one call "
        "per note and run)",
    ),
    option(
        "API: --token-file FILE",
        "file with the API token, mode 0600 (default: the token in XHARCHIVE_TOKEN)",
        brief="file with the API token (else XHARCHIVE_TOKEN)",
        type=user_path,
    ),
    option(
        "API: --endpoints LIST",
        "endpoints to ask, in this order: v1 v3 v6 v7 pgy (default: v1,v6,pgy)",
        default="v1,v6,pgy",
    ),
    option("API: --api-jobs N", "parallel API calls (default: 3)", type=number(1, 64), default=3),
    option(
        "API: --api-rate N/s",
        "rate limit of API calls, retries included: 2/s, 30/m (per minute), 500/h (per hour). Calls are "
        "spread evenly; downloads and conversion continue meanwhile (default: only --api-jobs is the "
        "limit)",
        brief="rate limit of API calls: 2/s, 30/m, 500/h",
        type=rate,
    ),
    option(
        "API: --api-timeout S",
        "time limit of one API call, in seconds (default: 120)",
        type=_positive_seconds,
        default=120.0,
    ),
    option(
        "API: --api-base URL",
        "address of the API (default: https://api.justoneapi.com)",
        default="https://api.justoneapi.com",
    ),
    option(
        "API: --allow-plain-http", "allow an --api-base with plain http; the token then travels unencrypted"
    ),
    option(
        "network: -j, --jobs N",
        "parallel downloads (default: 16)",
        brief=True,
        type=number(1, 512),
        default=16,
    ),
    option(
        "network: --per-host N",
        "parallel downloads from one host (default: 8)",
        type=number(1, 512),
        default=8,
    ),
    option(
        "network: --no-ranges",
        "use one connection per file (default: up to four for a file over 16 MB, while fewer than "
        "--jobs downloads are active)",
    ),
    option(
        "network: --retries N",
        "retries after a fault that may pass (default: 2)",
        type=number(0, 100),
        default=2,
    ),
    option(
        "network: --retry-wait S",
        "seconds before the first retry, doubled for each further one (default: 1); five times as long "
        "while the API replies to no note",
        type=seconds,
        default=1.0,
    ),
    option(
        "network: --timeout S",
        "longest wait for the headers of a response, and for the next bytes of a download, in seconds "
        "(default: 30)",
        type=_positive_seconds,
        default=30.0,
    ),
    option(
        "network: --min-rate RATE",
        "least bytes per second of a download, on average over twice --timeout: 500, 2K, 1M. A slower "
        "host gives way to the next mirror (default: XHARCHIVE_MIN_RATE, else 256; 0: any rate)",
    ),
    option(
        "network: --patience S",
        "longest total wait for one file, in seconds: pauses before retries and for busy hosts, not the "
        "download itself (default: XHARCHIVE_PATIENCE, else 120 for hosts that say how long they are "
        "busy, else 70 times --retry-wait)",
    ),
    option(
        "network: --prefer WHICH",
        "what to try first: original (the upload), largest, or fast, the lightest (default: original)",
        choices=("original", "largest", "fast"),
        default="original",
    ),
    option(
        "network: --allow-host HOST[:PORT]",
        "allow a further media host (repeatable, comma-separated, also XHARCHIVE_ALLOW_HOSTS). A "
        "loopback or private address needs its exact port",
        action="append",
        default=[],
    ),
    option(
        "network: --resolve HOST=ADDRESS:PORT",
        "send the requests for a host to another address, over plain http (repeatable; *: every media host)",
        action="append",
        default=[],
    ),
    (
        option(
            "network: --proxy URL",
            "send API calls and downloads through a proxy: http://HOST:PORT, or socks5h://HOST:PORT with "
            "aiohttp-socks installed (default: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, except for NO_PROXY)",
            brief="proxy for all requests (else HTTPS_PROXY)",
        ),
        option("network: --no-proxy", "ignore the proxies of the environment"),
    ),
    option(
        "pictures: --image-format FORMAT",
        "format of the copy beside each HEIF picture: jpeg, png, webp, avif, or keep for no copy "
        "(default: jpeg)",
        brief="format of copies of HEIF: jpeg, webp, ..., keep",
        choices=("keep", "jpeg", "png", "webp", "avif"),
        default="jpeg",
    ),
    option(
        "pictures: --quality N",
        "quality of these copies, from 1 to 100 (default: 92)",
        type=number(1, 100),
        default=92,
    ),
    *OUTPUT,
)
