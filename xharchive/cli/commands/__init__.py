"""The commands. Only the module of the called one is imported.

The module has `VERBS`, which says by command what its help prints and which options it has, and a function

    def run(args: argparse.Namespace, console: Console) -> int

that does the work and returns the exit code. It makes values of the arguments at once: `args.verb` is the
command, `args.directory` the folder of the archive. It imports late what help does not need, so that help is
quick. It raises UsageError (wrong input or setting, no archive), Refused (the user does not confirm the
cost), ArchiveError (the archive cannot be read or written, or another process writes to it), and
KeyboardInterrupt or Terminated at a signal.
"""

COMMANDS = {
    "get": ("get", "archive notes: ids, links or share texts"),
    "search": ("listings", "list notes by keyword"),
    "author": ("listings", "list the notes of a user"),
    "topic": ("listings", "list the notes of a topic"),
    "feed": ("listings", "list the notes that a channel of the feed recommends"),
    "resume": ("resume", "continue what earlier runs did not finish"),
    "ls": ("ls", "list archived notes"),
    "find": ("ls", "find archived notes by their words"),
    "show": ("show", "show one archived note"),
    "open": ("open", "open the gallery, or a note, in the browser or as a folder"),
    "gallery": ("rebuild", "refresh the gallery"),
    "preview": ("rebuild", "make small versions of videos that browsers may not show"),
    "status": ("status", "count archived notes, missing assets and paid calls"),
    "verify": ("verify", "check every file against its manifest"),
    "cost": ("status", "add up the API calls so far"),
    "reparse": ("rebuild", "read saved replies again after an update"),
    "reindex": ("rebuild", "build the index again from the manifests"),
    "demo": ("demo", "archive sample notes from a local server; needs no token"),
}
"""The commands in the order of the help, each with its module and its line there."""
