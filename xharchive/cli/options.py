"""Options that several commands share. Imports only what help needs, so that help is quick."""

import argparse

from xharchive.cli.help import CommandParser
from xharchive.cli.selection_options import MOST, number, positive_seconds, rate, seconds, user_path

DEFAULT_DIRECTORY = "archive"


def add_directory(parser: CommandParser, default: str = "") -> None:
    """Add -d/--directory; without a default, `find_directory` finds the folder if the user does not say."""
    found = f"XHARCHIVE_DIR, else the archive around the current folder, else ./{DEFAULT_DIRECTORY}"
    parser.group("archive").add_argument(
        "-d",
        "--directory",
        metavar="DIR",
        type=user_path,
        default=default or None,
        help=f"folder of the archive (default: {f'./{default}' if default else found})",
    )


def add_json(parser: CommandParser) -> None:
    """Add --json of a command that prints one result."""
    parser.group("output").add_argument(
        "--json", action="store_true", help="print one JSON object on standard output"
    )


def add_resolve_links(parser: CommandParser, links: str) -> None:
    """Add --resolve-links; `links` says in its help what it is about and what it costs."""
    parser.group("money").add_argument(
        "--resolve-links", action="store_true", help=f"ask the API about {links}"
    )


def add_run_options(parser: CommandParser) -> None:
    """Add all options of a run, and list the common ones in the short help."""
    _add_archive(parser.group("archive"))
    _add_money(parser.group("money"))
    _add_api(parser.group("API"))
    _add_network(parser.group("network"))
    _add_proxies(parser.group("network").add_mutually_exclusive_group())
    _add_pictures(parser.group("pictures"))
    add_output(parser.group("output"))
    parser.common |= {
        "directory": f"archive (default: XHARCHIVE_DIR, else ./{DEFAULT_DIRECTORY})",
        "dry_run": "print what a run would do and pay; send nothing",
        "max_calls": "stop before call N+1 of this run",
        "confirm_above": "ask before a run that needs more than N calls",
        "token_file": "file with the API token (else XHARCHIVE_TOKEN)",
        "api_rate": "rate limit of API calls: 2/s, 30/m, 500/h",
        "jobs": "parallel downloads (default: 16)",
        "proxy": "proxy for all requests (else HTTPS_PROXY)",
        "image_format": "format of copies of HEIF: jpeg, webp, ..., keep",
        "quiet": "print problems only",
        "verbose": "print each API call and each refused address",
        "json": "print events as JSON lines",
    }


def _add_archive(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--trust-index",
        action="store_true",
        help="do not check the files of notes that the index lists as finished. Faster for large archives "
        "and slow disks, but deleted or changed files go unnoticed",
    )
    group.add_argument(
        "--recheck-empty", action="store_true", help="ask the API again about notes that it did not have"
    )
    group.add_argument(
        "--strict-empty",
        action="store_true",
        help="exit with code 3 also for notes that an earlier run found empty (default: only for those that "
        "this run finds empty)",
    )


def _add_money(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="print what is archived and what a run would pay; send nothing",
    )
    group.add_argument(
        "--max-calls",
        metavar="N",
        type=number(0, MOST),
        help="stop before call N+1 of this run, with exit code 4 (0: use saved replies only). Attempts that "
        "never left this machine do not count",
    )
    group.add_argument(
        "--confirm-above",
        metavar="N",
        type=number(0, MOST),
        help="ask before a run that needs more than N calls, not counting retries and calls for new "
        "addresses; without a terminal, stop with exit code 4",
    )
    group.add_argument(
        "--on-unknown",
        metavar="ACTION",
        choices=("ask", "pay", "skip"),
        default="ask",
        help="what to do about a call that an interruption cut off and that may have been billed: ask, pay "
        "(again), or skip (default: ask; without a terminal: skip, with exit code 4)",
    )
    group.add_argument(
        "--no-reresolve",
        action="store_true",
        help="never pay for new media addresses when those of a note have expired (default: at most one call "
        "per note and run)",
    )


