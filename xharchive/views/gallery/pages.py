"""Stub until the front end arrives."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from xharchive.views.gallery.model import Card, NotePage

VERSION = "stub"


def index_page(shards: Sequence[str], notes: int) -> str:
    return f"<!doctype html><title>{notes}</title>" + "".join(f'<script src="{s}"></script>' for s in shards)


def note_page(page: NotePage) -> str:
    return "<!doctype html>" + json.dumps(asdict(page))


def shard(cards: Sequence[Card]) -> str:
    return "xharchive.add(" + json.dumps([asdict(c) for c in cards]) + ");\n"


def static_files() -> Iterable[tuple[str, bytes]]:
    return [("gallery.css", b"body{}")]
