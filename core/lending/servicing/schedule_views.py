"""Schedules as they are shown."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from core.business_day.dates import business_date
from core.foundation.database import Reader
from core.lending import amortisation
from core.lending.amortisation import DayCount, Method
from core.lending.origination.basis import Basis
from core.lending.origination.products import FrequencySpec
from core.lending.servicing.allocation import Split, total
from core.lending.servicing.line_rows import LINE_COLUMNS, line_of
from core.lending.servicing.loan_book import Line
from core.lending.servicing.overdue import IS_OVERDUE
from core.lending.servicing.views import LoanView, find_loan

_LINES = f"""
SELECT {LINE_COLUMNS}, CASE
  WHEN i.paid_on IS NOT NULL THEN 'paid'
  WHEN {IS_OVERDUE} THEN 'overdue'
  WHEN i.penalty_paid_minor + i.fee_paid_minor + i.interest_paid_minor + i.principal_paid_minor
       > i.prepaid_minor THEN 'partial'
  WHEN i.due_date <= $1 THEN 'due' ELSE 'future' END AS status
FROM loan_instalments i CROSS JOIN (SELECT dpd, assessed_on FROM loans WHERE id = $2) l
WHERE i.loan_id = $2 AND i.superseded_at IS NULL ORDER BY i.number
"""  # noqa: S608 - columns and a rule of other files


@dataclass(frozen=True, slots=True)
class LineView:
    """One instalment; ``status`` is due, paid, partial, overdue or future.

    Principal paid ahead of time with it (``prepaid_minor``) stands beside what it asks and what is
    paid of that. Amounts in minor units.
    """

    line: Line
    status: str

    @classmethod
    def planned(cls, row: amortisation.Instalment) -> "LineView":
        """An instalment of a schedule that no loan has yet."""
        asked = Split(fee=row.fee_minor, interest=row.interest_minor, principal=row.principal_minor)
        line = Line(
            version=0,
            number=row.number,
            period_start=row.start_date,
            due_date=row.due_date,
            opening=row.opening_balance_minor,
            asked=asked,
            prepaid=row.prepayment_minor,
        )
        return cls(line, "future")

    @property
    def number(self) -> int:
        """From 1."""
        return self.line.number

    @property
    def due_date(self) -> date:
        """When it falls due."""
        return self.line.due_date

    @property
    def opening_balance_minor(self) -> int:
        """The principal outstanding before it."""
        return self.line.opening

    @property
    def principal_minor(self) -> int:
        """The principal it asks."""
        return self.line.asked.principal - self.line.prepaid

    @property
    def interest_minor(self) -> int:
        """The interest it asks."""
        return self.line.asked.interest

    @property
    def fee_minor(self) -> int:
        """The fees it asks."""
        return self.line.asked.fee

    @property
    def penalty_minor(self) -> int:
        """The penalties charged on it."""
        return self.line.asked.penalty

    @property
    def total_minor(self) -> int:
        """All that it asks."""
        return self.line.asked.total - self.line.prepaid

    @property
    def prepaid_minor(self) -> int:
        """Principal paid ahead of time with it."""
        return self.line.prepaid

    @property
    def balance_minor(self) -> int:
        """The principal outstanding after it."""
        return self.line.opening - self.line.asked.principal

    @property
    def paid_minor(self) -> int:
        """What is paid of what it asks."""
        return self.line.paid.total - self.line.prepaid


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A loan's current schedule, the one it would have if it were paid out today, or a quote's."""

    amount_minor: int
    currency: str
    interest_rate: Decimal
    tenure_months: int | None
    method: Method
    frequency: FrequencySpec
    day_count: DayCount
    emi_minor: int
    finance_charge_minor: int
    apr: Decimal | None
    ear: Decimal | None
    lines: list[LineView]

    @property
    def total_interest_minor(self) -> int:
        """All interest of the schedule."""
        return total(view.line.asked for view in self.lines).interest

    @property
    def total_payable_minor(self) -> int:
        """All that the schedule asks, with the charges so far."""
        return total(view.line.asked for view in self.lines).total


async def find_schedule(
    reader: Reader, loan_id: UUID, *, owner_id: UUID | None, time_zone: str
) -> ScheduleView:
    """The loan's current schedule. Raises LoanNotFound."""
    loan = await find_loan(reader, loan_id, owner_id=owner_id, time_zone=time_zone)
    today = await business_date(reader, time_zone)
    rows = await reader.fetch(_LINES, today, loan_id)
    basis = _first_basis(loan, today)
    projected = basis.project(loan.terms, loan.currency, loan.processing_fee_minor)
    fee_in = basis.terms(loan.terms, loan.currency, loan.processing_fee_minor)
    return ScheduleView(
        amount_minor=loan.amount_minor,
        currency=loan.currency,
        interest_rate=loan.interest_rate,
        tenure_months=loan.tenure_months,
        method=loan.terms.method,
        frequency=loan.terms.frequency,
        day_count=loan.terms.day_count,
        emi_minor=loan.emi_minor,
        finance_charge_minor=amortisation.finance_charge_minor(fee_in, projected),
        apr=amortisation.apr(fee_in, projected),
        ear=amortisation.ear(fee_in, projected),
        lines=[LineView(line_of(row), row["status"]) for row in rows]
        or [LineView.planned(row) for row in projected.instalments],
    )


def _first_basis(loan: LoanView, today: date) -> Basis:
    """What the current schedule was computed from, before any prepayment."""
    if loan.basis is not None:
        return Basis.from_json(loan.basis)
    count = loan.terms.instalments(loan.tenure_months)
    return Basis(today, loan.amount_minor, loan.interest_rate, count)
