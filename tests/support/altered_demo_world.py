"""The demo world with replies told otherwise, with more notes, or with other bytes behind its URLs."""

import copy
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from xharchive.demo.world import DemoWorld, ServedFile

__all__ = ["AlteredWorld", "note_in"]

_COPY = re.compile(r"^/copy\d+(?=/)")

Change = Callable[[dict[str, Any]], Any]
"""Given a reply, what to answer instead: a JSON value, or the body itself as bytes."""


class AlteredWorld(DemoWorld):
    """A world made from another one, whose media it shares; the other stays as it was."""

    def __init__(self, original: DemoWorld) -> None:
        self.__dict__.update(original.__dict__)
        self._notes = dict(original._notes)
        self._changes: dict[tuple[str, str], Change] = {}
        self._bodies: list[tuple[str, bytes]] = []
        self._served = dict(original._served)

    def tells(self, endpoint: str, note_id: str, change: Change) -> None:
        """Have a note's reply at an endpoint changed before it is sent."""
        self._changes[endpoint, note_id] = change

    def tells_in_turn(self, endpoint: str, note_id: str, *changes: Change) -> None:
        """Have the first reply changed by the first of these, the second by the second; then by the last."""
        waiting = list(changes)

        def next_one(told: dict[str, Any]) -> Any:
            change = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return change(told)

        self.tells(endpoint, note_id, next_one)

    def serves(self, start: str, body: bytes) -> None:
        """Have every path that starts like this (without its slash) answered by these bytes."""
        self._bodies.append((start, body))

    def changes(self, start: str, body: bytes) -> None:
        """Have paths that start like this answered by other bytes from now on, under another ETag."""
        self._bodies.insert(0, (start, body))

    def copies(self, note_id: str, copies: Mapping[str, Change]) -> None:
        """Add notes that are like a known one but for their ids and one change to each v1 reply."""
        for copied, change in copies.items():
            self._notes[copied] = replace(self._notes[note_id], id=copied)
            self._changes["v1", copied] = change

    def reply(self, endpoint: str, note_id: str) -> bytes:
        """Return the reply, changed if a test asked for it."""
        body = super().reply(endpoint, note_id)
        change = self._changes.get((endpoint, note_id))
        if change is None:
            return body
        told = json.loads(body)
        if (note := note_in(told)) and endpoint == "v1":
            note["id"] = note_id
        changed = change(copy.deepcopy(told))
        return changed if isinstance(changed, bytes) else json.dumps(changed).encode()

    def media(self, host: str, raw_path_and_query: str) -> ServedFile | None:
        """Return what a host serves, or the other bytes of a test; "/copy1/x", "/copy2/x" … are "/x" too."""
        path = _COPY.sub("", raw_path_and_query)
        found = super().media(host, path)
        for start, body in self._bodies:
            if found and path.startswith("/" + start):
                return replace(found, body=body, etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"')
        return found


def note_in(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the note of a v1 reply, {} for a reply without one."""
    data = reply.get("data")
    found = data[0]["note_list"][0] if isinstance(data, list) and data and "note_list" in data[0] else {}
    return dict[str, Any]() if not isinstance(found, dict) else found
