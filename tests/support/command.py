"""The real command line, run in this process: arguments in; exit code, output and events out."""

import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema

from xharchive import manifest
from xharchive.cli import main


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code, standard output and error."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def report(self) -> dict[str, Any]:
        """The event that ends a run."""
        return next(event for event in self.events if event["event"] == "run_finished")


def run(arguments: Sequence[str | Path]) -> Ran:
    """Run `xharchive` with these arguments, in this process."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse leaves this way
            code = int(stopped.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


_VALIDATOR = jsonschema.Draft202012Validator(manifest.json_schema())


def manifests(archive: Path, note_id: str = "") -> dict[str, dict[str, Any]]:
    """Return the manifests of an archive, or of one note, by id: each valid by the schema, and read back."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(archive.glob(f"*{note_id}/manifest.json")):
        data = json.loads(path.read_text("utf-8"))
        _VALIDATOR.validate(data)
        assert manifest.to_json(manifest.parse(path.read_bytes())) == path.read_text("utf-8")
        found[data["id"]] = data
    return found


def folder_of(archive: Path, note_id: str) -> Path:
    """Return the folder of a note."""
    (found,) = archive.glob(f"*{note_id}")
    return found


def ledger(archive: Path) -> list[dict[str, Any]]:
    """Return the lines of an archive's ledger."""
    path = archive / ".xharchive" / "ledger.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
