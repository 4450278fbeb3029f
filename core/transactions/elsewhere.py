"""Accounts that settlement has to leave alone for a moment: somebody else holds their rows.

A worker that hangs, an officer's change under way, another worker whose lock ran out: whoever holds
a row is not waited for. What touches the account stays pending, in order, and its turn comes again
soon, less often the longer the row is held.
"""

import random
from collections.abc import Iterable
from time import monotonic
from typing import Final
from uuid import UUID

FIRST_PAUSE_SECONDS: Final = 0.04
LONGEST_PAUSE_SECONDS: Final = 0.5


class LockedElsewhere:
    """The accounts that one settler leaves alone, and until when."""

    def __init__(self) -> None:
        self._closed: dict[UUID, tuple[float, float]] = {}  # until, and after which pause
        self._on_trial: dict[UUID, float] = {}

    def note(self, accounts: Iterable[UUID]) -> None:
        """Others hold these: leave them alone for a moment, each time twice as long."""
        now = monotonic()
        for account in accounts:
            # Each a little different: two that hold what the other needs do not meet for ever.
            spread = random.uniform(0.7, 1.3)  # noqa: S311 - nobody gains by guessing it
            pause = 2 * self._on_trial.pop(account, FIRST_PAUSE_SECONDS / 2)
            pause = min(pause, LONGEST_PAUSE_SECONDS)
            self._closed[account] = (now + pause * spread, pause)

    def look(self) -> list[UUID]:
        """The accounts to leave alone in the round that begins; the others have their chance."""
        if not self._closed:
            self._on_trial.clear()
            return []
        now = monotonic()
        due = [account for account, (until, _) in self._closed.items() if until <= now]
        for account in due:
            _, self._on_trial[account] = self._closed.pop(account)
        return list(self._closed)

    def waited_for(self, accounts: Iterable[UUID]) -> bool:
        """Whether one of ``accounts`` was held the last time, too, before it had another chance."""
        return not self._on_trial.keys().isdisjoint(accounts)

    def seconds_left(self) -> float | None:
        """Until the first of them may be tried again; None where none is left alone."""
        if not self._closed:
            return None
        return max(0.0, min(until for until, _ in self._closed.values()) - monotonic())
