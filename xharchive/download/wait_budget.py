"""How long one asset is waited for in all: pauses between tries, and hosts that ask for time or back off."""

__all__ = ["Patience"]

_ASKED_FOR = 120.0
_UNASKED_PAUSES = 70.0


class Patience:
    """The seconds for which an asset may still be waited for. Time in which bytes arrive does not count.

    `seconds` is the limit that the user set. Without one (None), hosts that say how long they want to be left
    alone (Retry-After) get up to 120 seconds, all other waits together up to 70 times `first_wait`, the first
    pause before a further try: an outage of a minute does not exhaust either.
    """

    def __init__(self, seconds: float | None = None, first_wait: float = 1.0) -> None:
        self._left = _ASKED_FOR if seconds is None else seconds
        self._unasked_left = _UNASKED_PAUSES * first_wait if seconds is None else seconds
        self.is_used_up = False

    def spend(self, seconds: float, *, asked: bool = False) -> bool:
        """Take these seconds off if as many are left; return whether they were.

        `asked`: the host itself asked for that time. A wait that is cut short is useless, so it is not begun.
        """
        if seconds > self._left or (not asked and seconds > self._unasked_left):
            self.is_used_up = True
            return False
        self._left -= seconds
        if not asked:
            self._unasked_left -= seconds
        return True
