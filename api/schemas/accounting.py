"""The accounting periods' shapes."""

from datetime import date, datetime
from uuid import UUID

from pydantic import BaseModel

from api.http.strict_json import Body, example
from api.schemas.fields import IsoDate, Text500
from core.ledger.periods import Lock


class PeriodLock(Body):
    """Lock the books through a date that is over, for good."""

    model_config = example({"locked_through": "2026-10-31", "reason": "October is reported"})
    locked_through: IsoDate
    reason: Text500 | None = None


class PeriodAnswer(BaseModel):
    """A lock; ``sealed`` once what was under way at the lock has ended, so that nothing evades it.

    An unsealed lock holds for everything that begins: ask for the same date again to seal it.
    """

    locked_through: date
    locked_at: datetime
    locked_by: UUID
    reason: str | None
    sealed: bool

    @classmethod
    def of(cls, lock: Lock) -> "PeriodAnswer":
        """The lock as answered."""
        return cls.model_validate(lock, from_attributes=True)


class Periods(BaseModel):
    """A page of locks, the latest first."""

    items: list[PeriodAnswer]
    next_cursor: str | None
