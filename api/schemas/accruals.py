"""The shape of a loan's interest as it was earned."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel

from api.schemas.fields import Money
from core.foundation.money import to_major
from core.lending.servicing.accrual_history import InterestEntry


class AccrualAnswer(BaseModel):
    """Interest that the loan earned for a day; below zero where it was taken back.

    ``transaction_id`` is the entry in the books: that of all loans for the day, of which this is
    the loan's part, or one of the loan's own.
    """

    date: date
    amount: Money
    currency: str
    transaction_id: UUID

    @classmethod
    def of(cls, earned: InterestEntry, currency: str) -> "AccrualAnswer":
        """The entry as answered."""
        return cls(
            date=earned.on,
            amount=to_major(earned.amount_minor, currency),
            currency=currency,
            transaction_id=earned.transaction_id,
        )


class Accruals(BaseModel):
    """A page of a loan's interest, the latest first."""

    items: list[AccrualAnswer]
    next_cursor: str | None
