"""Limit the total time that one asset waits: pauses between tries, and backoffs of its hosts."""

_RETRY_AFTER_SECONDS = 120.0
_OWN_PAUSES = 70.0


class WaitBudget:
    """Count down the seconds that an asset may still wait. Time in which bytes arrive does not count.

    Args:
        seconds: The user's limit. None for the defaults: hosts that ask for a pause (Retry-After) get up to
            120 seconds, all other waits together up to 70 times `first_wait`. This survives an outage of a
            minute.
        first_wait: Seconds of the first pause before a retry.
    """

    def __init__(self, seconds: float | None = None, first_wait: float = 1.0) -> None:
        self._total_left = _RETRY_AFTER_SECONDS if seconds is None else seconds
        self._own_left = _OWN_PAUSES * first_wait if seconds is None else seconds
        self.is_used_up = False

    def spend(self, seconds: float, *, requested_by_host: bool = False) -> bool:
        """Deduct a wait, if enough seconds are left for all of it. Return whether there were.

        A shortened wait is useless, so the caller must not begin it.

        Args:
            requested_by_host: The host itself asked for the wait.
        """
        if seconds > self._total_left or (not requested_by_host and seconds > self._own_left):
            self.is_used_up = True
            return False
        self._total_left -= seconds
        if not requested_by_host:
            self._own_left -= seconds
        return True
