"""What the business day works with, in one process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from core.business_day.dates import BankClock
from core.business_day.steps import Steps
from core.foundation.database import Database


@dataclass(frozen=True, slots=True)
class Desk:
    """The database, the table of steps, and who helps.

    ``settle`` settles some pending transactions in this very process while a run waits for them,
    and answers how many; None leaves that to the workers. ``call_helpers`` asks other processes
    to drive the same run.
    """

    database: Database
    steps: Steps
    bank_clock: BankClock
    settle: Callable[[], Awaitable[object]] | None = None
    call_helpers: Callable[[UUID], Awaitable[object]] | None = None
