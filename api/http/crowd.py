"""How many requests are under way: in the process, and of each user."""

from typing import Final
from uuid import UUID

from core.foundation import metrics
from core.foundation.errors import Overloaded, TooManyRunning

QUEUE: Final = "requests"


class Crowd:
    """Lets ``most`` requests in at a time, of one user ``most_each``."""

    def __init__(self, *, most: int, most_each: int) -> None:
        self._room = most
        self._most_each = most_each
        self._by_user: dict[UUID, int] = {}

    def enter(self) -> None:
        """Let one in. Raises Overloaded."""
        if self._room <= 0:
            metrics.shed.labels(QUEUE).inc()
            raise Overloaded
        self._room -= 1

    def leave(self) -> None:
        """One is answered."""
        self._room += 1

    def enter_as(self, user_id: UUID) -> None:
        """Let one of the user's in. Raises TooManyRunning."""
        running = self._by_user.get(user_id, 0)
        if running >= self._most_each:
            metrics.shed.labels("user").inc()
            raise TooManyRunning
        self._by_user[user_id] = running + 1

    def leave_as(self, user_id: UUID) -> None:
        """One of the user's is answered."""
        left = self._by_user[user_id] - 1
        if left:
            self._by_user[user_id] = left
        else:
            del self._by_user[user_id]
