"""What a terminal shows after some output: carriage returns, line feeds, moves up and erased lines obeyed."""

import io
import re

__all__ = ["Terminal", "shown_on_screen"]

_PARTS = re.compile(r"\x1b\[(\d*)([A-Za-z])|([^\x1b])", re.DOTALL)


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown_on_screen(text: str) -> list[str]:
    """Return the lines that stand on the screen at the end, without blank ones."""
    rows: list[list[str]] = [[]]
    row = column = 0
    for match in _PARTS.finditer(text):
        count, command, char = match.groups()
        if command == "A":
            row = max(0, row - int(count or 1))
        elif command == "K":
            del rows[row][column:]
        elif char == "\n":
            row, column = row + 1, 0
            rows.extend([] for _ in range(row + 1 - len(rows)))
        elif char == "\r":
            column = 0
        elif char:
            rows[row] += " " * (column + 1 - len(rows[row]))
            rows[row][column] = char
            column += 1
    lines = ("".join(line).rstrip() for line in rows)
    return [line for line in lines if line]
