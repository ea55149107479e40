"""The commands: one module each, with its options and its run. Only the called one is imported."""

import argparse
import importlib
from typing import Protocol, cast

from xharchive.cli.console import Console
from xharchive.cli.help import CommandParser

SUMMARIES = {
    "get": "archive notes: ids, links or share texts",
    "search": "list notes by keyword",
    "author": "list the notes of a user",
    "topic": "list the notes of a topic",
    "feed": "list the notes that a channel of the feed recommends",
    "resume": "continue what earlier runs did not finish",
    "ls": "list archived notes",
    "find": "find archived notes by their words",
    "show": "show one archived note",
    "open": "open the gallery, or a note, in the browser or as a folder",
    "gallery": "refresh the gallery",
    "preview": "make small versions of videos that browsers may not show",
    "status": "count archived notes, missing assets and paid calls",
    "verify": "check every file against its manifest",
    "cost": "add up the API calls so far",
    "reparse": "read saved replies again after an update",
    "reindex": "build the index again from the manifests",
    "demo": "archive sample notes from a local server; needs no token",
}
"""The commands in the order of the help, each with its line there. A module of this folder has each name."""


class Command(Protocol):
    """What the module of a command has. It imports what `run` needs late, so that its help is quick."""

    def configure(self, parser: CommandParser) -> None:
        """Describe the command and add its options."""

    def run(self, args: argparse.Namespace, console: Console) -> int:
        """Do the work and return the exit code.

        Args:
            args: the arguments, with the folder of the archive; the command makes a value of them at once.
            console: prints problems, and how to continue after an interruption.

        Raises:
            UsageError: the input or a setting is wrong, or there is no archive.
            Refused: the user does not confirm the cost.
            ArchiveError: the archive cannot be read or written, or another process writes to it.
            KeyboardInterrupt, Terminated: a signal arrived.
        """


def load_command(verb: str) -> Command:
    """Import the module of a command."""
    return cast("Command", importlib.import_module(f"{__name__}.{verb}"))
