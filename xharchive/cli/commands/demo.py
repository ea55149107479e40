"""`xharchive demo`: run the program against a local API and CDN; needs no token and no network."""

import argparse

from xharchive.cli.help import CommandParser
from xharchive.cli.option_values import number
from xharchive.cli.options import add_directory, add_output

__all__ = ["configure", "run"]

_DIRECTORY = "demo-archive"


def configure(parser: CommandParser) -> None:
    """Describe the command and add its options."""
    parser.describe(
        description="Start the bundled API and CDN on this machine, archive their notes, and print\n"
        "where the gallery is and what to do next. -v also prints what each note shows.\n"
        "With --serve the server stays up, and a command to try against it is printed.",
        examples="""\
  xharchive demo
  xharchive demo -d /tmp/notes
  xharchive demo --serve --port 8080
""",
    )
    add_directory(parser, _DIRECTORY)
    group = parser.group("network")
    group.add_argument("--serve", action="store_true", help="only serve, until Ctrl-C")
    group.add_argument(
        "--port",
        metavar="N",
        type=number(0, 65_535),
        default=0,
        help="port of the server (default: any free one)",
    )
    add_output(parser.group("output"))


def run(args: argparse.Namespace) -> int:
    """Archive the demo's notes, or serve them; return the exit code."""
    from xharchive.cli.demo_run import archive_demo, serve_demo

    return serve_demo(args) if args.serve else archive_demo(args)