def _add_api(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--token-file",
        metavar="FILE",
        type=user_path,
        help="file with the API token, mode 0600 (default: the token in XHARCHIVE_TOKEN)",
    )
    group.add_argument(
        "--endpoints",
        metavar="LIST",
        default="v1,v6,pgy",
        help="endpoints to ask, in this order: v1 v3 v6 v7 pgy (default: v1,v6,pgy)",
    )
    group.add_argument(
        "--api-jobs", metavar="N", type=number(1, 64), default=3, help="parallel API calls (default: 3)"
    )
    group.add_argument(
        "--api-rate",
        metavar="N/s",
        type=rate,
        help="rate limit of API calls, retries included: 2/s, 30/m (per minute), 500/h (per hour). Calls are "
        "spread evenly; downloads and conversion continue meanwhile (default: only --api-jobs is the limit)",
    )
    group.add_argument(
        "--api-timeout",
        metavar="S",
        type=positive_seconds,
        default=120.0,
        help="time limit of one API call, in seconds (default: 120)",
    )
    group.add_argument(
        "--api-base",
        metavar="URL",
        default="https://api.justoneapi.com",
        help="address of the API (default: https://api.justoneapi.com)",
    )
    group.add_argument(
        "--allow-plain-http",
        action="store_true",
        help="allow an --api-base with plain http; the token then travels unencrypted",
    )


def _add_network(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "-j",
        "--jobs",
        metavar="N",
        type=number(1, 512),
        default=16,
        help="parallel downloads (default: 16)",
    )
    group.add_argument(
        "--per-host",
        metavar="N",
        type=number(1, 512),
        default=8,
        help="parallel downloads from one host (default: 8)",
    )
    group.add_argument(
        "--no-ranges",
        action="store_true",
        help="use one connection per file (default: up to four for a file over 16 MB, while fewer than "
        "--jobs downloads are active)",
    )
    group.add_argument(
        "--retries",
        metavar="N",
        type=number(0, 100),
        default=2,
        help="retries after a fault that may pass (default: 2)",
    )
    group.add_argument(
        "--retry-wait",
        metavar="S",
        type=seconds,
        default=1.0,
        help="seconds before the first retry, doubled for each further one (default: 1); five times as long "
        "while the API replies to no note",
    )
    group.add_argument(
        "--timeout",
        metavar="S",
        type=positive_seconds,
        default=30.0,
        help="longest wait for the headers of a response, and for the next bytes of a download, in seconds "
        "(default: 30)",
    )
    group.add_argument(
        "--min-rate",
        metavar="RATE",
        help="least bytes per second of a download, on average over twice --timeout: 500, 2K, 1M. A slower "
        "host gives way to the next mirror (default: XHARCHIVE_MIN_RATE, else 256; 0: any rate)",
    )
    group.add_argument(
        "--patience",
        metavar="S",
        help="longest total wait for one file, in seconds: pauses before retries and for busy hosts, not the "
        "download itself (default: XHARCHIVE_PATIENCE, else 120 for hosts that say how long they are busy, "
        "else 70 times --retry-wait)",
    )
    group.add_argument(
        "--prefer",
        metavar="WHICH",
        choices=("original", "largest", "fast"),
        default="original",
        help="what to try first: original (the upload), largest, or fast, the lightest (default: original)",
    )
    group.add_argument(
        "--allow-host",
        metavar="HOST[:PORT]",
        action="append",
        default=[],
        help="allow a further media host (repeatable, comma-separated, also XHARCHIVE_ALLOW_HOSTS). A "
        "loopback or private address needs its exact port",
    )
    group.add_argument(
        "--resolve",
        metavar="HOST=ADDRESS:PORT",
        action="append",
        default=[],
        help="send the requests for a host to another address, over plain http (repeatable; *: every media "
        "host)",
    )


def _add_proxies(group: "argparse._MutuallyExclusiveGroup") -> None:
    group.add_argument(
        "--proxy",
        metavar="URL",
        help="send API calls and downloads through a proxy: http://HOST:PORT, or socks5h://HOST:PORT with "
        "aiohttp-socks installed (default: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, except for NO_PROXY)",
    )
    group.add_argument("--no-proxy", action="store_true", help="ignore the proxies of the environment")


def _add_pictures(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--image-format",
        metavar="FORMAT",
        choices=("keep", "jpeg", "png", "webp", "avif"),
        default="jpeg",
        help="format of the copy beside each HEIF picture: jpeg, png, webp, avif, or keep for no copy "
        "(default: jpeg)",
    )
    group.add_argument(
        "--quality",
        metavar="N",
        type=number(1, 100),
        default=92,
        help="quality of these copies, from 1 to 100 (default: 92)",
    )


def add_output(group: "argparse._ArgumentGroup") -> None:
    """Add the options that say what is printed, and --no-gallery."""
    group.add_argument("-q", "--quiet", action="store_true", help="print problems only")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="print each API call and each refused address too"
    )
    group.add_argument("--json", action="store_true", help="print events as JSON lines on standard output")
    group.add_argument(
        "--no-gallery",
        action="store_true",
        help="do not refresh the gallery at the end (later: xharchive gallery)",
    )
