"""The one place where anything a picture library raises is caught."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Refused", "attempt"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """A library gave up on the data; `error` is what it raised."""

    error: Exception

    @property
    def reason(self) -> str:
        """The error as one short printable line, without addresses of objects."""
        text = str(self.error)
        if not text or " at 0x" in text:
            return type(self.error).__name__
        line = "".join(letter if letter.isprintable() else " " for letter in text)
        return line[:120].strip().rstrip(".")


def attempt(step: Callable[[], T]) -> T | Refused:
    """Return what the step returns, or how the library refused the data."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - hostile bytes can make a decoder raise anything
        return Refused(error)
