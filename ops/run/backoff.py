"""How long a child that ended waits for its next start."""

# Who ends within this many seconds of its start died young: a second time in a row it has to wait.
YOUNG_SECONDS = 5.0
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# Where nobody else of its kind runs, the bank stands still without it.
LONGEST_DELAY_ALONE_SECONDS = 2.0


class Backoff:
    """Who lived is started again at once; who dies young again and again waits longer and longer.

    A kill, however often it comes, is no crash loop: what has run for a while costs nothing to
    start again. A start that fails by itself fails within seconds.
    """

    def __init__(self) -> None:
        self._young_deaths = 0

    def delay(self, lived_seconds: float, *, alone: bool) -> float:
        """Seconds to wait before the next start of a child that lived this long.

        `alone`: nobody else of its kind runs. Doubling from half a second, to 30 seconds at most
        and to 2 seconds where it is alone.
        """
        if lived_seconds >= YOUNG_SECONDS:
            self._young_deaths = 0
            return 0.0
        self._young_deaths += 1
        if self._young_deaths == 1:
            return 0.0
        longest = LONGEST_DELAY_ALONE_SECONDS if alone else LONGEST_DELAY_SECONDS
        doublings = min(self._young_deaths - 2, 10)
        return float(min(FIRST_DELAY_SECONDS * 2**doublings, longest))
