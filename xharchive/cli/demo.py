"""`xharchive demo`: the whole program against a local API and CDN, with no token and no network."""

import argparse

from xharchive.cli.options import add_directory, add_output, add_verb

__all__ = ["add", "run"]

_DIRECTORY = "demo-archive"


def add(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = add_verb(
        verbs,
        "demo",
        run,
        summary="try it: archives sample notes from a local server, no token needed",
        description="Start the bundled API and CDN here, archive their notes, say where the gallery is and\n"
        "what to do next; with -v, also what each note is there to show.\n"
        "With --serve the server stays up, and the command line to try against it is printed.",
        examples="""\
  xharchive demo
  xharchive demo -d /tmp/notes
  xharchive demo --serve --port 8080
""",
    )
    add_directory(parser, _DIRECTORY)
    parser.add_argument("--serve", action="store_true", help="only serve, until Ctrl-C")
    parser.add_argument(
        "--port", metavar="N", type=_port, default=0, help="port of the server (default: any free one)"
    )
    add_output(parser.add_argument_group("output"))


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, not {text}")
    return value


def run(args: argparse.Namespace) -> int:
    """Archive the demo's notes, or serve them; return the exit code."""
    from xharchive.cli.demo_run import archive_demo, serve_demo

    return serve_demo(args) if args.serve else archive_demo(args)
