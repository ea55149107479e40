"""Catch any exception of an image library, in one place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["DecodeRefused", "attempt"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DecodeRefused:
    """A library refused the data. `error` is its exception."""

    error: Exception

    @property
    def reason(self) -> str:
        """The error as one short printable line, without memory addresses."""
        text = str(self.error)
        if not text or " at 0x" in text:
            return type(self.error).__name__
        line = "".join(letter if letter.isprintable() else " " for letter in text)
        return line[:120].strip().rstrip(".")


def attempt(step: Callable[[], T]) -> T | DecodeRefused:
    """Run a step of a library; return its result, or the refusal if it raises."""
    try:
        return step()
    except Exception as error:  # noqa: BLE001 - hostile bytes can make a decoder raise anything
        return DecodeRefused(error)
