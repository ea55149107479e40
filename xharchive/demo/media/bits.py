"""Writes values bit by bit, most significant bit first, for H.264 and AAC."""

__all__ = ["BitWriter"]


class BitWriter:
    """Collects bits; `data` has the complete bytes."""

    __slots__ = ("_count", "_pending", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._pending = 0
        self._count = 0

    def bits(self, value: int, width: int) -> None:
        """Append `value` as `width` bits."""
        self._pending = (self._pending << width) | value
        self._count += width
        while self._count >= 8:
            self._count -= 8
            self.data.append(self._pending >> self._count)
            self._pending &= (1 << self._count) - 1

    def unsigned(self, value: int) -> None:
        """Append `value` as an unsigned Exp-Golomb code, ue(v) of H.264 clause 9.1."""
        coded = value + 1
        self.bits(coded, 2 * coded.bit_length() - 1)

    def align(self) -> None:
        """Fill the current byte with zero bits."""
        if self._count:
            self.bits(0, 8 - self._count)

    def raw(self, chunk: bytes) -> None:
        """Align, then append bytes."""
        self.align()
        self.data += chunk
