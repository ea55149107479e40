"""Options that several verbs share, and the forms of their values. Only argparse: help must be quick."""

import argparse
import os
import re
from collections.abc import Callable

__all__ = [
    "DEFAULT_DIRECTORY",
    "add_directory",
    "add_run_options",
    "add_verb",
    "number",
    "price",
    "rate",
    "rate_text",
    "user_path",
]

DEFAULT_DIRECTORY = "archive"
_MOST_CALLS = 1_000_000_000
_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])")
_SECONDS_IN = {"s": 1.0, "m": 60.0, "h": 3600.0}


def add_verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str,
    description: str,
    examples: str,
) -> argparse.ArgumentParser:
    """Add a verb whose help ends with examples."""
    parser = verbs.add_parser(
        name,
        help=summary,
        description=description,
        epilog="examples:\n" + examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def add_directory(parser: argparse.ArgumentParser, default: str = "") -> None:
    """Add -d/--directory; without a default, `which_archive` finds the folder if the user does not say."""
    found = f"XHARCHIVE_DIR, else the archive around the current folder, else ./{DEFAULT_DIRECTORY}"
    parser.add_argument(
        "-d",
        "--directory",
        metavar="DIR",
        type=user_path,
        default=default or None,
        help=f"the archive's folder (default: {f'./{default}' if default else found})",
    )


def user_path(text: str) -> str:
    """Return a path with `~` in front replaced, as a shell does; for `type=` of an option."""
    return os.path.expanduser(text)  # noqa: PTH111 - a name of no user stays as it is


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add everything that steers a run."""
    _add_api(parser.add_argument_group("API"))
    _add_archive(parser.add_argument_group("what is there already"))
    _add_money(parser.add_argument_group("money: every API call costs"))
    _add_network(parser.add_argument_group("media and network"))
    _add_pictures(parser.add_argument_group("pictures"))
    add_output(parser.add_argument_group("output"))


def _add_api(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--token-file",
        metavar="FILE",
        type=user_path,
        help="file with the API token, mode 0600 (else XHARCHIVE_TOKEN is read)",
    )
    group.add_argument(
        "--api-base",
        metavar="URL",
        default="https://api.justoneapi.com",
        help="the API's address (default: https://api.justoneapi.com)",
    )
    group.add_argument(
        "--allow-plain-http",
        action="store_true",
        help="allow an --api-base with plain http: the token then travels in clear",
    )
    group.add_argument(
        "--endpoints",
        metavar="LIST",
        default="v1,v6,pgy",
        help="endpoints to ask, in this order: v1 v3 v6 v7 pgy (default: v1,v6,pgy)",
    )
    group.add_argument(
        "--api-jobs", metavar="N", type=number(1, 64), default=3, help="API calls at once (default: 3)"
    )
    group.add_argument(
        "--api-rate",
        metavar="N/s",
        type=rate,
        help="at most so many API calls, retries included, evenly spread: 2/s, 30/m (a minute), 500/h (an "
        "hour); media arrive and are converted meanwhile (default: as many as --api-jobs lets through)",
    )
    group.add_argument(
        "--api-timeout",
        metavar="S",
        type=_seconds,
        default=120.0,
        help="longest API call in seconds (default: 120)",
    )
    group.add_argument(
        "--retries",
        metavar="N",
        type=number(0, 100),
        default=2,
        help="further tries after a fault that may pass (default: 2)",
    )
    group.add_argument(
        "--retry-wait",
        metavar="S",
        type=_pause,
        default=1.0,
        help="first pause before a further try, doubled each time (default: 1); while the API does not reply "
        "to any note, the first pause is five times as long",
    )


def _add_archive(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--trust-index",
        action="store_true",
        help="believe the catalog which notes are finished, without a look at their files: quick where they "
        "are very many or the disk is slow. Files that somebody removed, cut or changed since are then not "
        "noticed, nor fetched again",
    )
    group.add_argument(
        "--strict-empty",
        action="store_true",
        help="exit with 3 also for notes that an earlier run found empty (else for those found empty now)",
    )


def _add_money(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="say what is there and what would be paid; nothing is sent",
    )
    group.add_argument(
        "--max-calls",
        metavar="N",
        type=number(0, _MOST_CALLS),
        help="stop before call N+1 of this run, with exit code 4 (0: use kept replies only); attempts that "
        "never left this machine do not count",
    )
    group.add_argument(
        "--confirm-above",
        metavar="N",
        type=number(0, _MOST_CALLS),
        help="ask before a run that needs more than N calls (retries and expired addresses come on top); "
        "without a terminal stop, with exit code 4",
    )
    group.add_argument(
        "--on-unknown",
        choices=("ask", "pay", "skip"),
        default="ask",
        help="what to do about a call that was cut off in an earlier run and may have been billed "
        "(default: ask; without a terminal skip, with exit code 4)",
    )
    group.add_argument(
        "--no-reresolve",
        action="store_true",
        help="never pay again for a note whose media addresses have expired (else once a note and run)",
    )
    group.add_argument(
        "--recheck-empty",
        action="store_true",
        help="ask again for notes that were empty when they were asked for",
    )


def _add_network(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        type=number(1, 512),
        default=16,
        help="media transfers at once (default: 16)",
    )
    group.add_argument(
        "--per-host",
        metavar="N",
        type=number(1, 512),
        default=8,
        help="of these, to one host (default: 8)",
    )
    group.add_argument(
        "--no-ranges",
        action="store_true",
        help="fetch each file over one connection (else up to four for one over 16 MB, while others of the N "
        "are idle)",
    )
    group.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        default=30.0,
        help="longest silence while media arrive, and longest wait for the headers of an answer, in seconds "
        "(default: 30)",
    )
    group.add_argument(
        "--min-rate",
        metavar="RATE",
        help="least bytes a second of each media transfer, on average over twice --timeout: 500, 2K, 1M; a "
        "slower host is left for the next mirror (default: 256; 0: any rate; also XHARCHIVE_MIN_RATE)",
    )
    group.add_argument(
        "--patience",
        metavar="S",
        help="longest wait for one file in all, in seconds: pauses between tries, busy hosts; not the time "
        "in which it arrives (default: 120 for hosts that say how long, else 70 times --retry-wait; also "
        "XHARCHIVE_PATIENCE)",
    )
    group.add_argument(
        "--prefer",
        choices=("original", "largest", "fast"),
        default="original",
        help="what to try first: the upload, the largest rendition, the lightest (default: original)",
    )
    group.add_argument(
        "--allow-host",
        metavar="HOST[:PORT]",
        action="append",
        default=[],
        help="add a media host (repeatable, comma-separated, also XHARCHIVE_ALLOW_HOSTS); "
        "a loopback or private address needs its exact port",
    )
    group.add_argument(
        "--resolve",
        metavar="HOST=ADDRESS:PORT",
        action="append",
        default=[],
        help="send a host's requests to another address over plain http (repeatable; *: every media host)",
    )

    proxy = group.add_mutually_exclusive_group()
    proxy.add_argument(
        "--proxy",
        metavar="URL",
        help="send API calls and media requests through a proxy: http://HOST:PORT, or socks5h://HOST:PORT "
        "with aiohttp-socks installed (default: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; exceptions: NO_PROXY)",
    )
    proxy.add_argument("--no-proxy", action="store_true", help="use no proxy of the environment")


def _add_pictures(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--image-format",
        choices=("keep", "jpeg", "png", "webp", "avif"),
        default="jpeg",
        help="what HEIF pictures are converted to, beside the original (default: jpeg; keep: not at all)",
    )
    group.add_argument(
        "--quality",
        metavar="N",
        type=number(1, 100),
        default=92,
        help="quality of converted pictures (default: 92)",
    )


def add_output(group: "argparse._ArgumentGroup") -> None:
    """Add what is shown, and how."""
    group.add_argument("-q", "--quiet", action="store_true", help="show troubles only")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="show every API call and refused address too"
    )
    group.add_argument("--json", action="store_true", help="events as JSON lines on standard output")
    group.add_argument(
        "--no-gallery",
        action="store_true",
        help="do not refresh the pages to browse (later: xharchive gallery)",
    )


def number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads a whole number between two others; for `type=` of an option."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least} to {most}, not {text}")
        return value

    return number


def rate(text: str) -> float:
    """Return the seconds between two calls at a rate as 2/s, 30/m or 500/h; for `type=` of an option.

    Raises:
        ArgumentTypeError: it is none.
    """
    found = _RATE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            "expected a number of calls a second, minute or hour, as 2/s, 30/m or 500/h"
        )
    return _SECONDS_IN[found[2]] / int(found[1])


def rate_text(seconds: float) -> str:
    """Return the rate whose calls are so many seconds apart, in the form that `rate` reads."""
    for unit, length in _SECONDS_IN.items():
        calls = round(length / seconds)
        if calls and abs(calls * seconds - length) < 1e-6 * length:
            return f"{calls}/{unit}"
    return f"{max(1, int(_SECONDS_IN['h'] / seconds))}/h"


def _seconds(text: str) -> float:
    value = _pause(text)
    if value == 0:
        raise argparse.ArgumentTypeError("expected more than 0 seconds")
    return value


def price(text: str) -> float:
    """Return the price of a call; for `type=` of an option.

    Raises:
        ValueError, ArgumentTypeError: it is none.
    """
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a price, not {text}")
    return value


def _pause(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to 86400, not {text}")
    return value
