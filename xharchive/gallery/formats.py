"""Formats values for the gallery's pages."""

import re
from datetime import datetime
from urllib.parse import quote

from xharchive.naming import CHINA_TIME

_OUTSIDE = re.compile(r"https://[a-z0-9.-]+(?:[/?#]|$)")
_INSIDE = re.compile(r"(?!//)[^:\\\x00-\x20\x7f]+")
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8}){0,3}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def file_href(path: str) -> str:
    """Return the href of a file or folder, relative to the same folder as its path."""
    return quote(path, errors="replace")


def china_time(moment: datetime | None) -> str:
    """Return a time as ISO 8601 in the platform's time; "" for None."""
    return moment.astimezone(CHINA_TIME).isoformat(timespec="seconds") if moment else ""


def href(address: str) -> str:
    """Return a relative or https URL unchanged; "" for any other, such as `javascript:` (a second check)."""
    inside, _, fragment = address.partition("#")
    safe_inside = (not inside or _INSIDE.fullmatch(inside)) and "\\" not in fragment
    return address if _OUTSIDE.match(address) or (address and safe_inside) else ""


def language(label: str) -> str:
    """Return a subtitle's label if it is a language tag (BCP 47), else the platform's language."""
    return label if _LANGUAGE.fullmatch(label) else "zh-CN"


def moment(iso: str) -> str:
    """Return an ISO time as text for a page without scripts: date and time in +08:00, to the minute."""
    found = _MOMENT.match(iso)
    return f"{found[1]} {found[2]}" if found else iso


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Return a number of bytes with a decimal unit."""
    if count < 1000:
        return f"{count} B"
    value, unit = (count / 1_000_000, "MB") if count >= 1_000_000 else (count / 1000, "kB")
    return f"{value:.1f} {unit}"
