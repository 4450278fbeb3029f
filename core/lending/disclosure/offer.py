"""What a borrower is offered: the terms, the schedule, and what everything costs.

Pure values. Amounts in minor units of the loan's currency, rates in percent a year.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Self
from uuid import UUID

from core.foundation.config import Settings
from core.lending.amortisation import Instalment, Schedule, Terms, apr, ear, finance_charge_minor


@dataclass(frozen=True, slots=True)
class Creditor:
    """The bank as it introduces itself; what is empty is not told."""

    name: str
    address: str = ""
    phone: str = ""
    email: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The bank of these settings."""
        return cls(
            settings.bank_name, settings.bank_address, settings.bank_phone, settings.bank_email
        )


@dataclass(frozen=True, slots=True)
class OfferedFee:
    """A fee that every borrower of this loan pays; ``amount_minor`` with the tax on it."""

    name: str
    when: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Contingencies:
    """In words, what is charged only if something happens, and which debts a payment settles."""

    overdue: str
    late_fee: str
    foreclosure: str
    others: str
    allocation: str


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments of one amount, one after the other."""

    count: int
    amount_minor: int
    first_due: date


@dataclass(frozen=True, slots=True)
class Offer:
    """A loan as it is offered on the day ``on``; its schedule counts from that day.

    ``terms.fee_minor`` is withheld from the disbursement; ``fees`` say what it consists of, and
    what the instalments ask beside.
    """

    creditor: Creditor
    loan_id: UUID
    borrower: str
    product: str
    account_number: str
    currency: str
    on: date
    tenure_months: int
    frequency: str
    terms: Terms
    schedule: Schedule
    fees: tuple[OfferedFee, ...]
    contingencies: Contingencies
    withdrawal_days: int

    @property
    def rows(self) -> tuple[Instalment, ...]:
        """The instalments."""
        return self.schedule.instalments

    @property
    def received_minor(self) -> int:
        """What the borrower gets: the loan less what is withheld of it."""
        return self.terms.principal_minor - self.terms.fee_minor

    @property
    def finance_charge_minor(self) -> int:
        """What the loan costs in all."""
        return finance_charge_minor(self.terms, self.schedule)

    @property
    def apr(self) -> Decimal | None:
        """The annual percentage rate by Regulation Z, Appendix J; None where too high to tell."""
        return apr(self.terms, self.schedule)

    @property
    def ear(self) -> Decimal | None:
        """The effective annual rate by Directive 2008/48/EC; None where too high to tell."""
        return ear(self.terms, self.schedule)

    def payments(self) -> Iterator[Payments]:
        """The payments in order, those of one amount together; instalments of nothing left out."""
        asking = (row for row in self.rows if row.total_minor)
        for amount, run in groupby(asking, key=lambda row: row.total_minor):
            rows = list(run)
            yield Payments(len(rows), amount, rows[0].due_date)
